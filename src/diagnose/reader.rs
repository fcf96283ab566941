//! Checks of the reader, made as the role and with its claims: privileges, policies, filter, recent changes.

use super::answer::{checked, Caller, Failed, Finding, Question, CLAIMS};
use super::fan_out;
use super::recent;
use crate::error::Result;
use crate::feed::judge;
use crate::feed::relation::Relation;
use crate::pg::backend::setting_level::Setting;
use crate::pg::catalog::acl;
use crate::pg::catalog::policies::select_policies;
use crate::pg::catalog::privilege;
use crate::pg::judge::policy::Compiled;
use crate::pg::judge::visible::any_row;
use crate::pg::judge::visible::Look;

/// How many characters of a claim's value are shown.
const SHOWN: usize = 500;

/// The claims that the checks use: those that the caller gave or has set.
pub fn claims(question: &Question, settings: &[Setting], has_policies: bool) -> Finding {
    let check = "claims";
    let set: Vec<(String, String)> = settings
        .iter()
        .map(|(name, value)| (name.to_string_lossy(), value.to_string_lossy()))
        .filter(|(name, value)| name.to_lowercase().starts_with("request.") && !value.is_empty())
        .map(|(name, value)| (name.into_owned(), value.into_owned()))
        .collect();
    if set.is_empty() {
        let detail = "None: no claims were given, and request.jwt.claims is not set.";
        if !has_policies {
            return Finding::ok(check, detail);
        }
        return Finding::note(
            check,
            detail,
            "If the policies use claims, call diagnose() with the claims of the reader.",
        );
    }
    let shown = |(name, value): &(String, String)| {
        let cut = value.chars().count() > SHOWN;
        let value: String = value.chars().take(SHOWN).collect();
        format!("{name} = {value}{}", if cut { " …" } else { "" })
    };
    let used: Vec<String> = set.iter().map(shown).collect();
    let used = format!("Used: {}.", used.join(", "));
    let Some((_, text)) = set
        .iter()
        .find(|(name, _)| name.as_bytes() == CLAIMS.to_bytes())
    else {
        return Finding::ok(check, used);
    };
    let object = serde_json::from_str::<serde_json::Value>(text);
    let Some(object) = object.as_ref().ok().and_then(|json| json.as_object()) else {
        return Finding::note(
            check,
            format!("{used} request.jwt.claims is not a JSON object."),
            "Policies that read claims from it find none, or fail.",
        );
    };
    let role = acl::role_name(question.role);
    match object.get("role").and_then(|role| role.as_str()) {
        Some(claimed) if claimed != role => Finding::note(
            check,
            format!("{used} The claims are for the role \"{claimed}\", but the checks are for \"{role}\"."),
            "Pass the role of the claims as role_name.",
        ),
        _ => Finding::ok(check, used),
    }
}

/// The reader that is checked, and the caller who asks.
pub struct Reader<'a> {
    pub relation: &'a Relation,
    pub question: &'a Question<'a>,
    pub caller: &'a Caller,
}

impl Reader<'_> {
    /// Must be called as the role.
    pub fn findings(&self) -> Vec<Finding> {
        let selectable = self.relation.selectable(self.question.role);
        let privileges = self.privileges(&selectable);
        let (policies, compiled) = self.policies();
        let mut findings = vec![privileges, policies];
        let filter = self.filter();
        let filter_is_valid = filter.status == "ok";
        let Ok(columns) = selectable else {
            findings.push(filter);
            findings.push(Finding::problem(
                recent::CHECK,
                "No changes can reach the role: it lacks a privilege.",
                "Grant the privilege, then call diagnose() again.",
            ));
            return findings;
        };
        if !compiled {
            findings.push(filter);
            findings.push(Finding::problem(
                recent::CHECK,
                "No changes can reach the role: its policies fail.",
                "Correct the policies, then call diagnose() again.",
            ));
            return findings;
        }
        findings.push(self.rows());
        findings.push(fan_out::finding(self.relation, self.question.role));
        findings.push(filter);
        let filter = self.question.filter.filter(|_| filter_is_valid);
        let recent = checked(|| recent::recent(self.relation, filter, &columns, self.caller));
        findings.push(recent.unwrap_or_else(|failed| self.failed(recent::CHECK, &failed)));
        findings
    }

    fn privileges(&self, selectable: &Result<Vec<i16>>) -> Finding {
        let check = "privileges";
        match selectable {
            Ok(selectable) => {
                let (some, all) = (selectable.len(), self.relation.columns.len());
                Finding::ok(check, format!("The role may SELECT {some} of {all} columns, including the key."))
            }
            Err(error) => Finding::problem(
                check,
                format!("{}.", error.message()),
                "Grant USAGE on the schema and SELECT on the table, or on its key and the columns that the role needs.",
            ),
        }
    }

    /// The policies, and whether they can be applied.
    fn policies(&self) -> (Finding, bool) {
        let check = "row level security";
        let relation = self.relation;
        let (enabled, mut all) = select_policies(relation.table.oid);
        if !enabled {
            return (
                Finding::ok(check, "Not enabled: the role sees every row."),
                true,
            );
        }
        if !privilege::policies_apply(relation.table.oid, self.question.role) {
            let detail = "Enabled, but not for the role, which owns the table or bypasses row level security: it sees every row.";
            return (Finding::ok(check, detail), true);
        }
        let compile = || Compiled::new(relation.table.oid, &relation.name(), None).map(drop);
        if let Err(failed) = checked(compile) {
            return (self.failed(check, &failed), false);
        }
        all.retain(|policy| policy.applies);
        if all.is_empty() {
            let detail = "Enabled, but no policy for SELECT applies to the role: it sees no rows.";
            return (
                Finding::problem(
                    check,
                    detail,
                    "Create a policy FOR SELECT that applies to the role.",
                ),
                true,
            );
        }
        let names: Vec<String> = all.iter().map(|one| format!("\"{}\"", one.name)).collect();
        let detail = format!(
            "Enabled. Policies for SELECT that apply to the role: {}.",
            names.join(", ")
        );
        let looking = all
            .iter()
            .any(|one| one.has_sub_select || one.calls_mutable_function);
        if looking && !relation.deletes_by_key {
            let detail = detail + " Some may read other rows, as they are when the change is read. After a cascading delete, they may hide the DELETE of a child row from everybody.";
            let hint =
                "If readers need every DELETE, call pgrealtime.enable() with deletes => 'key'.";
            return (Finding::note(check, detail, hint), true);
        }
        (Finding::ok(check, detail), true)
    }

    /// Whether a SELECT by the role finds a row now.
    fn rows(&self) -> Finding {
        let check = "rows";
        let name = self.relation.name();
        let look = match checked(|| any_row(self.relation.table.oid, &name)) {
            Ok(look) => look,
            Err(failed) => return self.failed(check, &failed),
        };
        let hidden =
            "The policies hide all rows from the role. Compare the policies with the claims.";
        match (look, self.caller.has_rows) {
            (Look::Found, _) => Finding::ok(check, "A SELECT by the role finds rows."),
            (Look::Nothing, Some(true)) => {
                Finding::problem(check, "The table has rows, but a SELECT by the role finds none.", hidden)
            }
            (Look::Nothing, Some(false)) => Finding::ok(check, "The table is empty."),
            (Look::Nothing, None) => Finding::note(
                check,
                "A SELECT by the role finds no rows.",
                "If the table has rows, the policies hide them from the role. Compare the policies with the claims.",
            ),
            (Look::TooCostly, _) => Finding::note(
                check,
                "Not checked: a SELECT by the role might read the whole table, which is large.",
                format!("Run SELECT EXISTS (SELECT FROM {name}) as the role, with its claims."),
            ),
        }
    }

    fn filter(&self) -> Finding {
        let check = "filter";
        let Some(filter) = self.question.filter else {
            return Finding::ok(check, "None was given.");
        };
        let hint = "Call pgrealtime.check_filter() for details.";
        match checked(|| judge::condition(self.relation.table.oid, Some(filter))) {
            Ok(_) => Finding::ok(check, "The filter is valid for the table and the role."),
            Err(Failed::Refused(error)) => {
                Finding::problem(check, format!("{}.", error.message()), hint)
            }
            // No row was read to compile the filter, so the message may be shown.
            Err(Failed::Raised(raised)) => {
                Finding::problem(check, format!("{}.", raised.message), hint)
            }
        }
    }

    /// The finding for an error. If a policy raised it, its message may contain values of a row.
    fn failed(&self, check: &'static str, failed: &Failed) -> Finding {
        let raised = match failed {
            Failed::Refused(error) => {
                let hint = "Change the policy or the privileges.";
                return Finding::problem(check, format!("{}.", error.message()), hint);
            }
            Failed::Raised(raised) => raised,
        };
        let sqlstate = raised.sqlstate;
        let mut detail =
            format!("A policy raises an error with SQLSTATE {sqlstate}, so changes_since fails.");
        if self.caller.hears_errors {
            detail += &format!(" The message is: {}.", raised.message.trim_end_matches('.'));
        }
        let hint = match &sqlstate.characters() {
            b"42P17" | b"54001" => "A policy reads a table whose policies read this table again. Let the policy call a SECURITY DEFINER function that reads the rows.",
            b"42501" => "A policy reads something that the role may not read. Grant the privilege, or let the policy call a SECURITY DEFINER function that reads the rows.",
            _ => "Run SELECT on the table as the role, with its claims.",
        };
        Finding::problem(check, detail, hint)
    }
}

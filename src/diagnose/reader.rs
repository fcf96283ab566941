//! Checks of the reader, asked as the role and with its claims: privileges, policies, filter, and what reached it.

use super::answer::{checked, Caller, Failed, Finding, Question, CLAIMS};
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

/// Characters of a claim's value that are repeated.
const SHOWN: usize = 500;

/// The claims that the checks were made with: what the caller gave, or has set himself.
pub fn claims(question: &Question, settings: &[Setting], has_policies: bool) -> Finding {
    let check = "claims";
    let set: Vec<(String, String)> = settings
        .iter()
        .map(|(name, value)| (name.to_string_lossy(), value.to_string_lossy()))
        .filter(|(name, value)| name.to_lowercase().starts_with("request.") && !value.is_empty())
        .map(|(name, value)| (name.into_owned(), value.into_owned()))
        .collect();
    if set.is_empty() {
        let detail = "None: neither claims => … was given, nor is request.jwt.claims set.";
        if !has_policies {
            return Finding::ok(check, detail);
        }
        return Finding::note(
            check,
            detail,
            "Where the policies look at claims, call diagnose() with those of the reader.",
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
            format!("{used} It is no JSON object."),
            "Policies that look into it find nothing, or fail.",
        );
    };
    let role = acl::role_name(question.role);
    match object.get("role").and_then(|role| role.as_str()) {
        Some(claimed) if claimed != role => Finding::note(
            check,
            format!("{used} They are of the role \"{claimed}\", and \"{role}\" is asked about."),
            "Give the role of the claims as role_name.",
        ),
        _ => Finding::ok(check, used),
    }
}

/// Who is asked about, by whom.
pub struct Reader<'a> {
    pub relation: &'a Relation,
    pub question: &'a Question<'a>,
    pub caller: &'a Caller,
}

impl Reader<'_> {
    /// Called as the role.
    pub fn findings(&self) -> Vec<Finding> {
        let selectable = self.relation.selectable(self.question.role);
        let privileges = self.privileges(&selectable);
        let (policies, compiled) = self.policies();
        let mut findings = vec![privileges, policies];
        let filter = self.filter();
        let filter_stands = filter.status == "ok";
        let Ok(columns) = selectable else {
            findings.push(filter);
            findings.push(Finding::problem(
                recent::CHECK,
                "None can reach the role: it lacks the privilege.",
                "Grant the privilege, then ask again.",
            ));
            return findings;
        };
        if !compiled {
            findings.push(filter);
            findings.push(Finding::problem(
                recent::CHECK,
                "None can reach the role: its policies fail.",
                "Mend the policies, then ask again.",
            ));
            return findings;
        }
        findings.push(self.rows());
        findings.push(filter);
        let filter = self.question.filter.filter(|_| filter_stands);
        let recent =
            checked(|| recent::recent(self.relation, filter, &columns, self.caller.sees_all));
        findings.push(recent.unwrap_or_else(|failed| self.failed(recent::CHECK, &failed)));
        findings
    }

    fn privileges(&self, selectable: &Result<Vec<i16>>) -> Finding {
        let check = "privileges";
        match selectable {
            Ok(selectable) => {
                let (some, all) = (selectable.len(), self.relation.columns.len());
                Finding::ok(check, format!("The role may SELECT {some} of {all} columns, the key among them."))
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
                Finding::ok(check, "Not enabled: every row may be seen."),
                true,
            );
        }
        if !privilege::policies_apply(relation.table.oid, self.question.role) {
            let detail = "Enabled, but not for the role, which owns the table or bypasses row level security: every row may be seen.";
            return (Finding::ok(check, detail), true);
        }
        let compile = || Compiled::new(relation.table.oid, &relation.name(), None).map(drop);
        if let Err(failed) = checked(compile) {
            return (self.failed(check, &failed), false);
        }
        all.retain(|policy| policy.applies);
        if all.is_empty() {
            let detail = "Enabled, and no policy for SELECT is for the role: it sees no row.";
            return (
                Finding::problem(check, detail, "Create a policy FOR SELECT."),
                true,
            );
        }
        let names: Vec<String> = all.iter().map(|one| format!("\"{}\"", one.name)).collect();
        let detail = format!(
            "Enabled; policies for SELECT that are for the role: {}.",
            names.join(", ")
        );
        let looking = all
            .iter()
            .any(|one| one.has_sub_select || one.calls_mutable_function);
        if looking && !relation.deletes_by_key {
            let detail = detail + " Some may look at other rows, as these are when a change is read: after a cascade the DELETE of a child is nobody's.";
            let hint = "If readers must hear of every DELETE, use deletes => 'key'.";
            return (Finding::note(check, detail, hint), true);
        }
        (Finding::ok(check, detail), true)
    }

    /// Whether the role's own SELECT finds anything now.
    fn rows(&self) -> Finding {
        let check = "rows";
        let name = self.relation.name();
        let look = match checked(|| any_row(self.relation.table.oid, &name)) {
            Ok(look) => look,
            Err(failed) => return self.failed(check, &failed),
        };
        let hidden = "Policies hide the table's rows from the role: compare them with the claims.";
        match (look, self.caller.has_rows) {
            (Look::Found, _) => Finding::ok(check, "The role's own SELECT finds rows."),
            (Look::Nothing, Some(true)) => {
                Finding::problem(check, "The table has rows, and the role's own SELECT finds none.", hidden)
            }
            (Look::Nothing, Some(false)) => Finding::ok(check, "The table is empty."),
            (Look::Nothing, None) => Finding::note(
                check,
                "The role's own SELECT finds no row.",
                "Where the table has rows, policies hide them from the role: compare them with the claims.",
            ),
            (Look::TooCostly, _) => Finding::note(
                check,
                "Not asked: the role's own SELECT might read the whole table, which is large.",
                format!("Run SELECT EXISTS (SELECT FROM {name}) as the role, with its claims."),
            ),
        }
    }

    fn filter(&self) -> Finding {
        let check = "filter";
        let Some(filter) = self.question.filter else {
            return Finding::ok(check, "None was given.");
        };
        let hint = "pgrealtime.check_filter() tells more.";
        match checked(|| judge::condition(self.relation.table.oid, Some(filter))) {
            Ok(_) => Finding::ok(check, "The filter is valid for the table and the role."),
            Err(Failed::Refused(error)) => {
                Finding::problem(check, format!("{}.", error.message()), hint)
            }
            // Compiled without any row.
            Err(Failed::Raised(raised)) => {
                Finding::problem(check, format!("{}.", raised.message), hint)
            }
        }
    }

    /// The finding for an error. What a policy raises may hold a row.
    fn failed(&self, check: &'static str, failed: &Failed) -> Finding {
        let raised = match failed {
            Failed::Refused(error) => {
                let hint = "Change the policy, or the privilege.";
                return Finding::problem(check, format!("{}.", error.message()), hint);
            }
            Failed::Raised(raised) => raised,
        };
        let sqlstate = raised.sqlstate;
        let mut detail =
            format!("A policy raises an error, SQLSTATE {sqlstate}: changes_since fails with it.");
        if self.caller.hears_errors {
            detail += &format!(" It says: {}.", raised.message.trim_end_matches('.'));
        }
        let hint = match &sqlstate.characters() {
            b"42P17" | b"54001" => "A policy reads a table whose policies read this one again: look the rows up in a function that is SECURITY DEFINER.",
            b"42501" => "A policy reads what the role may not: grant it, or look the rows up in a function that is SECURITY DEFINER.",
            _ => "Run SELECT on the table as the role, with its claims.",
        };
        Finding::problem(check, detail, hint)
    }
}

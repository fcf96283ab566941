//! Why does nobody receive anything? One answer a check, in the order in which a DBA would look.

mod answer;
mod around;
mod reader;
mod recent;
mod table;
mod tally;

pub use answer::{Finding, Question};

use crate::error::{report, Error, Result};
use crate::feed::relation::Relation;
use crate::pg::backend::act_as::own_settings;
use crate::pg::backend::setting_level::Setting;
use crate::pg::catalog::acl;
use crate::pg::catalog::acting::act_as;
use crate::pg::catalog::privilege;
use crate::pg::catalog::relation::{gone, Class};
use crate::pg::catalog::rowtype::Held;
use crate::registry;
use answer::{Caller, CLAIMS};
use std::ffi::{CStr, CString};

/// Answers for a role that the caller may act as, by these claims or his own. Errors: 42501 for another role or a
/// relation that the caller may not SELECT from, 42P01, 42809. Whatever else fails is an answer.
pub fn diagnose(question: &Question) -> Result<Vec<Finding>> {
    let class = allowed(question)?;
    let _held = Held::new(question.relation);
    let relation = Relation::open(question.relation)?;
    let caller = Caller::of(&relation);
    let settings_of_table = registry::settings_of(&class)?;
    let table = table::Table::new(&class, &relation, settings_of_table.as_ref());
    let mut findings = table.findings();
    findings.push(around::session(&relation, question.role));
    let own = settings(question);
    let settings: Vec<Setting> = own
        .iter()
        .map(|(name, value)| (name.as_c_str(), value.as_c_str()))
        .collect();
    findings.push(reader::claims(question, &settings, class.rls));
    let reader = reader::Reader {
        relation: &relation,
        question,
        caller: &caller,
    };
    findings.extend(act_as(question.role, &settings, || Ok(reader.findings()))?);
    findings.push(around::row_filter(&class, &relation));
    findings.push(around::replica_identity(&class));
    findings.push(around::log(&caller)?);
    Ok(findings)
}

/// The relation, if the caller may ask.
fn allowed(question: &Question) -> Result<Class> {
    let class = Class::by_oid(question.relation).ok_or_else(|| gone(question.relation))?;
    if !acl::acts_as(question.role) {
        return Err(Error::insufficient_privilege(
            report(format!(
                "permission denied to act as role \"{}\"",
                acl::role_name(question.role)
            ))
            .hint("Ask for a role that you are a member of."),
        ));
    }
    if !acl::owns(&class) && !acl::may_select_some(class.oid) {
        return Err(Error::insufficient_privilege(report(format!(
            "permission denied for table {}",
            class.name
        ))));
    }
    Ok(class)
}

/// What the role's policies are asked under: the claims that were given, else the caller's; and where he asks about
/// himself as he is, all of his that `changes_since` would use. His search_path counts in either case: functions of
/// policies find their tables by it, as they would in the reader's session.
fn settings(question: &Question) -> Vec<(CString, CString)> {
    let claims = match question.claims {
        None if question.role == privilege::current_role() => return own_settings(),
        None => acl::setting(CLAIMS),
        Some(claims) => Some(claims.to_string()),
    };
    let path = acl::setting(SEARCH_PATH);
    [(CLAIMS, claims), (SEARCH_PATH, path)]
        .into_iter()
        .filter_map(|(name, value)| Some((name.to_owned(), CString::new(value?).ok()?)))
        .collect()
}

const SEARCH_PATH: &CStr = c"search_path";

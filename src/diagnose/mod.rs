//! Explains why a reader receives no changes: one finding per check, in the order in which a DBA would look.

mod answer;
mod around;
mod fan_out;
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

/// Makes the checks for a role that the caller may act as, with the given claims or the caller's own. Errors: 42501 if
/// the caller may not act as the role, or may not SELECT from the relation; 42P01 if the relation does not exist; 42809
/// if it is not a table. Other failures become findings.
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

/// The relation, if the caller may ask about it. Errors: 42P01, 42501.
fn allowed(question: &Question) -> Result<Class> {
    let class = Class::by_oid(question.relation).ok_or_else(|| gone(question.relation))?;
    if !acl::may_stand_for(question.role) {
        return Err(Error::insufficient_privilege(
            report(format!(
                "permission denied to act as role \"{}\"",
                acl::role_name(question.role)
            ))
            .hint("Name a role whose rights you have and that you may SET ROLE to."),
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

/// The settings for evaluating the role's policies: the given claims, else the caller's. For the caller's own role
/// without given claims, these are all settings that `changes_since` would use. The caller's search_path always
/// applies: functions of policies find their tables by it, as in the reader's session.
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

//! Policies that read other rows, which may be gone when a DELETE is read.

use super::survey;
use crate::error::{report, Error, Result};
use crate::pg::catalog::policies::select_policies;
use crate::pg::catalog::relation::{gone, Class};
use crate::pg::Oid;

/// The SELECT policies of a relation that read other rows. Errors: 42P01 if it does not exist; 42501 if the caller
/// neither owns it nor may SELECT from it.
pub fn over_other_rows(relation: Oid) -> Result<Vec<String>> {
    let class = Class::by_oid(relation).ok_or_else(|| gone(relation))?;
    if !survey::may_know(&class) {
        return Err(Error::insufficient_privilege(
            report(format!("permission denied for table {}", class.name))
                .detail("Only roles that own it or may SELECT from it can see its policies."),
        ));
    }
    Ok(names(relation))
}

/// The SELECT policies that read other rows. They are evaluated when a change is read, and by then those rows may be
/// gone.
fn names(relation: Oid) -> Vec<String> {
    let (enabled, policies) = select_policies(relation);
    let looking = policies
        .into_iter()
        .filter(|policy| enabled && (policy.has_sub_select || policy.calls_mutable_function));
    let mut names: Vec<String> = looking.map(|policy| policy.name).collect();
    names.sort();
    names
}

/// Warns about these policies.
pub fn warn(class: &Class) {
    let names = names(class.oid);
    let looking: Vec<String> = names.iter().map(|name| format!("\"{name}\"")).collect();
    if !looking.is_empty() {
        report(format!("policies of table \"{}\" may depend on other rows", class.name))
            .detail(format!(
                "{} evaluated when a change is read. If rows that a policy reads are gone by then, as after a cascading \
                 delete, nobody receives the DELETE.",
                match looking.len() {
                    1 => format!("Policy {} is", looking[0]),
                    _ => format!("Policies {} are", looking.join(", ")),
                }
            ))
            .hint("If readers need every DELETE, call pgrealtime.enable() with deletes => 'key'.")
            .warning();
    }
}

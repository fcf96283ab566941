//! Policies that look at other rows, which may be gone by the time a DELETE is read.

use super::introspect;
use crate::error::{report, Error, Result};
use crate::pg::catalog::policies::select_policies;
use crate::pg::catalog::relation::{gone, Class};
use crate::pg::Oid;

/// The SELECT policies of a relation that look at other rows. Errors: 42P01, 42501.
pub fn over_other_rows(relation: Oid) -> Result<Vec<String>> {
    let class = Class::by_oid(relation).ok_or_else(|| gone(relation))?;
    if !introspect::may_know(&class) {
        return Err(Error::insufficient_privilege(
            report(format!("permission denied for table {}", class.name))
                .detail("Its policies are told to who may SELECT from it or owns it."),
        ));
    }
    Ok(names(relation))
}

/// The SELECT policies that look at other rows: they are asked when a change is read, and by then those may have gone.
fn names(relation: Oid) -> Vec<String> {
    let (enabled, policies) = select_policies(relation);
    let looking = policies
        .into_iter()
        .filter(|policy| enabled && (policy.has_sub_select || policy.calls_mutable_function));
    let mut names: Vec<String> = looking.map(|policy| policy.name).collect();
    names.sort();
    names
}

/// Says so of a table whose readers get DELETEs as its policies let them.
pub fn warn(class: &Class) {
    let names = names(class.oid);
    let looking: Vec<String> = names.iter().map(|name| format!("\"{name}\"")).collect();
    if !looking.is_empty() {
        report(format!("policies of table \"{}\" may depend on other rows", class.name))
            .detail(format!(
                "{} asked when a change is read: rows that a policy looks up and that have gone by then, as after a \
                 cascade, leave a DELETE to nobody.",
                match looking.len() {
                    1 => format!("Policy {} is", looking[0]),
                    _ => format!("Policies {} are", looking.join(", ")),
                }
            ))
            .hint("If readers must hear of every DELETE, call pgrealtime.enable() with deletes => 'key'.")
            .warning();
    }
}

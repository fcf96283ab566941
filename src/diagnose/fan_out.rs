//! How the policies are judged for many readers of a role, and what would make it faster.

use super::answer::Finding;
use crate::feed::relation::Relation;
use crate::gucs;
use crate::pg::catalog::acting::act_as;
use crate::pg::judge::many::ManyPolicies;
use crate::pg::judge::many::Shared;
use crate::pg::judge::many::Way;
use crate::pg::Oid;

const CHECK: &str = "fan_out";
const SEPARATELY: &str = "To make it faster, call only Postgres's own functions and SQL functions that Postgres can inline: STABLE, a single expression, no SECURITY DEFINER, no SET.";

/// Called as the role, with the reader's claims.
pub fn finding(relation: &Relation, role: Oid) -> Finding {
    let (oid, name) = (relation.table.oid, relation.name());
    // As fan_out does: what policies mean for all readers is worked out without the claims of one.
    let looked = act_as(role, &[], || {
        Ok(ManyPolicies::new(oid, &name, gucs::share_policies()))
    });
    let policies = match looked {
        Ok(policies) => policies,
        Err(error) => {
            let hint = "Change the session, then ask again.";
            return Finding::problem(CHECK, format!("{}.", error.message()), hint);
        }
    };
    let Err(raised) = policies.constants() else {
        return of_way(policies.way());
    };
    Finding::note(
        CHECK,
        format!(
            "With these claims, the policies raise an error with SQLSTATE {}, so fan_out runs them separately for this reader.",
            raised.sqlstate
        ),
        "Give the claims that the policies expect, or make the policies accept others.",
    )
}

fn of_way(way: &Way) -> Finding {
    match way {
        Way::Unrestricted => Finding::ok(CHECK, "The role sees every row, so fan_out runs no policy."),
        Way::Shared(Shared {
            rows: false,
            pairs: false,
            ..
        }) => Finding::ok(
            CHECK,
            "fan_out finds the readers of a change by their claims and runs no policy.",
        ),
        Way::Shared(Shared { pairs: false, .. }) => Finding::ok(
            CHECK,
            "fan_out finds the readers of a change by their claims. It runs parts of the policies once per batch, for all readers together.",
        ),
        Way::Shared(Shared { own: Some(reason), .. }) => Finding::note(
            CHECK,
            format!("fan_out finds the readers of a change by their claims. Where these do not decide, it runs the policies separately for each reader, because they {reason}."),
            SEPARATELY,
        ),
        Way::Shared(_) => Finding::note(
            CHECK,
            "fan_out runs the policies once per batch and row for all readers with the same values in their claims.",
            "To make it faster, compare claims only in the forms column = claim and column IN (SELECT … WHERE column = claim).",
        ),
        Way::Own(reason) => Finding::note(
            CHECK,
            format!("fan_out runs the policies separately for each reader, because they {reason}."),
            SEPARATELY,
        ),
    }
}

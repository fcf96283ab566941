//! The triggers of a relation as the relcache holds them: what capture and its readers learn from them.

use super::trigger::Call;
use pgrx::{pg_sys, PgList};
use std::ffi::CStr;

/// Looks at the triggers of a relation; `None` when it has gone.
fn with_triggers<T>(
    relation: pg_sys::Oid,
    look: impl FnOnce(&[pg_sys::Trigger]) -> T,
) -> Option<T> {
    let lock = pg_sys::AccessShareLock as pg_sys::LOCKMODE;
    // SAFETY: the relation is opened under a lock and closed again; its trigger descriptor is read in between.
    unsafe {
        let opened = pg_sys::try_relation_open(relation, lock);
        if opened.is_null() {
            return None;
        }
        let described = (*opened).trigdesc;
        let found = if described.is_null() {
            look(&[])
        } else {
            let number = (*described).numtriggers as usize;
            look(std::slice::from_raw_parts((*described).triggers, number))
        };
        pg_sys::relation_close(opened, lock);
        Some(found)
    }
}

fn arguments(trigger: &pg_sys::Trigger) -> Vec<String> {
    // SAFETY: tgargs holds tgnargs NUL-terminated strings.
    let argument = |i| unsafe { CStr::from_ptr(*trigger.tgargs.add(i)) };
    (0..trigger.tgnargs as usize)
        .map(|i| argument(i).to_string_lossy().into_owned())
        .collect()
}

/// The nearest ancestor of a partition on which `function` is a TRUNCATE trigger of its own, not on behalf of another.
pub fn truncate_root(call: &Call, is_leaf_argument: fn(&str) -> bool) -> Option<pg_sys::Oid> {
    let own = |trigger: &pg_sys::Trigger| {
        trigger.tgfoid == call.function()
            && trigger.tgtype as u32 & pg_sys::TRIGGER_TYPE_TRUNCATE != 0
            && !arguments(trigger)
                .iter()
                .any(|argument| is_leaf_argument(argument))
    };
    super::compat::partition_ancestors(call.relation())
        .into_iter()
        .find(|ancestor| with_triggers(*ancestor, |all| all.iter().any(own)) == Some(true))
}

/// The arguments of the capture triggers that are on a relation itself: one list a trigger.
pub fn capture_arguments(relation: pg_sys::Oid) -> Vec<Vec<String>> {
    // SAFETY: syscache look-ups. The function is told by schema and name: an extension's functions are where its
    // script made them.
    let captures = |trigger: &&pg_sys::Trigger| unsafe {
        let schema = pg_sys::get_namespace_oid(c"pgrealtime".as_ptr(), true);
        let name = pg_sys::get_func_name(trigger.tgfoid);
        !trigger.tgisclone
            && pg_sys::get_func_namespace(trigger.tgfoid) == schema
            && !name.is_null()
            && CStr::from_ptr(name) == c"capture_change"
    };
    let of = |all: &[pg_sys::Trigger]| all.iter().filter(captures).map(arguments).collect();
    with_triggers(relation, of).unwrap_or_default()
}

/// The row filter of a relation, from the WHEN of the triggers that `enable` made: an analysed condition over
/// range-table entry 1, as text; `None` for none.
pub fn row_filter(relation: pg_sys::Oid) -> Option<String> {
    with_triggers(relation, row_filter_of).flatten()
}

fn row_filter_of(triggers: &[pg_sys::Trigger]) -> Option<String> {
    // SAFETY: the trees of WHEN are those that Postgres stored, with OLD as entry 1 and NEW as entry 2 of the range
    // table; the copy that is changed here is our own.
    unsafe {
        let named = |name: &CStr| {
            triggers
                .iter()
                .find(|trigger| CStr::from_ptr(trigger.tgname) == name && !trigger.tgqual.is_null())
                .map(|trigger| pg_sys::stringToNode(trigger.tgqual).cast::<pg_sys::Node>())
        };
        let of_new = |node: *mut pg_sys::Node| {
            pg_sys::ChangeVarNodes(node, 2, 1, 0);
            node
        };
        let node = named(c"00_pgrealtime_delete")
            .or_else(|| named(c"00_pgrealtime_insert").map(of_new))
            // (filter of OLD) OR (filter of NEW): the parser flattens what stands left of an OR, never what is right.
            .or_else(|| {
                let node = named(c"00_pgrealtime_update")?.cast::<pg_sys::BoolExpr>();
                let sides = PgList::<pg_sys::Node>::from_pg((*node).args);
                sides.get_ptr(sides.len().checked_sub(1)?).map(of_new)
            })?;
        let text = pg_sys::nodeToString(node.cast());
        Some(CStr::from_ptr(text).to_string_lossy().into_owned())
    }
}

//! The triggers of a relation as stored in the relcache, for capture and its readers.

use super::inheritance::ancestors_of;
use super::triggers;
use crate::capture_trigger::{is_named, Arguments};
use crate::change::Operation;
use crate::pg::backend::opened::Opened;
use pgrx::pg_sys;
use std::ffi::CStr;

/// Reads the triggers of a relation; `None` if it was dropped.
fn with_triggers<T>(
    relation: pg_sys::Oid,
    look: impl FnOnce(&[pg_sys::Trigger]) -> T,
) -> Option<T> {
    let opened = Opened::shared(relation)?;
    // SAFETY: the relation is open while its trigger descriptor is read.
    unsafe {
        let described = (*opened.relation()).trigdesc;
        Some(if described.is_null() {
            look(&[])
        } else {
            let number = (*described).numtriggers as usize;
            look(std::slice::from_raw_parts((*described).triggers, number))
        })
    }
}

fn arguments(trigger: &pg_sys::Trigger) -> Arguments {
    // SAFETY: tgargs holds tgnargs NUL-terminated strings.
    let argument = |i| unsafe { CStr::from_ptr(*trigger.tgargs.add(i)) };
    let all: Vec<_> = (0..trigger.tgnargs as usize)
        .map(|i| argument(i).to_string_lossy())
        .collect();
    Arguments::decode(&all)
}

/// The nearest ancestor of a partition with its own TRUNCATE trigger that calls `function`; triggers on behalf of
/// another table do not count.
pub fn truncate_root(partition: pg_sys::Oid, function: pg_sys::Oid) -> Option<pg_sys::Oid> {
    let own = |trigger: &pg_sys::Trigger| {
        trigger.tgfoid == function
            && trigger.tgtype as u32 & pg_sys::TRIGGER_TYPE_TRUNCATE != 0
            && !arguments(trigger).is_leaf
    };
    ancestors_of(partition)
        .into_iter()
        .find(|ancestor| with_triggers(*ancestor, |all| all.iter().any(own)) == Some(true))
}

/// The bits of pg_trigger.tgtype that say which operations a trigger fires for.
const EVENTS: i16 = pg_sys::TRIGGER_TYPE_EVENT_MASK as i16;

/// A capture trigger that was created on the relation itself.
pub struct Capturing {
    pub arguments: Arguments,
    /// Whether it has a name that `enable` gives.
    pub is_named: bool,
    /// Whether it fires in ordinary sessions.
    pub enabled: bool,
    /// Whether it fires for UPDATE, and whether for some columns only.
    pub updates: bool,
    pub has_columns: bool,
    /// The operation that it fires for, if that is one.
    pub operation: Option<Operation>,
    /// Its WHEN, as pg_trigger.tgqual has it.
    pub condition: Option<String>,
    /// Whether it has such a name, and a WHEN condition that `enable` did not give it.
    pub has_other_condition: bool,
}

/// The capture triggers that were created on the relation itself, not cloned from a partitioned table above it.
pub fn capture_triggers(relation: pg_sys::Oid) -> Vec<Capturing> {
    let Some(function) = triggers::member_function("capture_change") else {
        return Vec::new();
    };
    let capturing = |trigger: &pg_sys::Trigger| {
        let own = trigger.tgfoid == function && !trigger.tgisclone;
        own.then(|| {
            let arguments = arguments(trigger);
            // SAFETY: the name is NUL-terminated.
            let name = unsafe { CStr::from_ptr(trigger.tgname) }.to_string_lossy();
            let is_named = is_named(&name);
            // SAFETY: the condition ends with a NUL if there is one.
            let condition = (!trigger.tgqual.is_null())
                .then(|| unsafe { CStr::from_ptr(trigger.tgqual) }.to_string_lossy());
            let bits = trigger.tgtype;
            Capturing {
                operation: Operation::ALL
                    .into_iter()
                    .find(|one| bits & EVENTS == triggers::bit(*one)),
                enabled: matches!(trigger.tgenabled as u8, b'O' | b'A'),
                updates: trigger.tgtype as u32 & pg_sys::TRIGGER_TYPE_UPDATE != 0,
                has_columns: trigger.tgnattr > 0,
                has_other_condition: condition.is_some() && is_named && arguments.filter.is_none(),
                is_named,
                condition: condition.map(|text| text.into_owned()),
                arguments,
            }
        })
    };
    with_triggers(relation, |all| all.iter().filter_map(capturing).collect()).unwrap_or_default()
}

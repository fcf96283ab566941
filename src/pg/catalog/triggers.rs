//! The triggers of a relation as stored in the catalog.

use super::catalog_scan::{scan, scan_all, ByOid, CatalogRow};
use crate::capture_trigger::{is_named, Arguments};
use crate::change::Operation;
use pgrx::pg_sys;
use pgrx::pg_sys::Oid;
use std::collections::HashMap;
use std::ffi::CString;

/// When a trigger fires, and the function that it calls.
#[derive(Clone, Copy)]
pub struct Firing {
    name: pg_sys::NameData,
    pub function: Oid,
    /// pg_trigger.tgtype: TRIGGER_TYPE_… bits.
    bits: i16,
    /// Whether the trigger fires in ordinary sessions.
    pub enabled: bool,
    /// pg_trigger.tgenabled
    pub mode: u8,
    /// It has a WHEN condition.
    pub has_condition: bool,
    /// Its name is one that `enable` gives, but its condition is not.
    has_other_condition: bool,
    /// It fires for UPDATEs of some columns only: UPDATE OF.
    has_columns: bool,
}

/// A row of pg_trigger.
#[derive(Clone)]
pub struct Trigger {
    pub name: String,
    pub firing: Firing,
    oid: Oid,
    /// Whether it was cloned from a trigger of a partitioned table above.
    pub is_clone: bool,
    /// Raw pg_trigger.tgargs: each argument ends with a NUL.
    arguments: Vec<u8>,
    /// Its WHEN: pg_trigger.tgqual.
    pub condition: Option<String>,
}

/// The bit of an operation in pg_trigger.tgtype.
pub(super) fn bit(operation: Operation) -> i16 {
    (match operation {
        Operation::Insert => pg_sys::TRIGGER_TYPE_INSERT,
        Operation::Update => pg_sys::TRIGGER_TYPE_UPDATE,
        Operation::Delete => pg_sys::TRIGGER_TYPE_DELETE,
        Operation::Truncate => pg_sys::TRIGGER_TYPE_TRUNCATE,
    }) as i16
}

impl Firing {
    fn of(row: &CatalogRow) -> Firing {
        // SAFETY: the scans are over pg_trigger.
        let form = unsafe { row.form::<pg_sys::FormData_pg_trigger>() };
        let has_condition = row.is_set(pg_sys::Anum_pg_trigger_tgqual);
        let says_nothing_of_it = || {
            // SAFETY: tgargs is a bytea.
            let arguments = unsafe { row.column::<Vec<u8>>(pg_sys::Anum_pg_trigger_tgargs) };
            let arguments = decode(&arguments.unwrap_or_default());
            is_named(&crate::pg::name(&form.tgname)) && arguments.filter.is_none()
        };
        Firing {
            name: form.tgname,
            function: form.tgfoid,
            bits: form.tgtype,
            enabled: matches!(form.tgenabled as u8, b'O' | b'A'),
            mode: form.tgenabled as u8,
            has_condition,
            has_other_condition: has_condition && says_nothing_of_it(),
            has_columns: form.tgattr.dim1 > 0,
        }
    }

    pub fn name(&self) -> String {
        crate::pg::name(&self.name)
    }

    /// Whether it is an AFTER trigger for this operation, possibly with others; TRUNCATE triggers are always per
    /// statement.
    pub fn is_after(&self, operation: Operation) -> bool {
        let timing = self.bits & pg_sys::TRIGGER_TYPE_TIMING_MASK as i16;
        timing == pg_sys::TRIGGER_TYPE_AFTER as i16 && self.bits & bit(operation) != 0
    }

    pub fn is_for_each_row(&self) -> bool {
        self.bits & pg_sys::TRIGGER_TYPE_ROW as i16 != 0
    }

    /// Whether it is an AFTER trigger for this operation only, as `enable` creates it.
    pub fn is_exactly(&self, operation: Operation) -> bool {
        let row = operation != Operation::Truncate;
        self.is_after(operation)
            && self.bits & pg_sys::TRIGGER_TYPE_EVENT_MASK as i16 == bit(operation)
            && self.is_for_each_row() == row
            && !self.has_columns
    }

    /// Whether it misses changes of the operation that a row filter does not leave out.
    fn is_partial(&self, operation: Operation) -> bool {
        self.has_other_condition || (self.has_columns && operation == Operation::Update)
    }
}

/// What the bytes of pg_trigger.tgargs say.
fn decode(arguments: &[u8]) -> Arguments {
    let all = arguments.split(|byte| *byte == 0);
    let all: Vec<_> = all.map(String::from_utf8_lossy).collect();
    Arguments::decode(&all)
}

impl Trigger {
    /// What its arguments say, if it is one that captures.
    pub fn arguments(&self) -> Arguments {
        decode(&self.arguments)
    }

    /// Whether the arguments say this, whatever the numbers of the columns are.
    pub fn says(&self, wanted: &Arguments) -> bool {
        self.arguments().by_name() == wanted.by_name()
    }

    /// Whether DROP EXTENSION takes it along: ALTER TRIGGER … DEPENDS ON EXTENSION.
    pub fn goes_with_extension(&self) -> bool {
        // SAFETY: the function takes any pair of OIDs and returns a palloc'd list.
        let extensions = unsafe {
            super::relation::oids(pg_sys::getAutoExtensionsOfObject(
                pg_sys::TriggerRelationId,
                self.oid,
            ))
        };
        !extensions.is_empty()
    }

    /// Whether the arguments are these, as they are written now.
    pub fn has_arguments(&self, wanted: &Arguments) -> bool {
        let mut bytes = Vec::new();
        for argument in wanted.encode() {
            bytes.extend_from_slice(argument.as_bytes());
            bytes.push(0);
        }
        bytes == self.arguments
    }
}

const TRIGGERS: ByOid = ByOid {
    catalog: pg_sys::TriggerRelationId,
    index: Oid::from_u32(pg_sys::TriggerRelidNameIndexId),
    column: pg_sys::Anum_pg_trigger_tgrelid,
};

/// The triggers of a relation in firing order, without those of constraints.
pub fn of_relation(relation: Oid) -> Vec<Trigger> {
    let mut triggers = Vec::new();
    scan(TRIGGERS, relation, |row| {
        // SAFETY: the scan is over pg_trigger; tgargs is a bytea, and tgqual, a pg_node_tree, is stored like a text.
        unsafe {
            let form = row.form::<pg_sys::FormData_pg_trigger>();
            if form.tgisinternal {
                return;
            }
            let arguments = row.column::<Vec<u8>>(pg_sys::Anum_pg_trigger_tgargs);
            triggers.push(Trigger {
                name: crate::pg::name(&form.tgname),
                firing: Firing::of(row),
                oid: form.oid,
                is_clone: form.tgparentid != Oid::INVALID,
                arguments: arguments.unwrap_or_default(),
                condition: row.column(pg_sys::Anum_pg_trigger_tgqual),
            });
        }
    });
    triggers
}

/// When the triggers of a relation fire, in firing order; cheaper than [`of_relation`].
pub fn firing(relation: Oid) -> Vec<Firing> {
    let mut found = Vec::new();
    scan(TRIGGERS, relation, |row| {
        // SAFETY: the scan is over pg_trigger.
        let form = unsafe { row.form::<pg_sys::FormData_pg_trigger>() };
        if !form.tgisinternal {
            found.push(Firing::of(row));
        }
    });
    found
}

/// A digest of the relation's triggers that call `function`. It changes when one is created, dropped, enabled, disabled
/// or redefined, but not when one is renamed. 0 when there is none.
pub fn digest(relation: Oid, function: Oid) -> u64 {
    let mut sum: u64 = 0;
    scan(TRIGGERS, relation, |row| {
        // SAFETY: the scan is over pg_trigger; the three columns are varlenas, read as their bytes.
        unsafe {
            let form = row.form::<pg_sys::FormData_pg_trigger>();
            if form.tgfoid != function || !Firing::of(row).enabled {
                return;
            }
            let mut hash = fnv(FNV_OFFSET, &form.tgtype.to_le_bytes());
            for column in [
                pg_sys::Anum_pg_trigger_tgattr,
                pg_sys::Anum_pg_trigger_tgargs,
                pg_sys::Anum_pg_trigger_tgqual,
            ] {
                let bytes = row.column::<Vec<u8>>(column).unwrap_or_default();
                hash = fnv(fnv(hash, &bytes.len().to_le_bytes()), &bytes);
            }
            sum = sum.wrapping_add(hash);
        }
    });
    sum
}

const FNV_OFFSET: u64 = 0xcbf2_9ce4_8422_2325;

/// FNV-1a. The digest is stored, so the hash must not change with the compiler.
fn fnv(seed: u64, bytes: &[u8]) -> u64 {
    let step = |hash: u64, byte: &u8| (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3);
    bytes.iter().fold(seed, step)
}

/// [`firing`] for every relation at once, in firing order where triggers of several functions meet. One pass over the
/// catalog costs a fraction of 1,000 index scans.
pub fn firing_everywhere() -> HashMap<Oid, Vec<Firing>> {
    let mut found: HashMap<Oid, Vec<Firing>> = HashMap::new();
    scan_all(pg_sys::TriggerRelationId, |row| {
        // SAFETY: the scan is over pg_trigger.
        let form = unsafe { row.form::<pg_sys::FormData_pg_trigger>() };
        if !form.tgisinternal {
            found.entry(form.tgrelid).or_default().push(Firing::of(row));
        }
    });
    for triggers in found.values_mut() {
        // The order matters only where functions are compared.
        if triggers
            .iter()
            .any(|one| one.function != triggers[0].function)
        {
            triggers.sort_unstable_by_key(|one| one.name.data.map(|byte| byte as u8));
        }
    }
    found
}

/// Whether one of these triggers calls the capture `function` for the operation in ordinary sessions, and misses none of
/// its changes.
pub fn captures(triggers: &[Firing], function: Oid, operation: Operation) -> bool {
    let all = |one: &Firing| calls(one, function, operation) && !one.is_partial(operation);
    triggers.iter().any(all)
}

fn calls(one: &Firing, function: Oid, operation: Operation) -> bool {
    one.function == function
        && one.enabled
        && one.is_after(operation)
        && (one.is_for_each_row() || operation == Operation::Truncate)
}

/// Whether several of these triggers capture what one of them captures without a condition: changes are reported more
/// than once.
pub fn captures_twice(triggers: &[Firing], function: Oid, event: Operation) -> bool {
    let capturing = || triggers.iter().filter(|one| calls(one, function, event));
    let all = |one: &Firing| !one.has_condition && !one.is_partial(event);
    capturing().count() > 1 && capturing().any(all)
}

/// Another AFTER trigger of the operation, for each row or for TRUNCATE, that fires before the capture triggers, from
/// triggers in firing order. Changes that it makes would be reported before the change that caused them.
pub fn fires_before(triggers: &[Firing], function: Oid, operation: Operation) -> Option<&Firing> {
    let mut firing = triggers
        .iter()
        .filter(|one| one.enabled && one.is_after(operation))
        .filter(|one| one.is_for_each_row() != (operation == Operation::Truncate));
    let first = firing.next().filter(|one| one.function != function)?;
    firing.any(|one| one.function == function).then_some(first)
}

/// OID of a function of the extension that takes no arguments.
pub fn member_function(name: &str) -> Option<Oid> {
    let name = CString::new(name).ok()?;
    let schema = super::relation::schema_by_name(crate::pg::SCHEMA)?;
    let cache = pg_sys::SysCacheIdentifier::PROCNAMEARGSNSP as i32;
    // SAFETY: the keys are of the cache's types (name is read as a C string); the result is InvalidOid for no hit.
    let oid = unsafe {
        let no_arguments = pg_sys::buildoidvector(std::ptr::null(), 0);
        pg_sys::GetSysCacheOid(
            cache,
            pg_sys::Anum_pg_proc_oid as pg_sys::AttrNumber,
            pg_sys::Datum::from(name.as_ptr()),
            pg_sys::Datum::from(no_arguments),
            schema.into(),
            pg_sys::Datum::null(),
        )
    };
    (oid != Oid::INVALID).then_some(oid)
}

//! A trigger call: its operation, relation, rows and arguments.

use crate::change::Operation;
use crate::error::{report, Error, Result};
use crate::pg::backend::memory::Arena;
use crate::pg::CallInfo;
use pgrx::pg_sys;
use std::ffi::CStr;
use std::marker::PhantomData;

/// InvalidSubTransactionId (c.h).
const INVALID_SUBTRANSACTION: pg_sys::SubTransactionId = 0;

/// A call of an AFTER trigger: a row trigger for INSERT, UPDATE or DELETE, a statement trigger for TRUNCATE.
#[derive(Clone, Copy)]
pub struct Call<'c> {
    data: *mut pg_sys::TriggerData,
    operation: Operation,
    arena: Arena<'c>,
}

/// A stored row, as passed to a trigger; `'c` lasts while the trigger runs.
#[derive(Clone, Copy)]
pub struct StoredRow<'c> {
    pub(in crate::pg) tuple: pg_sys::HeapTuple,
    _lent: PhantomData<&'c ()>,
}

impl StoredRow<'_> {
    /// # Safety
    /// The tuple is whole, and there for as long as the result's lifetime says.
    pub(in crate::pg) unsafe fn of<'c>(tuple: pg_sys::HeapTuple) -> StoredRow<'c> {
        StoredRow {
            tuple,
            _lent: PhantomData,
        }
    }
}

/// The operation that a trigger was called for, with its rows.
#[derive(Clone, Copy)]
pub enum Fired<'c> {
    Insert {
        new: StoredRow<'c>,
    },
    Update {
        old: StoredRow<'c>,
        new: StoredRow<'c>,
    },
    Delete {
        old: StoredRow<'c>,
    },
    Truncate,
}

impl<'c> Fired<'c> {
    /// The row that INSERT or UPDATE stored.
    pub fn new_row(&self) -> Option<StoredRow<'c>> {
        match self {
            Fired::Insert { new } | Fired::Update { new, .. } => Some(*new),
            Fired::Delete { .. } | Fired::Truncate => None,
        }
    }

    /// The row that UPDATE or DELETE replaced.
    pub fn old_row(&self) -> Option<StoredRow<'c>> {
        match self {
            Fired::Update { old, .. } | Fired::Delete { old } => Some(*old),
            Fired::Insert { .. } | Fired::Truncate => None,
        }
    }
}

impl<'c> Call<'c> {
    /// Reads a call. Errors: 39P01 when the function was not called as a trigger of a supported kind.
    pub fn new(call: CallInfo<'c>) -> Result<Call<'c>> {
        // SAFETY: Postgres passes a valid call; `context`, when set, is a node whose tag says whether it is TriggerData.
        let data = unsafe {
            let context = (*call.raw()).context;
            if context.is_null() || (*context).type_ != pg_sys::NodeTag::T_TriggerData {
                return Err(wrong_use("It was not called as a trigger."));
            }
            context.cast::<pg_sys::TriggerData>()
        };
        // SAFETY: the tag says so.
        let bits = unsafe { (*data).tg_event };
        let operation = match bits & pg_sys::TRIGGER_EVENT_OPMASK {
            pg_sys::TRIGGER_EVENT_INSERT => Operation::Insert,
            pg_sys::TRIGGER_EVENT_UPDATE => Operation::Update,
            pg_sys::TRIGGER_EVENT_DELETE => Operation::Delete,
            _ => Operation::Truncate,
        };
        if bits & pg_sys::TRIGGER_EVENT_TIMINGMASK != pg_sys::TRIGGER_EVENT_AFTER {
            return Err(wrong_use(
                "The trigger fired BEFORE or INSTEAD OF the change.",
            ));
        }
        let per_row = bits & pg_sys::TRIGGER_EVENT_ROW != 0;
        if per_row == (operation == Operation::Truncate) {
            return Err(wrong_use("The trigger fired once per statement."));
        }
        Ok(Call {
            data,
            operation,
            // SAFETY: Postgres calls triggers in a context that it empties when they have returned (ExecCallTriggerFunc).
            arena: unsafe { Arena::current() },
        })
    }

    /// Where values can be put that then live while the trigger runs.
    pub fn arena(&self) -> Arena<'c> {
        self.arena
    }

    /// The operation.
    pub fn operation(&self) -> Operation {
        self.operation
    }

    /// The operation with its rows.
    pub fn fired(&self) -> Fired<'c> {
        // SAFETY: the data is valid while the trigger runs. A row trigger's UPDATE has its new row in tg_newtuple; what
        // else there is, the only or the old row, is in tg_trigtuple (trigger.h).
        let (row, newer) = unsafe {
            let data = &*self.data;
            (
                StoredRow::of(data.tg_trigtuple),
                StoredRow::of(data.tg_newtuple),
            )
        };
        match self.operation {
            Operation::Insert => Fired::Insert { new: row },
            Operation::Update => Fired::Update {
                old: row,
                new: newer,
            },
            Operation::Delete => Fired::Delete { old: row },
            Operation::Truncate => Fired::Truncate,
        }
    }

    /// OID of the trigger.
    pub fn trigger(&self) -> pg_sys::Oid {
        // SAFETY: a trigger call carries its trigger.
        unsafe { (*(*self.data).tg_trigger).tgoid }
    }

    /// Whether Postgres cloned the trigger on a partition from a trigger of its parent.
    pub fn is_clone(&self) -> bool {
        // SAFETY: as above.
        unsafe { (*(*self.data).tg_trigger).tgisclone }
    }

    /// Whether the trigger may be deferred to the end of the transaction.
    pub fn is_deferrable(&self) -> bool {
        // SAFETY: as above.
        unsafe { (*(*self.data).tg_trigger).tgdeferrable }
    }

    /// OID of the trigger's function.
    pub fn function(&self) -> pg_sys::Oid {
        // SAFETY: as above.
        unsafe { (*(*self.data).tg_trigger).tgfoid }
    }

    /// OID of the relation that the trigger is on.
    pub fn relation(&self) -> pg_sys::Oid {
        // SAFETY: a trigger call carries its open relation.
        unsafe { (*(*self.data).tg_relation).rd_id }
    }

    /// The relation itself, open for the length of the call.
    pub(in crate::pg) fn raw_relation(&self) -> pg_sys::Relation {
        // SAFETY: as above.
        unsafe { (*self.data).tg_relation }
    }

    /// Whether the change was written to the WAL (RelationNeedsWAL, rel.h). A foreign table never writes WAL. Nor does
    /// the TRUNCATE of a partitioned table, whose partitions may be foreign. Other table access methods may not write
    /// it either.
    pub fn wal_written(&self) -> bool {
        // SAFETY: the relation is open.
        unsafe {
            let relation = &*self.raw_relation();
            let class = &*relation.rd_rel;
            let permanent = class.relpersistence == pg_sys::RELPERSISTENCE_PERMANENT as i8;
            let in_heap = class.relkind as u8 == pg_sys::RELKIND_RELATION
                && class.relam == pg_sys::HEAP_TABLE_AM_OID;
            permanent
                && in_heap
                && (pg_sys::wal_level > pg_sys::WalLevel::WAL_LEVEL_MINIMAL as i32
                    || (relation.rd_createSubid == INVALID_SUBTRANSACTION
                        && crate::pg::sys::compat::first_relfilenumber_subid(relation)
                            == INVALID_SUBTRANSACTION))
        }
    }

    /// The arguments of CREATE TRIGGER.
    pub fn arguments(&self) -> Vec<String> {
        // SAFETY: tgargs holds tgnargs NUL-terminated strings.
        unsafe {
            let trigger = &*(*self.data).tg_trigger;
            (0..trigger.tgnargs as usize)
                .map(|i| {
                    CStr::from_ptr(*trigger.tgargs.add(i))
                        .to_string_lossy()
                        .into_owned()
                })
                .collect()
        }
    }
}

fn wrong_use(detail: &str) -> Error {
    Error::trigger_protocol_violated(
        report("function \"pgrealtime.capture_change\" was called in a way that it does not support")
            .detail(detail)
            .hint(
                "Let pgrealtime.enable() attach it, or create triggers AFTER INSERT, AFTER UPDATE and AFTER DELETE \
                 FOR EACH ROW and AFTER TRUNCATE FOR EACH STATEMENT.",
            ),
    )
}

/// The relation whose capture a trigger serves: for a cloned trigger the relation of its topmost parent, otherwise the
/// trigger's own relation.
pub fn captured_root(call: &Call) -> pg_sys::Oid {
    let mut relation = call.relation();
    let mut trigger = call.trigger();
    if !call.is_clone() {
        return relation;
    }
    while let Some((parent, on)) = trigger_parent(trigger) {
        relation = on;
        if parent == pg_sys::InvalidOid {
            break;
        }
        trigger = parent;
    }
    relation
}

/// The parent of a trigger (InvalidOid for none) and the relation that the trigger is on.
fn trigger_parent(trigger: pg_sys::Oid) -> Option<(pg_sys::Oid, pg_sys::Oid)> {
    // SAFETY: an ordinary catalog scan by OID; the row is read before the scan ends.
    unsafe {
        let catalog = pg_sys::table_open(
            pg_sys::TriggerRelationId,
            pg_sys::AccessShareLock as pg_sys::LOCKMODE,
        );
        let mut key = pg_sys::ScanKeyData::default();
        pg_sys::ScanKeyInit(
            &mut key,
            pg_sys::Anum_pg_trigger_oid as i16,
            pg_sys::BTEqualStrategyNumber as u16,
            pg_sys::Oid::from(pg_sys::F_OIDEQ),
            pg_sys::Datum::from(trigger),
        );
        let scan = pg_sys::systable_beginscan(
            catalog,
            pg_sys::Oid::from(pg_sys::TriggerOidIndexId),
            true,
            std::ptr::null_mut(),
            1,
            &mut key,
        );
        let tuple = pg_sys::systable_getnext(scan);
        let found = if tuple.is_null() {
            None
        } else {
            let form = &*pg_sys::GETSTRUCT(tuple).cast::<pg_sys::FormData_pg_trigger>();
            Some((form.tgparentid, form.tgrelid))
        };
        pg_sys::systable_endscan(scan);
        pg_sys::table_close(catalog, pg_sys::AccessShareLock as pg_sys::LOCKMODE);
        found
    }
}

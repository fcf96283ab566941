//! Rows in `realtime.messages`, Supabase Realtime's table of messages to fan out.

use super::bound_insert::BoundInsert;
use super::insert_code::Code;
use crate::error::{report, Error, Result};
use crate::pg::backend::act_as::act_as_trusted;
use crate::pg::backend::invalidation;
use crate::pg::backend::invalidation::Fresh;
use crate::pg::backend::lock;
use crate::pg::catalog::acting::act_as;
use crate::pg::catalog::relation;
use crate::pg::catalog::relation::Class;
use pgrx::pg_sys;
use pgrx::prelude::*;
use pgrx::spi::SpiClient;
use std::cell::{OnceCell, RefCell};
use std::ffi::CStr;
use std::rc::Rc;

/// What realtime.send() writes (Supabase, realtime/functions/send.sql).
const INSERT: &CStr = c"INSERT INTO realtime.messages (payload, event, topic, private, extension) \
                      VALUES ($1::pg_catalog.jsonb, $2, $3, true, 'broadcast')";

/// A message to broadcast.
pub struct Message<'a> {
    pub payload: &'a str,
    pub event: &'a str,
    pub topic: &'a str,
}

/// The table as it was when it was looked at.
struct Target {
    relation: pg_sys::Oid,
    partitions: Vec<pg_sys::Oid>,
    owner: pg_sys::Oid,
    refused: Option<Error>,
    code: Code,
    insert: OnceCell<BoundInsert>,
    fresh: Vec<Fresh>,
}

/// So often the table is looked at anew when it has changed while its locks were taken.
const LOOKS: u32 = 20;

thread_local! {
    static TARGET: RefCell<Option<Rc<Target>>> = const { RefCell::new(None) };
}

/// OID of `realtime.messages`.
pub fn table() -> Option<pg_sys::Oid> {
    relation::relation_by_name("realtime", "messages")
}

/// Inserts a message with the rights of the table's owner, restricted: who owns it decides what else runs, and never runs
/// it with more rights than his own. Partition routing is Postgres's. Raises what the INSERT raises. Errors: 42P01, 42809,
/// 42501 where somebody without the owner's rights has tied code to it, 55000 where its code could meet temporary
/// objects of somebody without the owner's rights, or where the table is another one all the time.
pub fn insert(message: &Message) -> Result<()> {
    let target = locked()?;
    if let Some(refused) = &target.refused {
        return Err(refused.clone());
    }
    let insert = || Spi::connect_mut(|client| target.insert(client, message));
    match target.code.is_any {
        true => act_as(target.owner, &[], insert),
        false => act_as_trusted(target.owner, &[], insert),
    }
}

/// The table, as it stays until the transaction ends: looked at, locked, and not changed by anybody in between. What the
/// INSERT runs and with whose rights is decided by that.
///
/// Attaching a partition takes no lock that a writer could wait for; only who owns the table and the partition can do so.
fn locked() -> Result<Rc<Target>> {
    for _ in 0..LOOKS {
        let relation = table().ok_or_else(missing)?;
        let known =
            TARGET.with_borrow(|target| target.clone().filter(|target| target.is(relation)));
        let target = match known {
            Some(target) => target,
            None => Rc::new(Target::look_up(relation)?),
        };
        target.lock();
        if target.is(relation) && table() == Some(relation) {
            TARGET.set(Some(target.clone()));
            return Ok(target);
        }
    }
    Err(Error::object_not_in_prerequisite_state(report(
        "realtime.messages is changed all the time",
    )))
}

impl Target {
    fn look_up(relation: pg_sys::Oid) -> Result<Target> {
        // Watched before it is read: what changes meanwhile is noticed.
        let mut fresh = vec![
            invalidation::watch_catalogs(),
            invalidation::watch(relation),
        ];
        let partitions = relation::descendants(relation);
        fresh.extend(partitions.iter().copied().map(invalidation::watch));
        let class = Class::by_oid(relation).ok_or_else(missing)?;
        let code = Code::of(relation)?;
        Ok(Target {
            relation,
            partitions,
            owner: class.owner,
            refused: refused(&class, &code),
            code,
            insert: OnceCell::new(),
            fresh,
        })
    }

    /// Whether it is the relation, and has not changed.
    fn is(&self, relation: pg_sys::Oid) -> bool {
        self.relation == relation && self.fresh.iter().all(Fresh::get)
    }

    /// Keeps away who would give it or a partition another owner, trigger, default, constraint or policy, or one of the
    /// functions another owner; whoever has done so and not committed is waited for, and his change noticed.
    fn lock(&self) {
        for relation in std::iter::once(&self.relation).chain(&self.partitions) {
            lock::take(*relation, pg_sys::RowExclusiveLock as pg_sys::LOCKMODE);
        }
        for function in &self.code.functions {
            lock::keep_function(*function);
        }
    }

    fn insert(&self, client: &mut SpiClient, message: &Message) -> Result<()> {
        let insert = match self.insert.get() {
            Some(insert) => insert,
            None => {
                let insert = BoundInsert::prepare(client, self.relation, INSERT)?;
                self.insert.get_or_init(|| insert)
            }
        };
        insert.run(client, &[message.payload, message.event, message.topic])
    }
}

/// Why nothing is inserted into the table.
fn refused(class: &Class, code: &Code) -> Option<Error> {
    if !class.is_table() {
        return Some(Error::wrong_object_type(report(
            "realtime.messages is not a table",
        )));
    }
    code.is_planted.then(|| {
        Error::insufficient_privilege(report(
            "code of a role without the rights of the owner of realtime.messages would run with them",
        ))
    })
}

fn missing() -> Error {
    Error::undefined_table(report("relation \"realtime.messages\" does not exist"))
}

//! Rows in `realtime.messages`, Supabase Realtime's table of messages to fan out.

use super::bound_insert::BoundInsert;
use super::insert_code::Code;
use crate::error::{report, Error, Result};
use crate::pg::backend::act_as::act_as_trusted;
use crate::pg::backend::invalidation;
use crate::pg::backend::invalidation::Fresh;
use crate::pg::backend::lock;
use crate::pg::catalog::acting::act_as;
use crate::pg::catalog::inheritance;
use crate::pg::catalog::relation;
use crate::pg::catalog::relation::Class;
use pgrx::pg_sys;
use pgrx::prelude::*;
use pgrx::spi::SpiClient;
use std::cell::{OnceCell, RefCell};
use std::ffi::CStr;
use std::rc::Rc;

/// The same INSERT as in realtime.send() (Supabase, realtime/functions/send.sql).
const INSERT: &CStr = c"INSERT INTO realtime.messages (payload, event, topic, private, extension) \
                      VALUES ($1::pg_catalog.jsonb, $2, $3, true, 'broadcast')";

/// A message to broadcast.
pub struct Message<'a> {
    pub payload: &'a str,
    pub event: &'a str,
    pub topic: &'a str,
}

/// The table as it was when it was last looked up.
struct Target {
    relation: pg_sys::Oid,
    /// The table, its partitions, and what else its code was found at.
    relations: Vec<pg_sys::Oid>,
    owner: pg_sys::Oid,
    refused: Option<Error>,
    code: Code,
    insert: OnceCell<BoundInsert>,
    fresh: Vec<Fresh>,
}

/// How often the table is looked up again when it has changed while its locks were taken.
const LOOKS: u32 = 20;

thread_local! {
    static TARGET: RefCell<Option<Rc<Target>>> = const { RefCell::new(None) };
}

/// The table of the messages, its partitions, and what it is a partition of or inherits from.
pub fn family(table: pg_sys::Oid) -> Vec<pg_sys::Oid> {
    let mut all = vec![table];
    all.extend(inheritance::descendants(table));
    all.extend(inheritance::above(table));
    all
}

/// OID of `realtime.messages`.
pub fn table() -> Option<pg_sys::Oid> {
    relation::relation_by_name("realtime", "messages")
}

/// Inserts a message with the rights of the table's owner, in a restricted context. So the code that the INSERT runs
/// never has more rights than the owner. Postgres routes the row to its partition. Raises the errors of the INSERT.
/// Errors: 42P01 when the table does not exist; 42809 when it is not a table; 42501 when a role without the owner's
/// rights has attached code to it; 55000 when its code could find temporary objects of a role without the owner's
/// rights, or when the table keeps changing.
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

/// The table, looked up and locked, so that it stays as it is until the transaction ends. It determines what the INSERT
/// runs and with whose rights.
///
/// Attaching a partition takes no lock that a writer could wait for. Only an owner of the table and the partition can
/// attach one.
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
    Err(changing())
}

impl Target {
    fn look_up(relation: pg_sys::Oid) -> Result<Target> {
        // Watched before it is read, so that changes made meanwhile are noticed.
        let mut fresh = vec![invalidation::watch_catalogs(), invalidation::watch_types()];
        let mut relations = vec![relation];
        relations.extend(inheritance::descendants(relation));
        fresh.extend(relations.iter().copied().map(invalidation::watch));
        let class = Class::by_oid(relation).ok_or_else(missing)?;
        let code = code(relation, &mut relations, &mut fresh)?;
        Ok(Target {
            relation,
            relations,
            owner: class.owner,
            refused: refused(&class, &code),
            code,
            insert: OnceCell::new(),
            fresh,
        })
    }

    /// Whether this is the relation, and nothing has changed.
    fn is(&self, relation: pg_sys::Oid) -> bool {
        self.relation == relation && self.fresh.iter().all(Fresh::get)
    }

    /// Blocks transactions that would change the owner, triggers, defaults, constraints or policies of one of the
    /// relations, or the owner of one of the functions. Waits for a transaction that has done so and not committed, so
    /// that its change is noticed.
    fn lock(&self) {
        for relation in &self.relations {
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

const NEEDS_SERVER: &str =
    "Supabase's Realtime server makes that table. Without it, leave the sink \"broadcast\" out.";

/// The error if nothing may be inserted into the table.
fn refused(class: &Class, code: &Code) -> Option<Error> {
    if !class.is_table() {
        return Some(Error::wrong_object_type(
            report("realtime.messages is not a table").hint(NEEDS_SERVER),
        ));
    }
    code.planted.as_ref().map(|planted| {
        Error::insufficient_privilege(
            report("code of a role without the rights of the owner of realtime.messages would run with them")
                .hint(planted.hint()),
        )
    })
}

/// The code of the table. What it is found at is added to `relations` and watched before it is read again, so that changes
/// made meanwhile are noticed. Errors: 55000 when the table keeps changing.
fn code(
    relation: pg_sys::Oid,
    relations: &mut Vec<pg_sys::Oid>,
    fresh: &mut Vec<Fresh>,
) -> Result<Code> {
    for _ in 0..LOOKS {
        let code = Code::of(relation)?;
        let known = relations.len();
        for found in &code.relations {
            if !relations.contains(found) {
                relations.push(*found);
                fresh.push(invalidation::watch(*found));
            }
        }
        if relations.len() == known {
            return Ok(code);
        }
    }
    Err(changing())
}

fn changing() -> Error {
    Error::object_not_in_prerequisite_state(
        report("realtime.messages kept changing while a message was being inserted")
            .hint("Write again when the DDL on that table is done."),
    )
}

fn missing() -> Error {
    Error::undefined_table(
        report("relation \"realtime.messages\" does not exist").hint(NEEDS_SERVER),
    )
}

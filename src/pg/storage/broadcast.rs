//! Rows in `realtime.messages`, Supabase Realtime's table of messages to fan out.

use crate::error::{report, Error, Result};
use crate::pg::backend::act_as::act_as_trusted;
use crate::pg::backend::invalidation;
use crate::pg::backend::invalidation::Fresh;
use crate::pg::catalog::acting::act_as;
use crate::pg::catalog::relation;
use crate::pg::catalog::relation::Class;
use pgrx::pg_sys;
use pgrx::prelude::*;
use pgrx::spi::{OwnedPreparedStatement, SpiClient, SpiResult};
use std::cell::{OnceCell, RefCell};
use std::rc::Rc;

/// What realtime.send() writes (Supabase, realtime/functions/send.sql).
const INSERT: &str = "INSERT INTO realtime.messages (payload, event, topic, private, extension) \
                      VALUES ($1::pg_catalog.jsonb, $2, $3, true, 'broadcast')";

/// What runs when a row is inserted into $1, as functions, operators, types and operator classes that are not Postgres's
/// own: of it and its partitions, their triggers (with WHEN), defaults, constraints, indexes, rules, partition keys, and
/// policies that are forced upon the owner. Whether one of them could have been made by somebody who is no superuser (a
/// role with the privilege TRIGGER can plant a trigger), and whether there are any. Rules and policies may reach further.
const CODE: &str = "
WITH RECURSIVE tree (oid) AS (
    SELECT $1
    UNION
    SELECT i.inhrelid FROM pg_inherits AS i JOIN tree ON tree.oid = i.inhparent
), part (classid, objid) AS (
    SELECT 'pg_class'::regclass::oid, oid FROM tree
    UNION
    SELECT d.classid, d.objid
    FROM pg_depend AS d JOIN tree ON tree.oid = d.refobjid JOIN pg_class AS c ON c.oid = tree.oid
    WHERE d.refclassid = 'pg_class'::regclass AND d.deptype IN ('a', 'i', 'P', 'S')
      AND (d.classid IN ('pg_class'::regclass, 'pg_attrdef'::regclass, 'pg_constraint'::regclass,
                         'pg_trigger'::regclass, 'pg_rewrite'::regclass)
           OR d.classid = 'pg_policy'::regclass AND c.relforcerowsecurity)
), used (classid, objid) AS (
    SELECT d.refclassid, d.refobjid FROM part JOIN pg_depend AS d ON d.classid = part.classid AND d.objid = part.objid
    WHERE d.refobjid >= 16384
      AND d.refclassid IN ('pg_proc'::regclass, 'pg_operator'::regclass, 'pg_type'::regclass, 'pg_opclass'::regclass)
), maker (oid) AS (
    SELECT c.relowner FROM tree JOIN pg_class AS c ON c.oid = tree.oid
    UNION
    SELECT COALESCE(p.proowner, o.oprowner, t.typowner, c.opcowner) FROM used
    LEFT JOIN pg_proc AS p ON used.classid = 'pg_proc'::regclass AND p.oid = used.objid
    LEFT JOIN pg_operator AS o ON used.classid = 'pg_operator'::regclass AND o.oid = used.objid
    LEFT JOIN pg_type AS t ON used.classid = 'pg_type'::regclass AND t.oid = used.objid
    LEFT JOIN pg_opclass AS c ON used.classid = 'pg_opclass'::regclass AND c.oid = used.objid
)
SELECT EXISTS (SELECT FROM maker JOIN pg_authid AS a USING (oid) WHERE NOT a.rolsuper),
       EXISTS (SELECT FROM used)
       OR EXISTS (SELECT FROM part WHERE classid IN ('pg_rewrite'::regclass, 'pg_policy'::regclass))";

/// The role that initdb made: it may read every catalog.
const BOOTSTRAP_ROLE: pg_sys::Oid = pg_sys::Oid::from_u32(pg_sys::BOOTSTRAP_SUPERUSERID);

/// A message to broadcast.
pub struct Message<'a> {
    pub payload: &'a str,
    pub event: &'a str,
    pub topic: &'a str,
}

/// The table as it is now.
struct Target {
    owner: pg_sys::Oid,
    refused: Option<Error>,
    runs_code: bool,
    plan: OnceCell<OwnedPreparedStatement>,
    fresh: Vec<Fresh>,
}

thread_local! {
    static TARGET: RefCell<Option<Rc<Target>>> = const { RefCell::new(None) };
}

/// OID of `realtime.messages`.
pub fn table() -> Option<pg_sys::Oid> {
    relation::relation_by_name("realtime", "messages")
}

/// Inserts a message with the rights of the table's owner, restricted: who owns it decides what else runs, and never runs
/// it with more rights than his own. Partition routing is Postgres's. Raises what the INSERT raises. Errors: 42P01, 42809,
/// 42501 for a table of a superuser to which somebody else has tied code, 55000 where its code could meet
/// temporary objects of somebody without the owner's rights.
pub fn insert(message: &Message) -> Result<()> {
    let target = target()?;
    if let Some(refused) = &target.refused {
        return Err(refused.clone());
    }
    let insert = || Spi::connect_mut(|client| run(client, &target, message)).map_err(failed);
    match target.runs_code {
        true => act_as(target.owner, &[], insert),
        false => act_as_trusted(target.owner, &[], insert),
    }
}

fn run(client: &mut SpiClient, target: &Target, message: &Message) -> SpiResult<()> {
    let plan = match target.plan.get() {
        Some(plan) => plan,
        None => {
            let types = [PgOid::from(pg_sys::TEXTOID); 3];
            let plan = client.prepare_mut(INSERT, &types)?.keep();
            target.plan.get_or_init(|| plan)
        }
    };
    let arguments = [message.payload, message.event, message.topic];
    client.update(plan, None, &arguments.map(|text| text.into()))?;
    Ok(())
}

/// SPI's own status codes: not reachable with an INSERT.
fn failed(error: pgrx::spi::Error) -> Error {
    Error::ObjectNotInPrerequisiteState(report(format!(
        "could not insert into realtime.messages: {error}"
    )))
}

fn target() -> Result<Rc<Target>> {
    let known = TARGET.with_borrow(|target| {
        target
            .clone()
            .filter(|target| target.fresh.iter().all(Fresh::get))
    });
    if let Some(target) = known {
        return Ok(target);
    }
    let target = Rc::new(Target::look_up()?);
    TARGET.set(Some(target.clone()));
    Ok(target)
}

impl Target {
    fn look_up() -> Result<Target> {
        let relation = table().ok_or_else(missing)?;
        // Watched before it is read: what changes meanwhile is noticed.
        let mut fresh = vec![
            invalidation::watch_catalogs(),
            invalidation::watch(relation),
        ];
        let partitions = relation::descendants(relation);
        fresh.extend(partitions.into_iter().map(invalidation::watch));
        let class = Class::by_oid(relation).ok_or_else(missing)?;
        let code = Code::of(relation)?;
        Ok(Target {
            owner: class.owner,
            refused: refused(&class, &code),
            runs_code: code.is_any,
            plan: OnceCell::new(),
            fresh,
        })
    }
}

/// Why nothing is inserted into the table.
fn refused(class: &Class, code: &Code) -> Option<Error> {
    if !class.is_table() {
        return Some(Error::WrongObjectType(report(
            "realtime.messages is not a table",
        )));
    }
    // SAFETY: a syscache look-up.
    let is_superusers = unsafe { pg_sys::superuser_arg(class.owner) };
    (is_superusers && code.is_planted).then(|| {
        Error::InsufficientPrivilege(report(
            "realtime.messages belongs to a superuser, and code of another role would run with its rights",
        ))
    })
}

/// What an INSERT runs besides Postgres's own code.
struct Code {
    is_planted: bool,
    /// Whether there is any.
    is_any: bool,
}

impl Code {
    fn of(relation: pg_sys::Oid) -> Result<Code> {
        let (planted, any) = act_as_trusted(BOOTSTRAP_ROLE, &[], || {
            Spi::get_two_with_args::<bool, bool>(CODE, &[relation.into()]).map_err(failed)
        })?;
        Ok(Code {
            is_planted: planted != Some(false),
            is_any: any != Some(false),
        })
    }
}

fn missing() -> Error {
    Error::UndefinedTable(report("relation \"realtime.messages\" does not exist"))
}

//! The code of users that an INSERT runs, and who created it.

use super::bound_insert::failed;
use crate::error::Result;
use crate::pg::backend::act_as::act_as_trusted;
use crate::pg::backend::setting_level::Setting;
use crate::pg::sys::compat;
use pgrx::{pg_sys, FromDatum, IntoDatum, Spi};

/// Finds the code of users that an INSERT into $1 could run: everything that can be reached from the table, its partitions
/// and the tables above it, and who owns it. $2 is [`compat::SET_ROLE`]: who has the owner's rights and may not SET ROLE to
/// him lacks what nobody inherits, such as SUPERUSER. A role that the owner is a member of does not thereby have the
/// owner's rights.
const CODE: &str = concat!(include_str!("insert_code.sql"), "\0");

/// How many objects are found cannot be estimated, and it is few: without these, the planner would read whole catalogs.
const BY_INDEX: [Setting; 4] = [
    (c"enable_hashjoin", c"off"),
    (c"enable_mergejoin", c"off"),
    (c"enable_seqscan", c"off"),
    (c"jit", c"off"),
];

/// The role that initdb created. It may read every catalog.
const BOOTSTRAP_ROLE: pg_sys::Oid = pg_sys::Oid::from_u32(pg_sys::BOOTSTRAP_SUPERUSERID);

/// The code that an INSERT runs besides Postgres's own.
#[derive(Default)]
pub struct Code {
    /// Why some of it may be of a role that could not do all that the table's owner may do.
    pub planted: Option<Planted>,
    /// Whether there is any.
    pub is_any: bool,
    pub functions: Vec<pg_sys::Oid>,
    /// The table, its partitions, and the other tables and views that were looked at.
    pub relations: Vec<pg_sys::Oid>,
}

/// What makes the code untrustworthy. Each names the object, as Postgres describes it.
#[derive(Clone)]
pub enum Planted {
    /// An object whose owner lacks the rights of the table's owner.
    Object(String),
    /// A table that has triggers, and the privilege TRIGGER on it was granted to such a role.
    Privilege(String),
    /// A trigger whose condition calls more than simple functions. Who made it is not known: such a role may have had
    /// the privilege TRIGGER.
    Condition(String),
    /// A trigger that passes arguments to a function of a user, which may run them. Who made it is not known, either.
    Arguments(String),
}

impl Planted {
    pub fn hint(&self) -> String {
        match self {
            Planted::Object(object) => format!(
                "An INSERT into realtime.messages uses {object}, whose owner lacks these rights. Change its owner, or what uses it."
            ),
            Planted::Privilege(table) => format!(
                "A role without these rights has the privilege TRIGGER on {table}, and Postgres does not say who made a trigger. \
                 Drop the triggers that you do not know, then revoke the privilege."
            ),
            Planted::Condition(trigger) => format!(
                "The condition of {trigger} calls more than immutable functions of Postgres, and Postgres does not say who made \
                 a trigger. If it is yours, move the condition into the trigger's function."
            ),
            Planted::Arguments(trigger) => format!(
                "The function of {trigger} may run its arguments as code, and Postgres does not say who made a trigger. \
                 If it is yours, put the arguments into the function."
            ),
        }
    }
}

impl Code {
    /// The code as it is now, whatever the transaction's own snapshot sees, because this is what the INSERT runs.
    /// Errors: Postgres's own from the catalog query.
    pub fn of(relation: pg_sys::Oid) -> Result<Code> {
        act_as_trusted(BOOTSTRAP_ROLE, &BY_INDEX, || {
            Spi::connect(|_| {
                // SAFETY: SPI is connected; what an error leaves of the snapshot goes with its subtransaction.
                unsafe {
                    pg_sys::PushActiveSnapshot(pg_sys::GetLatestSnapshot());
                    let code = Code::read(relation);
                    pg_sys::PopActiveSnapshot();
                    code
                }
            })
        })
    }

    /// # Safety
    /// SPI is connected.
    unsafe fn read(relation: pg_sys::Oid) -> Result<Code> {
        let mut types = [pg_sys::OIDOID, pg_sys::TEXTOID];
        let mut values = [
            pg_sys::Datum::from(relation),
            compat::SET_ROLE
                .into_datum()
                .unwrap_or(pg_sys::Datum::null()),
        ];
        // SAFETY: types and values are those of the two parameters, neither of which is null. Read only, the statement uses the active snapshot. It
        // returns one row, whose columns are of the types that they are read as and live until SPI is left.
        unsafe {
            let (types, values) = (types.as_mut_ptr(), values.as_mut_ptr());
            let none = std::ptr::null();
            let status = pg_sys::SPI_execute_with_args(
                CODE.as_ptr().cast(),
                2,
                types,
                values,
                none,
                true,
                0,
            );
            if status != pg_sys::SPI_OK_SELECT as i32 || pg_sys::SPI_processed != 1 {
                return Err(failed(status));
            }
            let row = *(*pg_sys::SPI_tuptable).vals;
            let descriptor = (*pg_sys::SPI_tuptable).tupdesc;
            let column = |number| {
                let mut null = false;
                let datum = pg_sys::SPI_getbinval(row, descriptor, number, &mut null);
                (datum, null)
            };
            let object = |number| {
                let (datum, null) = column(number);
                String::from_datum(datum, null)
            };
            let oids = |number| {
                let (datum, null) = column(number);
                Vec::from_datum(datum, null).unwrap_or_default()
            };
            let planted = object(1).map(Planted::Object);
            let planted = planted.or_else(|| object(2).map(Planted::Privilege));
            let planted = planted.or_else(|| object(3).map(Planted::Condition));
            let (any, null) = column(5);
            Ok(Code {
                planted: planted.or_else(|| object(4).map(Planted::Arguments)),
                is_any: bool::from_datum(any, null) != Some(false),
                functions: oids(6),
                relations: oids(7),
            })
        }
    }
}

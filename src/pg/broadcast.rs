//! Rows in `realtime.messages`, Supabase Realtime's table of messages to fan out.

use pgrx::pg_sys;
use pgrx::prelude::*;
use pgrx::spi::{OwnedPreparedStatement, SpiResult};
use std::cell::RefCell;

/// What realtime.send() writes (Supabase, realtime/functions/send.sql).
const INSERT: &str = "INSERT INTO realtime.messages (payload, event, topic, private, extension) \
                      VALUES ($1::pg_catalog.jsonb, $2, $3, true, 'broadcast')";

thread_local! {
    static PLAN: RefCell<Option<OwnedPreparedStatement>> = const { RefCell::new(None) };
}

/// A message to broadcast.
pub struct Message<'a> {
    pub payload: &'a str,
    pub event: &'a str,
    pub topic: &'a str,
}

/// Inserts a message with the rights of the owner of `function`, in whose body the caller runs; partition routing is
/// Postgres's. Raises what the INSERT raises.
pub fn insert(message: &Message, function: pg_sys::Oid) {
    let mut user = pg_sys::InvalidOid;
    let mut context = 0;
    // SAFETY: reads and writes two variables of the backend, put back below or by the abort of the (sub)transaction
    // that an error ends.
    unsafe {
        pg_sys::GetUserIdAndSecContext(&mut user, &mut context);
        let restricted =
            pg_sys::SECURITY_LOCAL_USERID_CHANGE | pg_sys::SECURITY_RESTRICTED_OPERATION;
        pg_sys::SetUserIdAndSecContext(owner(function), context | restricted as i32);
    }
    let result = run(message);
    // SAFETY: as above.
    unsafe { pg_sys::SetUserIdAndSecContext(user, context) }
    if let Err(error) = result {
        ereport!(
            ERROR,
            PgSqlErrorCode::ERRCODE_EXTERNAL_ROUTINE_EXCEPTION,
            format!("could not insert into realtime.messages: {error}")
        );
    }
}

fn run(message: &Message) -> SpiResult<()> {
    Spi::connect_mut(|client| {
        PLAN.with_borrow_mut(|plan| {
            if plan.is_none() {
                let types = [
                    PgOid::from(pg_sys::TEXTOID),
                    PgOid::from(pg_sys::TEXTOID),
                    PgOid::from(pg_sys::TEXTOID),
                ];
                *plan = Some(client.prepare_mut(INSERT, &types)?.keep());
            }
            if let Some(plan) = plan.as_ref() {
                let arguments = [message.payload, message.event, message.topic];
                client.update(plan, None, &arguments.map(|text| text.into()))?;
            }
            Ok(())
        })
    })
}

fn owner(function: pg_sys::Oid) -> pg_sys::Oid {
    let cache = pg_sys::SysCacheIdentifier::PROCOID as i32;
    // SAFETY: a syscache look-up of the function that runs, which exists; released before returning.
    unsafe {
        let tuple = pg_sys::SearchSysCache1(cache, function.into());
        if tuple.is_null() {
            return pg_sys::GetUserId();
        }
        let owner = (*pg_sys::GETSTRUCT(tuple).cast::<pg_sys::FormData_pg_proc>()).proowner;
        pg_sys::ReleaseSysCache(tuple);
        owner
    }
}

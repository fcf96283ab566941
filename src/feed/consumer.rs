//! Consumers: stored cursors with a name, each moved in the transaction of the worker that reads with it.

pub mod status;
mod stored;

use super::nested;
use super::reader;
use super::request::Unchecked;
use crate::error::{report, Error, Result};
use crate::log::cursor::{Cursor, Origin};
use crate::log::state::State;
use crate::log::unread::Unread;
use crate::log::watermark;
use crate::pg::backend::xact;
use crate::pg::catalog::acl;
use crate::pg::catalog::privilege;
use crate::pg::storage::heap;
use crate::pg::storage::heap::View;
use std::ffi::CStr;
use stored::{Consumer, Place};

/// Bytes of a name; as for Postgres's own names.
const MAX_NAME: usize = 63;

/// What the worker of a consumer that is refused can do.
const READ_AGAIN: &str =
    "Read the table again: call move_consumer() and SELECT in one REPEATABLE READ transaction.";

/// Makes a consumer of the current role, which begins at a cursor, or else at the end of the log. Returns where it begins.
/// Errors: 42710 when the name is taken; 22023 for a name that is not allowed; otherwise as [`begin_at`].
pub fn create(name: &str, cursor: Option<&str>) -> Result<String> {
    begin_call("create_consumer", c"create_consumer()")?;
    check_name(name)?;
    refuse_taken(name)?;
    stored::lock_name(name)?;
    // Another session may have made it while this one waited.
    refuse_taken(name)?;
    let cursor = begin_at(cursor)?;
    stored::insert(name, privilege::current_role(), xact::now())?;
    stored::replace_place(name, &cursor, None)?;
    Ok(cursor)
}

/// Deletes a consumer. Errors: as [`hold`].
pub fn remove(name: &str) -> Result<()> {
    begin_call("drop_consumer", c"drop_consumer()")?;
    hold(name)?;
    stored::remove(name)
}

/// Moves a consumer to a cursor, or else to the end of the log. Returns where it stands then. Errors: as [`hold`] and
/// [`begin_at`].
pub fn move_to(name: &str, cursor: Option<&str>) -> Result<String> {
    begin_call("move_consumer", c"move_consumer()")?;
    hold(name)?;
    let cursor = begin_at(cursor)?;
    let used_at = stored::place(name)?.and_then(|place| place.used_at);
    stored::replace_place(name, &cursor, used_at)?;
    Ok(cursor)
}

/// Reads a batch from where the consumer stands, as [`reader::changes_since`] does, and moves the consumer behind it. The
/// consumer is locked until the (sub)transaction ends, and stands where it stood if that is rolled back.
///
/// The statement may have begun before the worker ended that it has waited for. What that worker did is then not in its
/// snapshot: it gets no change, and the consumer stays. With a newer snapshot it would get changes of rows that the rest of
/// the statement does not see.
pub fn consume(
    name: &str,
    request: Unchecked,
    mut put: impl FnMut(&str, Option<&[u8]>),
) -> Result<()> {
    begin_call("consume", c"consume()")?;
    // Nobody should wait for a call that is wrong.
    let mut request = Unchecked {
        cursor: Some(String::new()),
        ..request
    }
    .check()?;
    hold(name)?;
    let place = stored::place(name)?.ok_or_else(|| no_place(name))?;
    let here = watermark::origin(&State::read(View::Latest)?);
    request.cursor = of_this_epoch(&place, &here)?.encode();
    let mut next = None;
    reader::changes_since(&request, |cursor, change| {
        if change.is_none() {
            next = Some(cursor.to_owned());
        }
        put(cursor, change);
    })
    .map_err(for_workers)?;
    match next {
        Some(next) if next != place.cursor => stored::move_place(name, &place, &next, xact::now()),
        _ => Ok(()),
    }
}

/// Errors: 54001 within a call that reads changes: what that call knows of the consumer must stay true. Postgres raises 25006
/// where it may not write.
fn begin_call(function: &str, command: &CStr) -> Result<()> {
    nested::refuse(function)?;
    heap::refuse_read_only(command);
    Ok(())
}

/// Locks a consumer of the current role until the (sub)transaction ends. Who may not use it does not wait for it either, so
/// cannot make others wait. Errors: 42704 when there is none; 42501 when it is another role's; Postgres raises 55P03 when
/// another worker uses it for longer than lock_timeout.
fn hold(name: &str) -> Result<()> {
    let mut consumer = find_own(name)?;
    loop {
        stored::lock(&consumer)?;
        let now = find_own(name)?;
        if now.key == consumer.key {
            return Ok(());
        }
        // It was dropped and made again meanwhile.
        consumer = now;
    }
}

/// The consumer of a name, which the current role may use. Errors: 42704, 42501.
fn find_own(name: &str) -> Result<Consumer> {
    let consumer = stored::find(name)?.ok_or_else(|| {
        Error::undefined_object(
            report(format!("consumer \"{name}\" does not exist"))
                .hint("Make it: SELECT pgrealtime.create_consumer(name)."),
        )
    })?;
    if acl::acts_as(consumer.owner) {
        return Ok(consumer);
    }
    let denied = report(format!("must be owner of consumer \"{name}\""));
    let owner = acl::existing_role_name(consumer.owner);
    Err(Error::insufficient_privilege(match owner {
        Some(owner) => denied.detail(format!(
            "It belongs to role {owner}, and to the members of that role."
        )),
        None => denied.detail("Its owner was dropped. A superuser can drop the consumer."),
    }))
}

fn refuse_taken(name: &str) -> Result<()> {
    match stored::find(name)? {
        None => Ok(()),
        Some(_) => Err(Error::duplicate_object(
            report(format!("consumer \"{name}\" already exists"))
                .hint("Choose another name. move_consumer() moves one that exists."),
        )),
    }
}

fn check_name(name: &str) -> Result<()> {
    let problem = match name.len() {
        0 => "is empty".to_string(),
        1..=MAX_NAME => return Ok(()),
        bytes => format!("has {bytes} bytes"),
    };
    Err(Error::invalid_parameter_value(
        report(format!("the name of a consumer {problem}"))
            .hint(format!("Choose a name of 1 to {MAX_NAME} bytes.")),
    ))
}

/// The text of a cursor that the log can go on from; the end of the log if none is given. Errors: 22P02 for an invalid
/// cursor; 72000 for one that is not inside the log.
fn begin_at(cursor: Option<&str>) -> Result<String> {
    let Some(text) = cursor else {
        return watermark::current_cursor();
    };
    let cursor = watermark::decode(text)?;
    // Also when this statement does not see as much as the cursor yet: it will.
    Unread::open(&cursor).map_err(for_workers)?;
    Ok(cursor.encode())
}

/// The cursor of a consumer, for the epoch of now. A consumer stands in the database that it reads. An older copy of that
/// which is restored has the consumer where it stood then, and what was worked on since is undone, too. So unlike the
/// cursors of clients it is still right after `invalidate_cursors()`. Errors: 22P02 when something else is stored.
fn of_this_epoch(place: &Place, here: &Origin) -> Result<Cursor> {
    let mut cursor = watermark::decode(&place.cursor)?;
    if cursor.origin.log == here.log {
        cursor.origin.epoch = here.epoch;
    }
    Ok(cursor)
}

/// Somebody has deleted a row of the extension's tables.
fn no_place(name: &str) -> Error {
    Error::snapshot_too_old(
        report(format!("consumer \"{name}\" has no cursor"))
            .detail(NO_PLACE)
            .hint(READ_AGAIN),
    )
}

const NO_PLACE: &str = "Nothing says where it stands.";

/// The same error with a hint for whoever has a consumer and no cursor.
fn for_workers(error: Error) -> Error {
    let hint = match error.hint() {
        Some(watermark::READ_AGAIN) => READ_AGAIN.to_owned(),
        Some(hint) => hint.replace(reader::SKIP, "call move_consumer() with skip_cursor"),
        None => return error,
    };
    error.with_hint(hint)
}

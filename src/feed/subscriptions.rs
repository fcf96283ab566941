//! The subscriptions that a session holds, as it holds what it listens to: no row is written, and they end with it.

pub mod book;
mod ended;
pub mod gate;
mod interner;
mod paged;
pub mod renew;
pub mod room;
mod signature;
#[cfg(any(test, feature = "pg_test"))]
mod tests;

use super::follow::check_captured;
use super::nested;
use super::relation::Relation;
use super::who::{check_role, check_unconfined, Who};
use crate::change::Operation;
use crate::error::{report, Error, Result};
use crate::keyed::Condition;
use crate::log::cursor::Cursor;
use crate::log::watermark;
use crate::pg::backend::discard::on_discard_all;
use crate::pg::backend::wal;
use crate::pg::catalog::rowtype::Held;
use crate::pg::Oid;
use book::{Book, Wanted};
use gate::{Events, Id};
use renew::News;
use signature::Signature;
use std::cell::RefCell;
use std::collections::BTreeMap;
use std::mem::ManuallyDrop;
use std::rc::Rc;

thread_local! {
    // Not dropped at the end of the process, which frees everything faster.
    static BOOK: ManuallyDrop<RefCell<Book>> = ManuallyDrop::default();
}

/// Looks into the subscriptions. What changes them is refused while code of users runs within a call that looks.
pub fn with<T>(look: impl FnOnce(&Book) -> T) -> T {
    BOOK.with(|book| look(&book.borrow()))
}

/// What a subscription asks for.
pub struct Request {
    pub relation: Oid,
    pub filter: Option<String>,
    pub events: Option<Vec<Operation>>,
    pub columns: Option<Vec<String>>,
    pub who: Who,
}

/// Makes a subscription, and returns the cursor that it delivers from. Errors: 42501 for a role that the session may
/// not act as, or that may not read what is asked for; 42P01, 42809, 42703, 55000, and the filter's.
pub fn subscribe(request: Request) -> Result<(Id, String)> {
    nested::refuse("subscribe")?;
    check_unconfined("subscribe")?;
    let checked = check(
        request.relation,
        request.filter.as_deref(),
        request.columns.as_deref(),
        &request.who,
    )?;
    on_discard_all(discard);
    let from = watermark::current();
    let origin = watermark::current_origin()?;
    wal::flush(from.lsn);
    let wanted = Wanted {
        relation: request.relation,
        name: checked.name,
        selectable: checked.selectable,
        condition: checked.condition,
        signature: checked.signature,
        who: request.who,
        filter: request.filter,
        events: Events::new(request.events.as_deref()),
        columns: request.columns,
        from: from.snapshot.clone(),
    };
    let cursor = Cursor {
        origin,
        from,
        batch: None,
    }
    .encode();
    let id = with_mut(|book| book.add(wanted));
    let id = id.ok_or_else(|| {
        Error::program_limit_exceeded(
            report("the session has no numbers left for subscriptions")
                .hint("Start a new session."),
        )
    })?;
    Ok((id, cursor))
}

/// Puts a subscription under another role or other claims. Errors: 42704, and those of [`subscribe`]; then it stays as
/// it was.
pub fn resubscribe(id: Id, who: Who) -> Result<()> {
    nested::refuse("resubscribe")?;
    check_unconfined("resubscribe")?;
    let known = with(|book| {
        let found = book.of(id)?;
        let gate = book.at(found.gate)?;
        let columns = book.columns.get(found.columns)?;
        Some((gate.relation, gate.filter.clone(), columns.clone()))
    });
    let (relation, filter, columns) = known.ok_or_else(|| {
        Error::undefined_object(
            report(format!("subscription {id} does not exist"))
                .detail("It has ended, or it belongs to another session."),
        )
    })?;
    let checked = check(relation, filter.as_deref(), columns.as_deref(), &who)?;
    with_mut(|book| {
        book.hand_over(
            id,
            who,
            checked.condition,
            checked.selectable,
            checked.signature,
        );
    });
    Ok(())
}

/// Ends subscriptions, as far as they are there.
pub fn unsubscribe(ids: &[Id]) -> Result<()> {
    nested::refuse("unsubscribe")?;
    check_unconfined("unsubscribe")?;
    with_mut(|book| ids.iter().for_each(|id| book.remove(*id)));
    Ok(())
}

/// Ends subscriptions by errors, which a call with a cursor of this progress tells.
pub fn end<'a>(ended: impl IntoIterator<Item = (&'a str, &'a [Id])>, told_at: (u64, u64)) {
    with_mut(|book| {
        ended
            .into_iter()
            .for_each(|(error, ids)| book.end(ids, error, told_at));
    });
}

/// The subscriptions that ended before, and are still to be told so by a call with a cursor of this progress.
pub fn still_to_tell(progress: (u64, u64)) -> BTreeMap<Rc<str>, Vec<Id>> {
    with_mut(|book| book.ended.still_to_tell(progress))
}

/// The reader has come to a cursor of this progress.
pub fn has_come_to(progress: (u64, u64)) {
    with_mut(|book| book.ended.forget_told(progress));
}

/// Ends all subscriptions, as DISCARD ALL ends what a session listens to: the session may be another client's next.
fn discard() {
    with_mut(Book::clear);
}

/// Puts conditions in place that have changed.
pub fn renew(news: Vec<News>) {
    with_mut(|book| news.into_iter().for_each(|news| news.apply(book)));
}

/// The relations that the session follows, in ascending order.
pub fn relations() -> Vec<Oid> {
    let mut all: Vec<Oid> = with(|book| book.relations.keys().copied().collect());
    all.sort_unstable_by_key(|oid| oid.to_u32());
    all
}

/// Changes the subscriptions. Nothing of Postgres may be called meanwhile.
fn with_mut<T>(change: impl FnOnce(&mut Book) -> T) -> T {
    BOOK.with(|book| change(&mut book.borrow_mut()))
}

/// What is known of a subscription whose role may receive what it asks for.
struct Checked {
    name: String,
    selectable: Vec<i16>,
    condition: Condition,
    /// `None` if the book has it.
    signature: Option<Signature>,
}

/// Checks that a role may receive what is asked for.
fn check(oid: Oid, filter: Option<&str>, columns: Option<&[String]>, who: &Who) -> Result<Checked> {
    check_role(who.role)?;
    let _held = Held::new(oid);
    let relation = Relation::open(oid)?;
    let selectable = relation.selectable(who.role)?;
    check_captured(&relation)?;
    if let Some(names) = columns {
        relation.project(names, &selectable)?;
    }
    let known = |book: &Book| {
        let known = book.relations.get(&oid)?.signature.as_ref()?;
        Some(known.renewed(&relation))
    };
    Ok(Checked {
        name: relation.name(),
        condition: renew::compiled(oid, who.role, filter)?,
        signature: with(known).unwrap_or_else(|| Some(Signature::of(&relation))),
        selectable,
    })
}

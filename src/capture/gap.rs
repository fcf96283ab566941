//! Gap entries that capture appends: one per relation and cause is enough.

use crate::error::Result;
use crate::log::append::append_gap;
use crate::log::entry::GapCause;
use crate::pg::backend::xact;
use crate::pg::Oid;
use std::cell::RefCell;
use std::collections::HashSet;

/// Appends a gap entry, unless this subtransaction has already appended one for the relation and cause. Not once per
/// transaction, since a rollback to a savepoint removes the entry. Errors: as [`append_gap`].
pub fn gap_once(relation: Oid, cause: GapCause) -> Result<()> {
    /// The transaction, and what it has appended: subtransaction, relation and cause.
    type Written = (u64, HashSet<(u32, u32, u8)>);
    thread_local! {
        static WRITTEN: RefCell<Written> = RefCell::default();
    }
    let (xid, subtransaction) = (xact::top_xid(), xact::subtransaction());
    let first = WRITTEN.with_borrow_mut(|(of, written)| {
        if *of != xid {
            *of = xid;
            written.clear();
        }
        written.insert((subtransaction, relation.to_u32(), cause.letter()))
    });
    if first {
        append_gap(relation, cause)?;
    }
    Ok(())
}

//! Gap entries of capture: one of a cause says it for a transaction.

use crate::error::Result;
use crate::log::append::append_gap;
use crate::log::entry::GapCause;
use crate::pg::backend::xact;
use crate::pg::Oid;
use std::cell::RefCell;
use std::collections::HashSet;

/// One gap entry of a cause per relation and transaction; per subtransaction, since a rolled-back one takes its gap entry
/// along.
pub fn gap_once(relation: Oid, cause: GapCause) -> Result<()> {
    /// Of a transaction: by subtransaction, relation and cause.
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

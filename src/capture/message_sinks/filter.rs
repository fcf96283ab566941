//! The row filter of a trigger's arguments, for the sinks that take messages.

use crate::change::Operation;
use crate::filter::condition::compile_own;
use crate::pg::backend::subtransaction::attempt;
use crate::pg::backend::subtransaction::Raised;
use crate::pg::judge::row_filter::RowFilter;
use crate::pg::row::decoded::Decoded;
use crate::pg::Oid;

/// What asks it, or why it cannot be asked.
pub type Asked = std::result::Result<Option<RowFilter>, Raised>;

/// A change, and its new and old row.
type Rows<'c> = (Operation, Option<Decoded<'c>>, Option<Decoded<'c>>);

/// An UPDATE whose row enters what the row filter lets through is an INSERT, one whose row leaves it a DELETE: the
/// trigger's WHEN holds if either does.
pub fn filtered<'f, 'c>(
    filter: &'f Asked,
    (operation, new, old): Rows<'c>,
) -> std::result::Result<Rows<'c>, &'f Raised> {
    let (Some(after), Some(before)) = (&new, &old) else {
        return Ok((operation, new, old));
    };
    let Some(filter) = filter.as_ref()? else {
        return Ok((operation, new, old));
    };
    Ok(match (filter.holds(before), filter.holds(after)) {
        (false, true) => (Operation::Insert, new, None),
        (true, false) => (Operation::Delete, None, old),
        _ => (operation, new, old),
    })
}

/// The row filter that a trigger's arguments carry. The write must not fail where it means nothing any more.
pub fn row_filter(relation: Oid, row_type: Oid, filter: Option<&str>) -> Asked {
    let Some(filter) = filter else {
        return Ok(None);
    };
    attempt(|| {
        let condition = compile_own(relation, filter)?;
        Ok(condition.and_then(|condition| RowFilter::new(condition.tree(), row_type)))
    })
    .map_err(|mut raised| {
        let hint = || "Run pgrealtime.enable() on the table with another row filter.".to_owned();
        raised.hint.get_or_insert_with(hint);
        raised
    })
}

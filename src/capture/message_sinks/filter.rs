//! The row filter of a trigger's arguments, for the sinks that take messages.

use crate::capture_trigger::Misfit;
use crate::change::Operation;
use crate::filter::condition::{compile_own, fires_on};
use crate::pg::backend::subtransaction::attempt;
use crate::pg::backend::subtransaction::Raised;
use crate::pg::catalog::relation_triggers::capture_triggers;
use crate::pg::judge::row_filter::RowFilter;
use crate::pg::row::decoded::Decoded;
use crate::pg::Oid;

/// The compiled row filter, or the error that compiling it raised.
pub type Compiled = std::result::Result<Option<RowFilter>, Raised>;

/// A change: its operation, new row and old row.
type Rows<'c> = (Operation, Option<Decoded<'c>>, Option<Decoded<'c>>);

/// Turns an UPDATE into an INSERT if only the new row matches the row filter, and into a DELETE if only the old row
/// does. (The trigger's WHEN is true if either of them matches.) Errors: as the row filter was compiled.
pub fn filtered<'f, 'c>(
    filter: &'f Compiled,
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

/// Compiles the row filter of a trigger's arguments. If it is no longer valid, the user's statement must not fail, so
/// the error is part of the result. `Misfit`: the triggers fire on another condition.
pub fn row_filter(
    relation: Oid,
    row_type: Oid,
    filter: Option<&str>,
) -> std::result::Result<Compiled, Misfit> {
    let Some(filter) = filter else {
        return Ok(Ok(None));
    };
    let compiled = attempt(|| {
        let condition = compile_own(relation, filter)?;
        let triggers = capture_triggers(relation);
        if !fires_on(relation, condition.as_ref(), &triggers)? {
            return Ok(Err(Misfit::Condition));
        }
        Ok(Ok(condition.and_then(|condition| {
            RowFilter::new(condition.tree(), row_type)
        })))
    });
    match compiled {
        Ok(compiled) => compiled.map(Ok),
        Err(mut raised) => {
            let hint =
                || "Run pgrealtime.enable() on the table with another row filter.".to_owned();
            raised.hint.get_or_insert_with(hint);
            Ok(Err(raised))
        }
    }
}

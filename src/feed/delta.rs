//! The delta rule: which operation a reader receives, from whether it sees the old and the new row. Pure.

use crate::change::RowOperation;

/// The operation that a reader receives for a change; `None` if it receives nothing. An INSERT carries the new row, an
/// UPDATE both rows, a DELETE the old row.
///
/// This is the rule for row filters of publications (pgoutput.c, pgoutput_row_filter), applied to filter and policies
/// together. `sees_old` and `sees_new` count only if the operation has such a row.
pub fn delta(operation: RowOperation, sees_old: bool, sees_new: bool) -> Option<RowOperation> {
    match (operation, sees_old, sees_new) {
        (RowOperation::Insert, _, true) => Some(RowOperation::Insert),
        (RowOperation::Update, true, true) => Some(RowOperation::Update),
        (RowOperation::Update, false, true) => Some(RowOperation::Insert),
        (RowOperation::Update | RowOperation::Delete, true, _) => Some(RowOperation::Delete),
        (RowOperation::Insert | RowOperation::Update | RowOperation::Delete, _, _) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Replays the delta on a reader's copy of one row. Afterwards the copy must be what the reader sees.
    #[test]
    fn replaying_the_delta_gives_what_the_reader_sees() {
        for (operation, had, has) in [
            (RowOperation::Insert, false, true),
            (RowOperation::Update, true, true),
            (RowOperation::Delete, true, false),
        ] {
            for sees_old in [false, true] {
                for sees_new in [false, true] {
                    let mut copy = (had && sees_old).then_some("old");
                    match delta(operation, had && sees_old, has && sees_new) {
                        Some(RowOperation::Insert) => {
                            assert_eq!(copy, None, "an INSERT of a row that the copy has");
                            copy = Some("new");
                        }
                        Some(RowOperation::Update) => {
                            assert_eq!(copy, Some("old"), "an UPDATE of a row that the copy lacks");
                            copy = Some("new");
                        }
                        Some(RowOperation::Delete) => {
                            assert_eq!(copy, Some("old"), "a DELETE of a row that the copy lacks");
                            copy = None;
                        }
                        None => {}
                    }
                    let sees = (has && sees_new).then_some("new");
                    assert_eq!(copy, sees, "{operation:?} {sees_old} {sees_new}");
                }
            }
        }
    }
}

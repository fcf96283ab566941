//! The delta rule: what a reader receives of a change, from what it saw before and what it sees after; pure.

use crate::change::RowOperation;

/// What a reader receives of a change: of an INSERT the new row, of an UPDATE both, of a DELETE the old row.
///
/// The rule of publication row filters (pgoutput.c, pgoutput_row_filter), here for filter and policy together.
/// `sees_old` and `sees_new` are asked only where the operation has such a row.
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

    /// A reader's copy of one row: what it holds before and after must be what it sees.
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
                            assert_eq!(copy, None, "an INSERT of a row that is there");
                            copy = Some("new");
                        }
                        Some(RowOperation::Update) => {
                            assert_eq!(copy, Some("old"), "an UPDATE of a row that is not there");
                            copy = Some("new");
                        }
                        Some(RowOperation::Delete) => {
                            assert_eq!(copy, Some("old"), "a DELETE of a row that is not there");
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

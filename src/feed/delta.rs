//! The delta rule: what a reader receives of a change, from what it saw before and what it sees after; pure.

/// What happened to the row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Operation {
    Insert,
    Update,
    Delete,
}

/// What the reader receives.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Delivery {
    /// `record` is the new row, nothing of the old one.
    Insert,
    /// `record` is the new row, `old_record` the old one.
    Update,
    /// `old_record` is the old row, nothing of the new one.
    Delete,
}

/// The rule of publication row filters (pgoutput.c, pgoutput_row_filter), here for filter and policy together.
/// `sees_old` and `sees_new` are asked only where the operation has such a row.
pub fn delta(operation: Operation, sees_old: bool, sees_new: bool) -> Option<Delivery> {
    match (operation, sees_old, sees_new) {
        (Operation::Insert, _, true) => Some(Delivery::Insert),
        (Operation::Update, true, true) => Some(Delivery::Update),
        (Operation::Update, false, true) => Some(Delivery::Insert),
        (Operation::Update | Operation::Delete, true, _) => Some(Delivery::Delete),
        (Operation::Insert | Operation::Update | Operation::Delete, _, _) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A reader's copy of one row: what it holds before and after must be what it sees.
    #[test]
    fn replaying_the_delta_gives_what_the_reader_sees() {
        for (operation, had, has) in [
            (Operation::Insert, false, true),
            (Operation::Update, true, true),
            (Operation::Delete, true, false),
        ] {
            for sees_old in [false, true] {
                for sees_new in [false, true] {
                    let mut copy = (had && sees_old).then_some("old");
                    match delta(operation, had && sees_old, has && sees_new) {
                        Some(Delivery::Insert) => {
                            assert_eq!(copy, None, "an INSERT of a row that is there");
                            copy = Some("new");
                        }
                        Some(Delivery::Update) => {
                            assert_eq!(copy, Some("old"), "an UPDATE of a row that is not there");
                            copy = Some("new");
                        }
                        Some(Delivery::Delete) => {
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

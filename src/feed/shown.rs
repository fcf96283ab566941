//! What a reader receives for a changed row, which also depends on the columns that it may SELECT.

use super::delta::delta;
use super::relation::{Relation, Rows};
use crate::change::RowOperation;
use crate::log::marks;

/// The columns that a reader may SELECT, where these are not all.
#[derive(Clone, Debug, Default)]
pub struct Shown(Option<Vec<i16>>);

impl Shown {
    pub fn of(relation: &Relation, selectable: &[i16]) -> Shown {
        let all = (relation.columns.iter()).all(|column| selectable.contains(column));
        Shown((!all).then(|| selectable.to_vec()))
    }

    /// Whether these are all columns.
    pub fn is_all(&self) -> bool {
        self.0.is_none()
    }

    /// The delta rule. An UPDATE that changed nothing but columns which the reader may not SELECT is none to it: a
    /// message with two equal rows would tell when a withheld value changes.
    pub fn delta(
        &self,
        relation: &Relation,
        operation: RowOperation,
        rows: &Rows,
        [sees_old, sees_new]: [bool; 2],
    ) -> Option<RowOperation> {
        let delivery = delta(operation, sees_old, sees_new)?;
        let is_hidden = delivery == RowOperation::Update
            && (self.0.as_ref()).is_some_and(|shown| !is_changed(relation, rows, shown));
        (!is_hidden).then_some(delivery)
    }
}

/// Whether an UPDATE changed one of these columns. One whose old or new value is not known counts as changed if its
/// stored bytes did change.
fn is_changed(relation: &Relation, rows: &Rows, columns: &[i16]) -> bool {
    let (Some(old), Some(new)) = (&rows.old, &rows.new) else {
        return true;
    };
    columns.iter().any(|column| {
        let place = *column as usize - 1;
        let value = |row| relation.value(row, *column);
        marks::has(&rows.changed, place)
            && (old.is_absent(place) || new.is_absent(place) || value(old) != value(new))
    })
}

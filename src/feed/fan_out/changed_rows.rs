//! The changed rows of one relation, and their keys.

use crate::feed::judge::Case;
use crate::feed::relation::Relation;
use crate::keyed::Truth;
use crate::pg::row::decoded::Decoded;
use crate::pg::row::row_keys::RowKeys;

/// A row of a case; the second one is the new row.
pub type Place = (u32, bool);

/// The changed rows of one relation.
pub struct ChangedRows<'a> {
    pub relation: &'a Relation,
    pub cases: &'a [Case<'a>],
    /// The old and the new row of each case.
    pub keys: Vec<[Option<RowKeys<'a>>; 2]>,
    /// Whether they pass the relation's row filter, as far as keys can tell.
    pub filtered: Vec<[Truth; 2]>,
}

impl<'a> ChangedRows<'a> {
    pub fn new(relation: &'a Relation, cases: &'a [Case<'a>]) -> ChangedRows<'a> {
        let keys = |row: &'a Option<Decoded<'a>>| {
            row.as_ref().map(|row| RowKeys::new(&relation.shape, row))
        };
        let keys: Vec<[Option<RowKeys>; 2]> = cases
            .iter()
            .map(|case| [keys(&case.rows.old), keys(&case.rows.new)])
            .collect();
        let filter = |keys: &Option<RowKeys>| match (&relation.row_filter_keys, keys) {
            (Some(condition), Some(keys)) => condition.evaluate(&|column| keys.cell(column)),
            _ => Truth::TRUE,
        };
        ChangedRows {
            filtered: keys
                .iter()
                .map(|[old, new]| [filter(old), filter(new)])
                .collect(),
            relation,
            cases,
            keys,
        }
    }

    /// Whether it is a DELETE that goes by key to whoever might have seen the row.
    pub fn by_key(&self, case: u32) -> bool {
        self.relation.deletes_by_key && self.cases[case as usize].is_delete
    }

    pub fn row(&self, (case, is_new): Place) -> Option<&'a Decoded<'a>> {
        let rows = self.cases[case as usize].rows;
        if is_new { &rows.new } else { &rows.old }.as_ref()
    }
}

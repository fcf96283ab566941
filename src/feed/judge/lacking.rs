//! Rows that lack values which the policies look at: what the policies decide about them without these.

use super::kept::compiled_without;
use crate::feed::relation::Relation;
use crate::pg::backend::subtransaction::attempt;
use crate::pg::catalog::policies::Uses;
use crate::pg::judge::policy::Verdict;
use crate::pg::row::decoded::Decoded;
use std::collections::BTreeMap;

/// Whether a row lacks a value that a condition looks at.
pub fn lacks(relation: &Relation, row: &Decoded, uses: &Uses) -> bool {
    lacking(relation, row, uses).next().is_some()
}

fn lacking<'a>(
    relation: &'a Relation,
    row: &'a Decoded,
    uses: &'a Uses,
) -> impl Iterator<Item = i16> + 'a {
    let columns = match uses.all {
        true => &relation.columns,
        false => &uses.columns,
    };
    let absent = |column: &i16| row.is_absent(*column as usize - 1);
    columns.iter().copied().filter(absent)
}

/// Whether the current role's policies hide rows that lack values, whatever these are. An error decides nothing: with the
/// values, the policies might have hidden the row before they came to what raises it.
pub fn are_hidden(relation: &Relation, uses: &Uses, rows: &[&Decoded]) -> Vec<bool> {
    let mut hidden = vec![false; rows.len()];
    let mut alike: BTreeMap<Vec<i16>, Vec<usize>> = BTreeMap::new();
    for (place, row) in rows.iter().enumerate() {
        let columns = lacking(relation, row, uses).collect();
        alike.entry(columns).or_default().push(place);
    }
    for (columns, places) in alike {
        let statement = attempt(|| compiled_without(relation, columns));
        let Ok(Some(statement)) = statement else {
            continue;
        };
        let rows: Vec<&Decoded> = places.iter().map(|place| rows[*place]).collect();
        for (place, verdict) in places
            .iter()
            .zip(statement.verdicts(&relation.shape, &rows))
        {
            hidden[*place] = verdict.is_ok_and(|verdict| verdict == Verdict::Hidden);
        }
    }
    hidden
}

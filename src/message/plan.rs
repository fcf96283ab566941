//! Facts about a relation's messages that do not depend on a row: keys, types' JSON forms, the list of columns.

use super::class::{Field, Resolver};
use super::json;
use super::value::{write_object, Text, TooLarge};
use crate::pg::backend::cache::Kept;
use crate::pg::backend::settings::Pin;
use crate::pg::row::record::Cell;
use crate::pg::row::record::Column;
use crate::pg::row::record::DeformedRow;
use crate::pg::row::types::type_name;

/// How rows of a relation become `record` and `old_record`, for one set of columns.
pub struct RecordPlan {
    fields: Vec<Field>,
    /// `[{"name":…,"type":…},…]`
    columns: Box<[u8]>,
    resolver: Resolver,
}

impl RecordPlan {
    /// A plan for the columns whose attribute numbers are in `projection` (`None`: all) and for the key's, which is
    /// always part of a message. `columns` are the relation's live ones; a row is read by attribute number.
    pub fn new(columns: &[Column], projection: Option<&[i16]>, key: &[i16]) -> RecordPlan {
        let mut resolver = Resolver::new();
        let mut chosen: Vec<&Column> = columns
            .iter()
            .filter(|column| {
                let within = |numbers: &[i16]| numbers.contains(&column.number);
                projection.is_none_or(within) || within(key)
            })
            .collect();
        chosen.sort_by_key(|column| column.number);
        let fields = chosen.iter().map(|column| {
            let is_key = key.contains(&column.number);
            resolver.field(&column.name, column.number, column.type_oid, is_key)
        });
        RecordPlan {
            fields: fields.collect(),
            columns: column_list(&chosen),
            resolver,
        }
    }

    /// A plan for messages that hold only the key.
    pub fn of_key(columns: &[Column], key: &[i16]) -> RecordPlan {
        RecordPlan::new(columns, Some(&[]), key)
    }

    /// Whether writing a row runs functions that are not Postgres's own, and so may raise errors.
    pub fn is_foreign(&self) -> bool {
        self.resolver.is_foreign()
    }

    pub(super) fn pin(&self) -> Pin {
        self.resolver.pin()
    }

    /// Attribute numbers of the columns that identify rows.
    pub fn numbers(&self) -> Vec<i16> {
        let fields = self.fields.iter();
        fields.map(|field| field.place as i16 + 1).collect()
    }

    pub(super) fn columns(&self) -> &[u8] {
        &self.columns
    }

    /// The columns that are missing from one of the rows, as JSON strings without their quotes.
    pub(super) fn missing<'a>(
        &'a self,
        rows: [Option<&'a DeformedRow<'a>>; 2],
    ) -> impl Iterator<Item = &'a [u8]> {
        self.fields
            .iter()
            .filter(move |field| {
                let lacks = |row: &&DeformedRow| {
                    matches!(row.cell(field.place, field.class.base()), Cell::Absent)
                };
                rows.iter().flatten().any(lacks)
            })
            .map(Field::escaped_name)
    }

    /// Writes a row as a JSON object. Values of more than `cut` bytes are left out. Errors: the message is too large.
    pub(super) fn write(
        &self,
        row: &DeformedRow<'_>,
        to: &mut Text<'_>,
        cut: Option<usize>,
    ) -> Result<(), TooLarge> {
        write_object(&self.fields, row, to, cut)
    }
}

/// It holds as long as the facts about types do. The plan's owner watches the facts about the relation (its columns, their
/// names, the key).
impl Kept for RecordPlan {
    fn is_fresh(&self) -> bool {
        self.resolver.is_fresh()
    }
}

fn column_list(columns: &[&Column]) -> Box<[u8]> {
    let mut out = vec![b'['];
    for (i, column) in columns.iter().enumerate() {
        out.extend_from_slice(if i == 0 {
            b"{\"name\":".as_slice()
        } else {
            b",{\"name\":"
        });
        json::string(&mut out, column.name.as_bytes());
        out.extend_from_slice(b",\"type\":");
        let name = type_name(column.type_oid).unwrap_or_default();
        json::string(&mut out, name.as_bytes());
        out.push(b'}');
    }
    out.push(b']');
    out.into_boxed_slice()
}

//! What an entry is, and why a gap was written: the stored letters; pure.

use super::marks::Marks;
use crate::change::RowOperation;

/// What an entry is; the letter is stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A row that was changed, with its images.
    Row(RowOperation),
    /// The whole relation was truncated.
    Truncate,
    /// Something about the relation changed that no image can tell.
    Gap,
    /// A note of what a sink could not deliver; it is of no relation, so that no reader looks at it.
    Note,
}

impl Kind {
    /// The stored letter.
    pub fn letter(self) -> u8 {
        match self {
            Kind::Row(RowOperation::Insert) => b'I',
            Kind::Row(RowOperation::Update) => b'U',
            Kind::Row(RowOperation::Delete) => b'D',
            Kind::Truncate => b'T',
            Kind::Gap => b'G',
            Kind::Note => b'N',
        }
    }

    /// What a stored letter says. What is not known is a gap: readers must not go on past it.
    pub fn from_letter(letter: u8) -> Kind {
        match letter {
            b'I' => Kind::Row(RowOperation::Insert),
            b'U' => Kind::Row(RowOperation::Update),
            b'D' => Kind::Row(RowOperation::Delete),
            b'T' => Kind::Truncate,
            b'N' => Kind::Note,
            _ => Kind::Gap,
        }
    }

    /// Whether `log_status` counts an entry by its cause: what the partial index of a segment holds (sql/20_log.sql).
    pub fn is_remarkable(self, marks: Option<&[u8]>) -> bool {
        matches!(self, Kind::Gap | Kind::Note) || marks.is_some_and(Marks::lack_values)
    }
}

/// Why a gap entry was written; the letter is stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum GapCause {
    /// `enable`, for the first time or with changed settings.
    Enabled,
    /// `disable`.
    Disabled,
    /// `pgrealtime.enabled` was off while the relation was changed.
    Skipped,
    /// One partition was truncated.
    PartitionTruncated,
    /// A partition came or went with its rows.
    PartitionMoved,
    /// Another layout, which earlier images cannot be mapped to.
    Layout,
    /// A capture trigger was made, dropped or switched, by whomever but `enable` and `disable`.
    Capture,
    /// Values changed without a row change: ALTER COLUMN TYPE, ADD COLUMN with a default, ALTER TYPE of an enum or row.
    Rewritten,
    /// A table began to inherit from the relation, or ended to: its SELECT shows other rows.
    Inheritance,
    /// A column has another name, or the key is of other columns: copies of rows are kept under the old ones.
    Columns,
    /// A statement changed rows that a statement within it had changed, and their changes are not in order.
    Order,
    /// A table began to be unlogged, or ended to: a crash empties it.
    Unlogged,
}

impl GapCause {
    const LETTERS: [(GapCause, u8); 12] = [
        (GapCause::Enabled, b'e'),
        (GapCause::Disabled, b'd'),
        (GapCause::Skipped, b's'),
        (GapCause::PartitionTruncated, b't'),
        (GapCause::PartitionMoved, b'p'),
        (GapCause::Layout, b'l'),
        (GapCause::Capture, b'c'),
        (GapCause::Rewritten, b'r'),
        (GapCause::Inheritance, b'i'),
        (GapCause::Columns, b'n'),
        (GapCause::Order, b'o'),
        (GapCause::Unlogged, b'u'),
    ];

    /// The stored letter.
    pub fn letter(self) -> u8 {
        Self::LETTERS
            .iter()
            .find(|(cause, _)| *cause == self)
            .map_or(b'?', |(_, letter)| *letter)
    }

    /// The cause of a stored letter.
    pub fn from_letter(letter: u8) -> Option<GapCause> {
        Self::LETTERS
            .iter()
            .find(|(_, stored)| *stored == letter)
            .map(|(cause, _)| *cause)
    }

    /// Whether images from before it can still be read.
    pub fn keeps_images(self) -> bool {
        matches!(
            self,
            GapCause::Enabled
                | GapCause::Disabled
                | GapCause::Skipped
                | GapCause::Capture
                | GapCause::Inheritance
                | GapCause::Unlogged
                | GapCause::Columns
                | GapCause::PartitionTruncated
                | GapCause::PartitionMoved
        )
    }

    /// What happened, to be put behind the relation's name.
    pub fn describe(self) -> &'static str {
        match self {
            GapCause::Enabled => "was enabled, or enabled with other settings",
            GapCause::Disabled => "was disabled",
            GapCause::Skipped => "was changed while pgrealtime.enabled was off",
            GapCause::PartitionTruncated => "had a partition truncated",
            GapCause::PartitionMoved => "had a partition attached, detached or dropped",
            GapCause::Layout => "changed in a way that earlier images cannot be mapped to",
            GapCause::Capture => "had capture triggers made, dropped, or switched on or off",
            GapCause::Rewritten => "had values changed by ALTER TABLE or ALTER TYPE",
            GapCause::Unlogged => "has, or had, unlogged tables or partitions, which a crash empties",
            GapCause::Inheritance => "has, or had, tables that inherit from it",
            GapCause::Columns => "had a column renamed, or its key changed",
            GapCause::Order => "was changed by triggers or functions within a statement, and the order of the changes is not known",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_lacks_values_is_remarkable() {
        const UPDATE: Kind = Kind::Row(RowOperation::Update);
        for (bits, remarkable) in [
            ([0, 0, 0], false),
            ([1, 0, 0], false),
            ([0, 1, 0], true),
            ([1, 1, 1], true),
            ([1, 0, 1], true),
        ] {
            let bitmap = |given: u8| vec![7; given.into()];
            let marks = Marks {
                changed: bitmap(bits[0]),
                absent: bitmap(bits[1]),
                old_absent: bitmap(bits[2]),
            }
            .encode();
            assert_eq!(UPDATE.is_remarkable(marks.as_deref()), remarkable);
            // As the index says it.
            let flags = marks.map_or(0, |marks| marks[0]);
            assert_eq!((2..=7).contains(&flags), remarkable);
        }
        assert!(Kind::Gap.is_remarkable(Some(b"e")) && Kind::Note.is_remarkable(Some(b"1 1")));
    }

    #[test]
    fn kinds_come_back() {
        for letter in *b"IUDTGN" {
            assert_eq!(Kind::from_letter(letter).letter(), letter);
        }
        assert_eq!(Kind::from_letter(b'?'), Kind::Gap);
    }

    #[test]
    fn causes_come_back() {
        for (cause, letter) in GapCause::LETTERS {
            assert_eq!(GapCause::from_letter(letter), Some(cause));
            assert_eq!(cause.letter(), letter);
        }
    }
}

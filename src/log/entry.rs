//! The kinds of entries and the causes of gaps, with the letters that are stored for them; pure.

use super::marks::Marks;
use crate::change::RowOperation;

/// The kind of an entry. The letter is stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A row that was changed, with its images.
    Row(RowOperation),
    /// The whole relation was truncated.
    Truncate,
    /// Something about the relation changed that images cannot show.
    Gap,
    /// A note that a sink could not deliver messages. It names no relation, so readers skip it.
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

    /// The kind for a stored letter. An unknown letter is a gap: readers must not go on past it.
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

    /// Whether `log_status` counts an entry by its cause. The partial index of a segment holds these entries
    /// (sql/20_log.sql).
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
    /// A partition with rows was attached, detached or dropped.
    PartitionMoved,
    /// The layout changed, and earlier images cannot be mapped to the new one.
    Layout,
    /// A capture trigger was created, dropped, enabled or disabled by something other than `enable` and `disable`.
    Capture,
    /// Values changed without a row change: ALTER COLUMN TYPE, ADD COLUMN with a default, ALTER TYPE of an enum or row.
    Rewritten,
    /// A table started or stopped inheriting from the relation, so that a SELECT of the relation shows other rows.
    Inheritance,
    /// A column got another name, or the key other columns: readers keep their rows under the old ones.
    Columns,
    /// A statement changed rows that a statement inside it had changed, and their changes are out of order.
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

    /// Whether images from before the gap can still be read.
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

    /// What happened, as text that follows the relation's name.
    pub fn describe(self) -> &'static str {
        match self {
            GapCause::Enabled => "was enabled, or enabled with other settings",
            GapCause::Disabled => "was disabled",
            GapCause::Skipped => "was changed while pgrealtime.enabled was off",
            GapCause::PartitionTruncated => "had a partition truncated",
            GapCause::PartitionMoved => "had a partition attached, detached or dropped",
            GapCause::Layout => "was altered, and rows captured before that can no longer be read",
            GapCause::Capture => "had capture triggers created, dropped, enabled or disabled",
            GapCause::Rewritten => "had values changed by ALTER TABLE or ALTER TYPE",
            GapCause::Unlogged => "has, or had, unlogged tables or partitions, which a crash empties",
            GapCause::Inheritance => "gained or lost a table that inherits from it",
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
            // The same condition as in the index.
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

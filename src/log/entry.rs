//! What an entry says: its operation, and the marks that go with its images; pure.

/// The operation letters of the log.
pub const INSERT: u8 = b'I';
pub const UPDATE: u8 = b'U';
pub const DELETE: u8 = b'D';
pub const TRUNCATE: u8 = b'T';
/// A gap: something about the relation changed that no image can tell.
pub const GAP: u8 = b'G';
/// A note of what a sink could not deliver; it is of no relation, so that no reader looks at it.
pub const NOTE: u8 = b'N';

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
    /// Values changed without a row change: ALTER COLUMN TYPE, ADD COLUMN with a default, ALTER TYPE RENAME VALUE.
    Rewritten,
    /// A table began to inherit from the relation, or ended to: its SELECT shows other rows.
    Inheritance,
    /// A statement changed rows that a statement within it had changed, and their changes are not in order.
    Order,
}

impl GapCause {
    const LETTERS: [(GapCause, u8); 10] = [
        (GapCause::Enabled, b'e'),
        (GapCause::Disabled, b'd'),
        (GapCause::Skipped, b's'),
        (GapCause::PartitionTruncated, b't'),
        (GapCause::PartitionMoved, b'p'),
        (GapCause::Layout, b'l'),
        (GapCause::Capture, b'c'),
        (GapCause::Rewritten, b'r'),
        (GapCause::Inheritance, b'i'),
        (GapCause::Order, b'o'),
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
            GapCause::Inheritance => "has, or had, tables that inherit from it",
            GapCause::Order => "was changed by triggers or functions within a statement, and the order of the changes is not known",
        }
    }
}

/// Which columns an entry's images speak of, each a bitmap with the lowest attribute number in the lowest bit.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Marks {
    /// UPDATE: the columns whose old value differs, and is in the old image.
    pub changed: Vec<u8>,
    /// Columns that the image lacks because the row was too large.
    pub absent: Vec<u8>,
    /// Changed columns whose old value the old image lacks for the same reason.
    pub old_absent: Vec<u8>,
}

const CHANGED: u8 = 1;
const ABSENT: u8 = 2;
const OLD_ABSENT: u8 = 4;

impl Marks {
    /// The stored form: a byte that says which bitmaps follow, then these, all of one length. Nothing for no marks.
    pub fn encode(&self) -> Option<Vec<u8>> {
        let parts = [
            (CHANGED, &self.changed),
            (ABSENT, &self.absent),
            (OLD_ABSENT, &self.old_absent),
        ];
        let flags = parts
            .iter()
            .filter(|(_, bits)| !bits.is_empty())
            .fold(0, |flags, (flag, _)| flags | flag);
        if flags == 0 {
            return None;
        }
        let mut out = vec![flags];
        parts
            .iter()
            .for_each(|(_, bits)| out.extend_from_slice(bits));
        Some(out)
    }

    /// Reads the stored form; `None` when it is damaged.
    pub fn decode(bytes: Option<&[u8]>) -> Option<Marks> {
        let mut marks = Marks::default();
        let Some((flags, mut rest)) = bytes.and_then(<[u8]>::split_first) else {
            return Some(marks);
        };
        let parts = (*flags & (CHANGED | ABSENT | OLD_ABSENT)).count_ones() as usize;
        if parts == 0 || rest.len() % parts != 0 {
            return None;
        }
        let length = rest.len() / parts;
        for (flag, bits) in [
            (CHANGED, &mut marks.changed),
            (ABSENT, &mut marks.absent),
            (OLD_ABSENT, &mut marks.old_absent),
        ] {
            if flags & flag != 0 {
                let (part, after) = rest.split_at(length);
                bits.extend_from_slice(part);
                rest = after;
            }
        }
        Some(marks)
    }
}

/// Whether `log_status` counts an entry by its cause: what the partial index of a segment holds (sql/20_log.sql).
pub fn is_remarkable(operation: u8, marks: Option<&[u8]>) -> bool {
    let flags = marks.and_then(<[u8]>::first).copied().unwrap_or_default();
    matches!(operation, GAP | NOTE) || flags & (ABSENT | OLD_ABSENT) != 0
}

/// Whether a bitmap has a column, counted from 0.
pub fn has(bits: &[u8], column: usize) -> bool {
    bits.get(column / 8)
        .is_some_and(|byte| byte & (1 << (column % 8)) != 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_lacks_values_is_remarkable() {
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
            assert_eq!(is_remarkable(UPDATE, marks.as_deref()), remarkable);
            // As the index says it.
            let flags = marks.map_or(0, |marks| marks[0]);
            assert_eq!((2..=7).contains(&flags), remarkable);
        }
        assert!(is_remarkable(GAP, Some(b"e")) && is_remarkable(NOTE, Some(b"1")));
    }

    #[test]
    fn marks_come_back() {
        for (changed, absent, old_absent) in [
            (vec![], vec![], vec![]),
            (vec![3], vec![], vec![]),
            (vec![], vec![1, 2], vec![]),
            (vec![0, 1], vec![2, 3], vec![4, 5]),
            (vec![9], vec![], vec![8]),
        ] {
            let marks = Marks {
                changed,
                absent,
                old_absent,
            };
            assert_eq!(Marks::decode(marks.encode().as_deref()), Some(marks));
        }
        assert_eq!(Marks::decode(Some(&[3, 1])), None);
        assert_eq!(Marks::decode(Some(&[0, 1])), None);
    }

    #[test]
    fn a_bit_is_a_column() {
        assert!(has(&[0b10, 0b1], 1) && has(&[0b10, 0b1], 8));
        assert!(!has(&[0b10, 0b1], 0) && !has(&[0b10, 0b1], 99));
    }

    #[test]
    fn causes_come_back() {
        for (cause, letter) in GapCause::LETTERS {
            assert_eq!(GapCause::from_letter(letter), Some(cause));
            assert_eq!(cause.letter(), letter);
        }
    }
}

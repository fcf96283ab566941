//! Marks: which columns the images of an entry hold; pure.

/// Which columns an entry's images hold, each a bitmap with the lowest attribute number in the lowest bit.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Marks {
    /// UPDATE: the columns whose old value differs and is in the old image.
    pub changed: Vec<u8>,
    /// Columns that are missing from the image because the row was too large.
    pub absent: Vec<u8>,
    /// Changed columns whose old value is missing from the old image for the same reason.
    pub old_absent: Vec<u8>,
}

const CHANGED: u8 = 1;
const ABSENT: u8 = 2;
const OLD_ABSENT: u8 = 4;

impl Marks {
    /// The stored form: a byte that says which bitmaps follow, then the bitmaps, all of one length. Empty when there
    /// are no marks.
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
        let Some(bytes) = bytes else {
            return Some(marks);
        };
        let (flags, mut rest) = bytes.split_first()?;
        let parts = flags.count_ones() as usize;
        if flags & !(CHANGED | ABSENT | OLD_ABSENT) != 0 || parts == 0 || rest.len() % parts != 0 {
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

    /// Whether the stored form says that values are missing from an image.
    pub fn lack_values(bytes: &[u8]) -> bool {
        bytes
            .first()
            .is_some_and(|flags| flags & (ABSENT | OLD_ABSENT) != 0)
    }
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
        assert_eq!(Marks::decode(Some(&[])), None);
        assert_eq!(Marks::decode(Some(&[9, 1])), None);
    }

    #[test]
    fn a_bit_is_a_column() {
        assert!(has(&[0b10, 0b1], 1) && has(&[0b10, 0b1], 8));
        assert!(!has(&[0b10, 0b1], 0) && !has(&[0b10, 0b1], 99));
    }
}

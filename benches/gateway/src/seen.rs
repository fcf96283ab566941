//! Which rows a socket has received: a bit for each number.

#[derive(Default)]
pub struct Seen {
    /// The number of the first bit.
    first: u64,
    bits: Vec<u64>,
}

/// What a number was.
#[derive(Debug, PartialEq, Eq)]
pub enum Was {
    New,
    Again,
    /// Of a measurement before this one.
    Old,
}

impl Seen {
    /// Forgets everything; rows are counted from this number.
    pub fn restart(&mut self, first: u64) {
        *self = Seen {
            first,
            ..Seen::default()
        };
    }

    pub fn add(&mut self, number: u64) -> Was {
        let Some(place) = number.checked_sub(self.first) else {
            return Was::Old;
        };
        let (word, bit) = ((place / 64) as usize, 1 << (place % 64));
        if self.bits.len() <= word {
            self.bits.resize(word + 1, 0);
        }
        if self.bits[word] & bit != 0 {
            return Was::Again;
        }
        self.bits[word] |= bit;
        Was::New
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_number_is_new_once() {
        let mut seen = Seen::default();
        seen.restart(100);
        assert_eq!(seen.add(99), Was::Old);
        for number in [100, 163, 164, 5000] {
            assert_eq!(seen.add(number), Was::New);
            assert_eq!(seen.add(number), Was::Again);
        }
        seen.restart(5000);
        assert_eq!(seen.add(5000), Was::New);
    }
}

//! Partitions: by hash, list or range, on one level or two, made as such or attached with their columns in another order.

use super::{ident, shuffle, Column, Table};
use crate::oracle::kind::Kind;
use crate::pg::quote;
use crate::random::Random;

#[derive(Debug, Clone)]
pub struct Leaf {
    pub name: String,
    /// What it is a partition of.
    pub parent: String,
    pub bound: String,
    /// How it is partitioned itself, and its partitions.
    by: Option<String>,
    leaves: Vec<Leaf>,
}

impl Table {
    /// Makes a partitioned table of it.
    pub(super) fn partition(&mut self, random: &mut Random) {
        let (by, mut leaves) = self.split(&self.name, 3, random);
        for leaf in &mut leaves {
            if random.chance(30) {
                let (by, below) = self.split(&leaf.name, 2, random);
                (leaf.by, leaf.leaves) = (Some(by), below);
            }
        }
        (self.by, self.leaves) = (Some(by), leaves);
    }

    /// A way to divide the rows of `parent`, and up to so many partitions that hold all of them.
    fn split(&self, parent: &str, count: u64, random: &mut Random) -> (String, Vec<Leaf>) {
        let column = &self.columns[*random.pick(&self.key)];
        let (word, bounds) = match random.below(3) {
            0 => ("HASH", (0..count).map(|i| hash(count, i)).collect()),
            1 => ("LIST", lists(column, count, random)),
            _ => ("RANGE", ranges(column, count)),
        };
        let leaf = |(i, bound)| Leaf {
            name: format!("{parent}_{i}"),
            parent: parent.to_string(),
            bound,
            by: None,
            leaves: Vec::new(),
        };
        let leaves = bounds.into_iter().enumerate().map(leaf).collect();
        (format!("{word} ({})", ident(&column.name)), leaves)
    }

    /// A partition of any level.
    pub fn pick_leaf(&self, random: &mut Random) -> Option<&Leaf> {
        let mut leaf = random.pick_of(&self.leaves)?;
        if random.chance(50) {
            leaf = random.pick_of(&leaf.leaves).unwrap_or(leaf);
        }
        Some(leaf)
    }

    pub(super) fn leaves_below(&self) -> Vec<&Leaf> {
        let mut all = Vec::new();
        for leaf in &self.leaves {
            all.push(leaf);
            all.extend(&leaf.leaves);
        }
        all
    }

    pub(super) fn create_leaves(&self, random: &mut Random, out: &mut Vec<String>) {
        for leaf in &self.leaves {
            let by = by(&leaf.by);
            let (name, bound) = (&leaf.name, &leaf.bound);
            let attached = random.chance(60);
            if attached {
                // Its columns have other numbers.
                out.push(format!(
                    "CREATE TABLE {name} ({}){by}",
                    self.other_order(random)
                ));
                out.push(format!("ALTER TABLE {name} DROP COLUMN junk"));
            } else {
                out.push(format!(
                    "CREATE TABLE {name} PARTITION OF {} {bound}{by}",
                    self.name
                ));
            }
            for below in &leaf.leaves {
                if random.chance(50) {
                    out.push(format!(
                        "CREATE TABLE {} PARTITION OF {name} {}",
                        below.name, below.bound
                    ));
                    continue;
                }
                out.push(format!(
                    "CREATE TABLE {} ({})",
                    below.name,
                    self.other_order(random)
                ));
                out.push(format!("ALTER TABLE {} DROP COLUMN junk", below.name));
                out.push(format!(
                    "ALTER TABLE {name} ATTACH PARTITION {} {}",
                    below.name, below.bound
                ));
            }
            if attached {
                out.push(format!(
                    "ALTER TABLE {} ATTACH PARTITION {name} {bound}",
                    self.name
                ));
            }
        }
    }

    fn other_order(&self, random: &mut Random) -> String {
        let mut order: Vec<usize> = (0..self.columns.len()).collect();
        shuffle(&mut order, random);
        let column = |place: &usize| self.column_sql(&self.columns[*place]);
        let mut parts: Vec<String> = order.iter().map(column).collect();
        parts.insert(random.below(3) as usize, "junk integer".to_string());
        parts.join(", ")
    }
}

/// The clause of CREATE TABLE.
pub fn by(by: &Option<String>) -> String {
    by.as_ref()
        .map_or(String::new(), |by| format!(" PARTITION BY {by}"))
}

fn hash(modulus: u64, remainder: u64) -> String {
    format!("FOR VALUES WITH (MODULUS {modulus}, REMAINDER {remainder})")
}

/// Every number that writers make a key of ([`Kind::key_value`]), assigned in turn; the last partition has the rest.
fn lists(column: &Column, count: u64, random: &mut Random) -> Vec<String> {
    let values: Vec<String> = match column.kind {
        Kind::Enum => ["sad", "ok"].map(quote).to_vec(),
        kind => (0..24).map(|i| quote(&kind.plain_key_value(i))).collect(),
    };
    let dealt = (0..count - 1).map(|i| {
        let own = values.iter().skip(i as usize).step_by(count as usize);
        let own: Vec<&str> = own.map(String::as_str).collect();
        format!("FOR VALUES IN ({})", own.join(", "))
    });
    let mut bounds: Vec<String> = dealt.collect();
    bounds.push("DEFAULT".to_string());
    shuffle(&mut bounds, random);
    bounds
}

fn ranges(column: &Column, count: u64) -> Vec<String> {
    // In the order of the type; only k0 has more values than a few.
    let between: [&str; 2] = match column.kind {
        Kind::Enum => ["ok", "so happy"],
        kind if kind.is_text() && column.name == "k0" => ["k13", "k2"],
        kind if kind.is_text() => ["k1", "k2"],
        _ => ["", ""],
    };
    let numbers = if column.name == "k0" { [8, 16] } else { [1, 2] };
    let at = |i: usize| match between[i] {
        "" => quote(&column.kind.plain_key_value(numbers[i])),
        text => quote(text),
    };
    let mut ends = vec!["MINVALUE".to_string()];
    ends.extend((0..count as usize - 1).map(at));
    ends.push("MAXVALUE".to_string());
    let bound = |pair: &[String]| format!("FOR VALUES FROM ({}) TO ({})", pair[0], pair[1]);
    ends.windows(2).map(bound).collect()
}

//! Row filters: the string that clients write, as a tree and as a SQL condition.

pub mod condition;
pub mod parse;

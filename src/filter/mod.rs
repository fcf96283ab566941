//! Row filters: the string that clients write, parsed into a tree and compiled to a SQL condition.

pub mod condition;
pub mod elements;
pub mod parse;

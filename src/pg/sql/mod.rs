//! Parser-related functions for the filter compiler: types, operators, literals, analysis.

pub mod literal;
pub mod operators;
pub mod parse;
pub mod typeinfo;

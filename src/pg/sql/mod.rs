//! What the filter compiler needs: types, operators, literals, analysis.

pub mod literal;
pub mod operators;
pub mod parse;
pub mod typeinfo;

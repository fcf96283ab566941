//! Values and rows: types, datums, arrays, output, and decoding of rows.

pub mod array;
pub mod decoded;
pub mod readable;
pub mod record;
pub mod scalar;
pub mod types;
pub mod value;

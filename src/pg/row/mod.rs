//! Values and rows: types, datums, arrays, output, rows taken apart.

pub mod array;
pub mod decoded;
pub mod readable;
pub mod record;
pub mod scalar;
pub mod types;
pub mod value;

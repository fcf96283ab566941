//! Values and rows: types, datums, arrays, output, and decoding of rows.

pub mod array;
pub mod decoded;
pub mod from_json;
pub mod key;
mod key_bytes;
pub mod readable;
pub mod record;
pub mod row_keys;
pub mod scalar;
pub mod types;
pub mod value;

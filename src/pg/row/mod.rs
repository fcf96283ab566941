//! Values and rows: types, datums, arrays, output, and decoding of rows.

pub mod array;
pub mod decoded;
pub mod from_json;
#[allow(dead_code)] // until the feed looks conditions up by keys
pub mod key;
#[allow(dead_code)]
mod key_bytes;
pub mod readable;
pub mod record;
#[allow(dead_code)] // until the feed looks conditions up by keys
pub mod row_keys;
pub mod scalar;
pub mod types;
pub mod value;

//! The changes of the database.

pub mod connect;

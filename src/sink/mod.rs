//! Where changes go besides the log.

pub mod topic;

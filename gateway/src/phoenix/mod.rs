//! The protocol of Supabase's Realtime clients: frames and messages; pure, without I/O.

pub mod binary;
pub mod frame;
pub mod join;
pub mod reply;

//! The program `pgrealtime-gateway`.

fn main() {}

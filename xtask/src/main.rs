//! Checks, evidence and generated files: `cargo xtask help`.
fn main() {}

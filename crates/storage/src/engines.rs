//! The engines behind the contracts. `disk` is the default; `memory` is for tests and demos.

pub mod disk;
pub mod memory;

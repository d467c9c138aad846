//! The engines against the contracts, against faults and against their own documented bytes.

mod conform;

//! The engines against the contracts, against faults and against their own documented bytes.

#![expect(clippy::expect_used, reason = "a test that cannot go on says so and stops")]

mod blobs;
mod conform;
mod crash;
mod damage;
mod golden;
mod model;

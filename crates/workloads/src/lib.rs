//! What Nameplate and its peers are measured with: one seeded graph, one load client, one way to take times.
//!
//! Knows no store. `nameplate bench` and the drivers in `benches/peers` make the very same events from it, so a ratio
//! compares two programs and not two inputs.
//!
//! | file | is |
//! |---|---|
//! | `graph.rs` | one account with millions of followers, a background by the degree law, events to come |
//! | `law.rs` | how many followers accounts have |
//! | `client.rs` | many connections that send one request after the other |
//! | `sort.rs` | what a client does before a bulk load |
//! | `times.rs` | medians, percentiles, rates of slices |
//! | `machine.rs` | what the machine is, and what others do on it meanwhile |

mod client;
mod graph;
mod law;
mod machine;
mod random;
mod sort;
mod times;

pub use client::{Protocol, requests_a_second};
pub use graph::{CUT_DAY, DAY_MS, Edge, FLAGS, Graph, LawEdges, Sizes, external};
pub use law::degrees;
pub use machine::{Facts, Meanwhile, folder_bytes, process_seconds, resident_bytes, warm_memory};
pub use random::{Random, mix};
pub use sort::sort_by_u64;
pub use times::{Times, busy, slices};

//! Effects are sent to the platform's own endpoints, signed as Standard Webhooks says
//! (<https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md>).
//!
//! How far each endpoint is stands in the log, so there is no outbox to keep in step with it: what is not recorded as
//! delivered is sent again after a crash, under the same id. A message has ids and no names, whatever it is about.
//!
//! | module | does |
//! |---|---|
//! | `guard` | which addresses may be connected to |
//! | `sign` | signs a message |
//! | `keys` | seals an endpoint's keys in the vault, and opens them |
//! | `schedule` | when a failed delivery is tried again |
//! | `post` | sends one message |
//! | `courier` | sends everything to everyone, and records how far it is |
//! | `progress` | what is under way to one endpoint, and what to record of it |

mod courier;
mod guard;
mod keys;
mod post;
mod progress;
mod schedule;
mod sign;

pub use courier::{Attempt, Courier, Message, Totals, now};
pub use guard::{Guard, Refused};
pub use keys::Keys;
pub use post::{Answer, Failure};
pub use schedule::{ATTEMPTS_MAX, Next};
pub use sign::{Keypair, Public};

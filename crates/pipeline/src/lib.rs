//! The one loop: stamp, append, apply, effects; recovery and read handles.
//!
//! One thread owns the state and the log. Everybody else holds a [`Handle`]: it puts commands into a bounded queue
//! and reads the state without a lock. A ticket resolves when its command is durable, applied and visible.
//!
//! | file | is |
//! |---|---|
//! | `open.rs` | recovery: snapshot, tail, checks; starting and stopping |
//! | `writer.rs` | the loop |
//! | `append.rs` | a group goes into the log, on a thread of its own when that helps |
//! | `apply.rs` | one entry meets the machine |
//! | `gather.rs` | single events of many callers become one command |
//! | `handle.rs` | submitting, waiting, reading |
//! | `effects.rs` | the bounded feed of what the outside must be told |
//! | `identity.rs`, `forget.rs` | sealing before the log, destroying keys after it |
//! | `tending.rs` | the thread behind the lists of followed accounts |
//! | `record.rs`, `snapshot.rs` | bytes of an entry and of a snapshot |
//! | `saver.rs` | snapshots, saved while the writer goes on |
//! | `crash.rs` | places where tests let the process die |

mod append;
mod apply;
mod clock;
pub mod crash;
mod effects;
mod error;
mod forget;
mod gather;
mod handle;
mod identity;
mod limits;
mod open;
mod record;
mod saver;
mod snapshot;
mod tending;
mod unpacking;
mod writer;

pub use clock::{Clock, ManualClock};
pub use effects::EffectPage;
pub use error::{OpenError, SubmitError, WaitError};
pub use forget::Forget;
pub use gather::{EventAnswer, EventTicket};
pub use handle::{Handle, Ticket};
pub use identity::{Identity, SealError, seal};
pub use limits::Limits;
pub use open::{Opened, Parts, Pipeline};

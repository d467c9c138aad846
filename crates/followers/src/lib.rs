//! Exact follower sets, counts, filters and undo over dense account numbers.
//!
//! One [`Engine`] writes, any number of [`Reader`]s look on without a lock. A count is never stored beside a
//! set: it *is* the size of the set, so the two cannot differ. Nothing here knows a name, a file or a clock;
//! the time is what the log says it is ([`Engine::set_clock`]).
//!
//! What callers see is independent of how a set is laid out in memory; see `docs/formats/followers.md` for
//! the only layout that is promised, the saved one.

mod account;
mod attributes;
mod choose;
mod chunked;
mod day_column;
mod edge;
mod engine;
mod filter;
mod following;
mod horizon;
mod kept;
mod limits;
mod page;
mod pins;
pub mod prefetch;
mod reader;
mod saved;
mod set;
mod shared;
mod taken;

pub use account::{AccountNo, Day};
pub use attributes::{AccountDay, Attribute};
pub use edge::{CountChange, Edge, EdgeOutcome, Op};
pub use engine::{Broken, Engine};
pub use filter::{Criteria, Filter, FilterId, FilterOutcome, FilterRefusal, Order, Preview, UndoOutcome};
pub use limits::Limits;
pub use page::{Cursor, Page};
pub use pins::{PinnedPlaces, Pins};
pub use reader::Reader;
pub use saved::{LoadError, Pinned};
pub use set::FollowerSet;
pub use taken::FilteredOut;

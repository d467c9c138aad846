//! What operators do: platforms, keys, packs, proposals, holds, cases, appeals, ticks.

pub(crate) mod appeals;
pub(crate) mod cases;
pub(crate) mod clock;
pub(crate) mod dead_letters;
pub(crate) mod holds;
pub(crate) mod keys;
pub(crate) mod packs;
pub(crate) mod platforms;
pub(crate) mod proposals;
pub(crate) mod recounts;
pub(crate) mod regions;
pub(crate) mod simulations;
pub(crate) mod ticks;

use state::{Actor, Code};

use crate::auth::Caller;
use crate::problem::Problem;

/// The operator behind a key, for the log.
pub(crate) fn actor(caller: &Caller) -> Result<Actor, Problem> {
    Code::new(caller.id()).map(Actor::Operator).map_err(|_| Problem::broken("a key id is a code"))
}

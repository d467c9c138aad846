//! One entry meets the machine, live and in replay alike.
//!
//! A leave and a new identity also move the list of keys that must go. Replay has to move it the same way, or a
//! restart would destroy an identity that was sealed after an earlier leave.

use state::{Command, Entry, Machine, Outcome, Reader};

use crate::forget::{Holder, Pending};

/// Applies an entry. The second value is the holder whose keys must be destroyed because of it.
pub(crate) fn apply(
    machine: &mut Machine,
    reader: &Reader,
    pending: &Pending,
    entry: &Entry,
) -> (Outcome, Option<Holder>) {
    // Asked before: afterwards the account no longer knows its holder.
    let leaving = match &entry.command {
        Command::Leave(leave) => reader
            .platform(&leave.platform)
            .and_then(|platform| platform.account(leave.account.key()))
            .and_then(|account| account.record().identity.as_ref().map(|identity| identity.holder.clone()))
            .map(|holder| (leave.platform.clone(), holder)),
        _ => None,
    };
    let outcome = machine.apply(entry);
    if outcome.result.is_err() {
        return (outcome, None);
    }
    if let Command::LinkIdentity(link) = &entry.command {
        // Sealing replaced what was there, so the keys that had to go are gone.
        pending.remove(&(link.platform.clone(), link.holder.clone()));
    }
    if let Some(holder) = &leaving {
        pending.add(holder.clone());
    }
    (outcome, leaving)
}

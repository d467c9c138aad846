//! One entry meets the machine, live and in replay alike.
//!
//! A holder's last leave and a new identity also move the list of keys that must go. Replay has to move it the same
//! way, or a restart would destroy an identity that was sealed after an earlier leave.

use state::{Command, Done, Entry, Machine, Outcome};

use crate::forget::{Order, Pending};

/// Applies an entry. The second value is the order to destroy a holder's keys because of it.
pub(crate) fn apply(machine: &mut Machine, pending: &Pending, entry: &Entry) -> (Outcome, Option<Order>) {
    let outcome = machine.apply(entry);
    let forget = match (&entry.command, &outcome.result) {
        (Command::LinkIdentity(link), Ok(_)) => {
            // Sealing replaced what was there, so the keys that had to go are gone.
            pending.remove(&(link.platform.clone(), link.holder.clone()));
            None
        }
        // The state alone knows whether another account of the holder remains.
        (Command::Leave(leave), Ok(Done::Left { forget: Some(holder) })) => {
            let holder = (leave.platform.clone(), holder.clone());
            let order = Order { holder, position: outcome.position };
            pending.add(order.clone());
            Some(order)
        }
        _ => None,
    };
    (outcome, forget)
}

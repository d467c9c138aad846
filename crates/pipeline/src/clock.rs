//! Where time enters: the pipeline stamps each command before it is appended, and nothing below asks again.
//!
//! A stamp never goes backwards. When the wall clock is set back, stamps stand still until it has caught up,
//! because a replay must see the same order of times as the first run did.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

/// The source of stamps.
#[derive(Clone, Debug)]
pub enum Clock {
    /// The wall clock of this machine.
    System,
    /// A clock that stands still until someone moves it: for demos and tests.
    Manual(ManualClock),
}

impl Clock {
    /// The time to stamp with, in milliseconds since 1970-01-01 UTC.
    #[must_use]
    pub fn now_ms(&self) -> i64 {
        match self {
            Self::System => SystemTime::now()
                .duration_since(UNIX_EPOCH)
                .map_or(0, |elapsed| i64::try_from(elapsed.as_millis()).unwrap_or(i64::MAX)),
            Self::Manual(clock) => clock.now_ms(),
        }
    }

    /// Whether time passes by itself. The pipeline logs ticks on its own only when it does.
    #[must_use]
    pub fn runs(&self) -> bool {
        matches!(self, Self::System)
    }
}

/// A clock that stands still until it is moved. Clones share the time.
#[derive(Clone, Debug)]
pub struct ManualClock(Arc<AtomicI64>);

impl ManualClock {
    /// A clock standing at `now_ms` milliseconds since 1970-01-01 UTC.
    #[must_use]
    pub fn at(now_ms: i64) -> Self {
        Self(Arc::new(AtomicI64::new(now_ms)))
    }

    /// The time it stands at, in milliseconds since 1970-01-01 UTC.
    #[must_use]
    pub fn now_ms(&self) -> i64 {
        self.0.load(Ordering::Acquire)
    }

    /// Moves it forward by `by_ms` milliseconds. A negative step is ignored: stamps never go back.
    pub fn advance_ms(&self, by_ms: i64) {
        self.0.fetch_add(by_ms.max(0), Ordering::AcqRel);
    }

    /// Moves it to `now_ms`, unless it already stands later.
    pub fn move_to_ms(&self, now_ms: i64) {
        self.0.fetch_max(now_ms, Ordering::AcqRel);
    }
}

/// Stamps that never go backwards, whatever the clock does.
#[derive(Debug)]
pub(crate) struct Stamper {
    clock: Clock,
    last_ms: i64,
}

impl Stamper {
    /// Continues after `last_ms`, the stamp of the last entry that was replayed.
    pub(crate) fn new(clock: Clock, last_ms: i64) -> Self {
        Self { clock, last_ms }
    }

    pub(crate) fn stamp_ms(&mut self) -> i64 {
        self.last_ms = self.last_ms.max(self.clock.now_ms());
        self.last_ms
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stamp_never_goes_backwards() {
        let clock = ManualClock::at(1_000);
        let mut stamper = Stamper::new(Clock::Manual(clock.clone()), 5_000);
        assert_eq!(stamper.stamp_ms(), 5_000, "a replayed stamp is a floor");
        clock.move_to_ms(7_000);
        assert_eq!(stamper.stamp_ms(), 7_000);
        clock.move_to_ms(6_000);
        clock.advance_ms(-500);
        assert_eq!(stamper.stamp_ms(), 7_000);
    }

    #[test]
    fn clones_of_a_manual_clock_share_the_time() {
        let clock = ManualClock::at(0);
        clock.clone().advance_ms(25);
        assert_eq!(clock.now_ms(), 25);
        assert_eq!(Clock::Manual(clock).now_ms(), 25);
    }
}

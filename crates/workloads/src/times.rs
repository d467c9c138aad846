//! Medians, percentiles and rates.

use std::time::{Duration, Instant};

/// Nanoseconds of processor time that the work takes on this thread, at least one. Other programs disturb it less than
/// the clock.
pub fn busy(work: impl FnOnce()) -> u64 {
    let ran = || {
        let time = rustix::time::clock_gettime(rustix::time::ClockId::ThreadCPUTime);
        time.tv_sec.cast_unsigned() * 1_000_000_000 + time.tv_nsec.cast_unsigned()
    };
    let before = ran();
    work();
    (ran() - before).max(1)
}

/// Times of one thing done over and over.
#[derive(Clone, Debug, Default)]
pub struct Times {
    sorted: bool,
    nanoseconds: Vec<u64>,
}

impl Times {
    /// None yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// One more.
    pub fn push(&mut self, took: Duration) {
        self.sorted = false;
        self.nanoseconds.push(u64::try_from(took.as_nanos()).unwrap_or(u64::MAX));
    }

    /// Runs the work and takes its time.
    pub fn time<T>(&mut self, work: impl FnOnce() -> T) -> T {
        let started = Instant::now();
        let result = work();
        self.push(started.elapsed());
        result
    }

    /// How many.
    #[must_use]
    pub fn len(&self) -> usize {
        self.nanoseconds.len()
    }

    /// None yet?
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.nanoseconds.is_empty()
    }

    /// The time that this share of all does not exceed, in seconds; 0 without any.
    pub fn at(&mut self, share: f64) -> f64 {
        if !self.sorted {
            self.nanoseconds.sort_unstable();
            self.sorted = true;
        }
        let last = self.nanoseconds.len().saturating_sub(1);
        // Nearest rank: of 100 times the 99th share is the second largest.
        let rank = (self.nanoseconds.len() as f64 * share).ceil() as usize;
        let nanoseconds = self.nanoseconds.get(rank.saturating_sub(1).min(last)).copied().unwrap_or(0);
        nanoseconds as f64 / 1e9
    }

    /// In seconds.
    pub fn median(&mut self) -> f64 {
        self.at(0.5)
    }

    /// In seconds.
    pub fn worst(&mut self) -> f64 {
        self.at(1.0)
    }

    /// Adds all of another.
    pub fn extend(&mut self, other: &Times) {
        self.sorted = false;
        self.nanoseconds.extend_from_slice(&other.nanoseconds);
    }
}

/// Repeats `work`, which returns what it did, for `count` slices of time, and gives the rate a second of each.
///
/// # Errors
/// The first one of `work`.
pub fn slices(
    count: usize,
    slice: Duration,
    mut work: impl FnMut() -> anyhow::Result<u64>,
) -> anyhow::Result<Vec<f64>> {
    let mut rates = Vec::with_capacity(count);
    for _ in 0..count {
        let started = Instant::now();
        let mut done = 0;
        while started.elapsed() < slice {
            done += work()?;
        }
        rates.push(done as f64 / started.elapsed().as_secs_f64());
    }
    Ok(rates)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_by_nearest_rank() {
        let mut times = Times::new();
        for ms in (1..=100).rev() {
            times.push(Duration::from_millis(ms));
        }
        assert_eq!((times.median(), times.at(0.99), times.worst()), (0.050, 0.099, 0.100));
        assert_eq!(Times::new().median(), 0.0);
    }
}

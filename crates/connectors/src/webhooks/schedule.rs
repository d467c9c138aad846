//! When a failed delivery is tried again: sooner at first, over about three days, never at the same moment as others.

use std::time::Duration;

use super::post::{Answer, Failure};

const MINUTE: u64 = 60;
const HOUR: u64 = 60 * MINUTE;

/// Pauses before each further attempt, in seconds, as the specification suggests them.
const PAUSES: [u64; 9] =
    [5, 5 * MINUTE, 30 * MINUTE, 2 * HOUR, 5 * HOUR, 10 * HOUR, 14 * HOUR, 20 * HOUR, 24 * HOUR];
/// Attempts in all.
pub const ATTEMPTS_MAX: u32 = PAUSES.len() as u32 + 1;
/// A receiver that asks for more time gets at most this.
const ASKED_MAX: Duration = Duration::from_secs(24 * HOUR);

/// What happens after an attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Next {
    /// It is delivered.
    Done,
    /// Again, after this pause.
    Again(Duration),
    /// It was tried as often as it is.
    GiveUp,
    /// The receiver wants nothing any more.
    Gone,
}

/// After `attempts` (1 or more) of which the last had this answer. `random` spreads what failed together over the last
/// fifth of the pause.
pub(super) fn after(attempts: u32, answer: &Answer, random: u32) -> Next {
    let failure = match answer {
        Answer::Taken { .. } => return Next::Done,
        Answer::Gone => return Next::Gone,
        Answer::Failed(failure) => failure,
    };
    let Some(pause) = PAUSES.get(attempts.saturating_sub(1) as usize) else { return Next::GiveUp };
    let pause = Duration::from_secs(*pause);
    let jitter = pause.mul_f64(0.2 * f64::from(random) / f64::from(u32::MAX));
    let asked = match failure {
        Failure::Status { retry_after, .. } => retry_after.unwrap_or_default().min(ASKED_MAX),
        Failure::NoAnswer(_) => Duration::ZERO,
    };
    Next::Again((pause + jitter).max(asked))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn failed(retry_after: Option<u64>) -> Answer {
        Answer::Failed(Failure::Status { status: 503, retry_after: retry_after.map(Duration::from_secs) })
    }

    #[test]
    fn attempts_spread_over_three_days() {
        let mut whole = [Duration::ZERO; 2];
        for (whole, random) in whole.iter_mut().zip([0, u32::MAX]) {
            for attempts in 1..ATTEMPTS_MAX {
                let Next::Again(pause) = after(attempts, &failed(None), random) else { panic!("{attempts}") };
                *whole += pause;
            }
            assert_eq!(after(ATTEMPTS_MAX, &failed(None), random), Next::GiveUp);
            assert_eq!(after(u32::MAX, &failed(None), random), Next::GiveUp);
        }
        let days = whole.map(|whole| whole.as_secs_f64() / 86_400.0);
        assert!(days[0] > 3.0 && days[1] < 4.0, "{days:?}");
    }

    #[test]
    fn a_receiver_may_ask_for_more_time_and_for_no_more_at_all() {
        assert_eq!(after(1, &failed(Some(90)), 0), Next::Again(Duration::from_secs(90)));
        assert_eq!(after(1, &failed(Some(1)), 0), Next::Again(Duration::from_secs(5)));
        assert_eq!(after(1, &failed(Some(u64::MAX)), 0), Next::Again(ASKED_MAX));
        assert_eq!(after(1, &Answer::Gone, 0), Next::Gone);
        assert_eq!(after(4, &Answer::Taken { status: 204 }, 0), Next::Done);
    }
}

//! What is under way to one endpoint, and what there is to record of it. Pure: the courier acts.
//!
//! Effects are delivered side by side, so a later one may be there before an earlier one. Recorded is only a point up to
//! which nothing is open.

use std::collections::{BTreeMap, BTreeSet};

use state::commands::RecordDeliveries;
use state::{Code, EffectId, Millis, PlatformId, Retry, Webhook};

use super::schedule::Next;

/// What is under way.
#[derive(Debug)]
pub(super) struct Progress {
    /// As the log has it.
    recorded: EffectId,
    /// The last effect read from the feed.
    read: EffectId,
    /// Read, and under way for the first time.
    open: BTreeSet<EffectId>,
    /// Failed and waiting, recorded or not.
    retries: BTreeMap<EffectId, Retry>,
    /// Those of them that are under way again.
    retrying: BTreeSet<EffectId>,
    changes: Changes,
}

/// What was not recorded yet.
#[derive(Debug, Default)]
struct Changes {
    delivered: u32,
    failed: BTreeSet<EffectId>,
    settled: Vec<EffectId>,
    given_up: Vec<EffectId>,
    gone: bool,
}

impl Progress {
    pub(super) fn of(webhook: &Webhook) -> Self {
        Self {
            recorded: webhook.through,
            read: webhook.through,
            open: BTreeSet::new(),
            retries: webhook.retries.clone(),
            retrying: BTreeSet::new(),
            changes: Changes::default(),
        }
    }

    pub(super) fn recorded(&self) -> EffectId {
        self.recorded
    }

    /// Where to go on reading.
    pub(super) fn read(&self) -> EffectId {
        self.read
    }

    /// Effects under way.
    pub(super) fn under_way(&self) -> usize {
        self.open.len() + self.retrying.len()
    }

    /// Failures that wait or are under way again.
    pub(super) fn failed(&self) -> usize {
        self.retries.len()
    }

    /// Everything up to here was read, and is of no interest unless it was begun.
    pub(super) fn passed(&mut self, id: EffectId) {
        self.read = self.read.max(id);
    }

    /// Is sent for the first time.
    pub(super) fn begin(&mut self, id: EffectId) {
        self.passed(id);
        self.open.insert(id);
    }

    /// A failure whose time has come, and how often it was tried; it is under way from now on.
    pub(super) fn begin_due(&mut self, now: Millis) -> Option<(EffectId, u32)> {
        let due = |retry: &&Retry| retry.next_at <= now && !self.retrying.contains(&retry.id);
        let retry = *self.retries.values().find(due)?;
        self.retrying.insert(retry.id);
        Some((retry.id, retry.attempts))
    }

    /// When the next failure's time comes.
    pub(super) fn next_due(&self) -> Option<Millis> {
        self.retries
            .values()
            .filter(|retry| !self.retrying.contains(&retry.id))
            .map(|retry| retry.next_at)
            .min()
    }

    /// An attempt is over.
    pub(super) fn over(&mut self, id: EffectId, attempts: u32, next: Next, now: Millis) {
        self.open.remove(&id);
        self.retrying.remove(&id);
        match next {
            Next::Done => {
                self.changes.delivered += 1;
                self.settle(id);
            }
            Next::Again(pause) => {
                let pause = i64::try_from(pause.as_millis()).unwrap_or(i64::MAX);
                let next_at = Millis(now.0.saturating_add(pause));
                self.retries.insert(id, Retry { id, attempts, next_at });
                self.changes.failed.insert(id);
            }
            Next::GiveUp => self.give_up(id),
            // Nothing was delivered: should it come back, this one is the first to be sent.
            Next::Gone => {
                self.changes.gone = true;
                self.retries.insert(id, Retry { id, attempts, next_at: now });
                self.changes.failed.insert(id);
            }
        }
    }

    /// It cannot be sent any more.
    pub(super) fn give_up(&mut self, id: EffectId) {
        self.open.remove(&id);
        self.retrying.remove(&id);
        self.retries.remove(&id);
        self.changes.failed.remove(&id);
        self.changes.given_up.push(id);
    }

    fn settle(&mut self, id: EffectId) {
        self.changes.failed.remove(&id);
        if self.retries.remove(&id).is_some() {
            self.changes.settled.push(id);
        }
    }

    /// Attempts whose end is not recorded.
    pub(super) fn changes(&self) -> usize {
        let Changes { delivered, failed, settled: _, given_up, gone } = &self.changes;
        *delivered as usize + failed.len() + given_up.len() + usize::from(*gone)
    }

    /// Up to where nothing is open.
    pub(super) fn through(&self) -> EffectId {
        self.open.first().map_or(self.read, |id| before(*id)).max(self.recorded)
    }

    /// What there is to record.
    pub(super) fn record(&self, platform: &PlatformId, id: &Code) -> RecordDeliveries {
        let Changes { delivered, failed, settled, given_up, gone } = &self.changes;
        RecordDeliveries {
            platform: platform.clone(),
            id: id.clone(),
            from: self.recorded,
            through: self.through(),
            delivered: *delivered,
            failed: failed.iter().filter_map(|id| self.retries.get(id)).copied().collect(),
            settled: settled.clone(),
            given_up: given_up.clone(),
            gone: *gone,
        }
    }

    /// It is recorded. Nothing may have happened since [`Progress::record`].
    pub(super) fn was_recorded(&mut self, through: EffectId) {
        self.recorded = through;
        self.changes = Changes::default();
    }
}

/// Everything before this one.
fn before(id: EffectId) -> EffectId {
    match id.index.checked_sub(1) {
        Some(index) => EffectId { position: id.position, index },
        None => EffectId { position: id.position.saturating_sub(1), index: u32::MAX },
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn id(position: u64, index: u32) -> EffectId {
        EffectId { position, index }
    }

    fn webhook() -> Webhook {
        Webhook {
            id: Code::new("shop").unwrap(),
            url: "https://shop.example/".parse().unwrap(),
            kinds: BTreeSet::new(),
            keys: Vec::new(),
            through: id(2, 0),
            retries: BTreeMap::new(),
            delivered: 0,
            given_up: 0,
            gone: false,
            by: state::Actor::System,
            at: Millis(0),
        }
    }

    fn record(progress: &mut Progress) -> RecordDeliveries {
        let record = progress.record(&PlatformId::new("demo").unwrap(), &Code::new("shop").unwrap());
        progress.was_recorded(record.through);
        record
    }

    const AGAIN: Next = Next::Again(Duration::from_secs(5));

    #[test]
    fn recorded_is_up_to_where_nothing_is_open() {
        let mut progress = Progress::of(&webhook());
        progress.passed(id(3, 7));
        assert_eq!(progress.through(), id(3, 7));
        (0..3).for_each(|index| progress.begin(id(5, index)));
        assert_eq!(progress.through(), id(4, u32::MAX));
        progress.over(id(5, 1), 1, Next::Done, Millis(0));
        progress.over(id(5, 0), 1, Next::Done, Millis(0));
        let first = record(&mut progress);
        assert_eq!((first.from, first.through, first.delivered), (id(2, 0), id(5, 1), 2));
        progress.over(id(5, 2), 1, Next::Done, Millis(0));
        let second = record(&mut progress);
        assert_eq!((second.from, second.through, second.delivered), (id(5, 1), id(5, 2), 1));
        assert_eq!(progress.changes(), 0);
    }

    #[test]
    fn a_failure_waits_beside_what_goes_on() {
        let mut progress = Progress::of(&webhook());
        progress.begin(id(3, 0));
        progress.begin(id(4, 0));
        progress.over(id(3, 0), 1, AGAIN, Millis(100));
        progress.over(id(4, 0), 1, Next::Done, Millis(100));
        let first = record(&mut progress);
        assert_eq!((first.through, first.failed.len(), first.delivered), (id(4, 0), 1, 1));
        assert_eq!(progress.next_due(), Some(Millis(5_100)));
        assert_eq!(progress.begin_due(Millis(5_099)), None);
        assert_eq!(progress.begin_due(Millis(5_100)), Some((id(3, 0), 1)));
        assert_eq!(progress.begin_due(Millis(5_100)), None, "it is under way");
        progress.over(id(3, 0), 2, Next::Done, Millis(5_200));
        let second = record(&mut progress);
        assert_eq!((second.settled, second.delivered, second.through), (vec![id(3, 0)], 1, id(4, 0)));
    }

    #[test]
    fn what_failed_and_was_delivered_between_two_records_is_settled() {
        let mut progress = Progress::of(&webhook());
        progress.begin(id(3, 0));
        progress.over(id(3, 0), 1, AGAIN, Millis(0));
        assert_eq!(progress.begin_due(Millis(9_000)), Some((id(3, 0), 1)));
        progress.over(id(3, 0), 2, Next::Done, Millis(9_000));
        let only = record(&mut progress);
        assert_eq!((only.failed.len(), only.settled, only.delivered), (0, vec![id(3, 0)], 1));
    }

    #[test]
    fn what_is_given_up_no_longer_waits() {
        let mut progress = Progress::of(&webhook());
        progress.begin(id(3, 0));
        progress.over(id(3, 0), 1, AGAIN, Millis(0));
        progress.begin_due(Millis(9_000));
        progress.over(id(3, 0), 10, Next::GiveUp, Millis(9_000));
        let only = record(&mut progress);
        assert_eq!((only.failed.len(), only.given_up, progress.failed()), (0, vec![id(3, 0)], 0));
    }

    #[test]
    fn a_receiver_that_is_gone_finds_the_rest_when_it_comes_back() {
        let mut progress = Progress::of(&webhook());
        progress.begin(id(3, 0));
        progress.over(id(3, 0), 1, Next::Gone, Millis(7));
        let only = record(&mut progress);
        assert!(only.gone);
        assert_eq!(only.failed, [Retry { id: id(3, 0), attempts: 1, next_at: Millis(7) }]);
    }
}

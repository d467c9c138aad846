//! The queue named `commands`: bounded, batched, answered in order.

use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::Duration;

use pipeline::{SubmitError, WaitError};
use storage::{CommandLog, Error, Records};

use crate::house::{House, NOTICES, count, done, follow, follows, register};

/// A log whose appends wait until they are let through, and which tells how many records each one had.
struct Gate<L> {
    inner: L,
    appends: Sender<usize>,
    open: Receiver<()>,
}

impl<L: CommandLog> CommandLog for Gate<L> {
    fn append(&mut self, records: &[&[u8]]) -> Result<u64, Error> {
        let _ = self.appends.send(records.len());
        let _ = self.open.recv();
        self.inner.append(records)
    }
    fn read_from(&self, position: u64) -> Result<Records, Error> {
        self.inner.read_from(position)
    }
    fn last(&self) -> u64 {
        self.inner.last()
    }
    fn first(&self) -> u64 {
        self.inner.first()
    }
    fn trim_before(&mut self, position: u64) -> Result<(), Error> {
        self.inner.trim_before(position)
    }
}

#[test]
fn what_arrives_during_a_sync_shares_the_next_one() {
    let house = House::new();
    let (appends, seen) = channel();
    let (let_through, open) = channel();
    let (pipeline, _) = house.try_open(Gate { inner: house.store.log().unwrap(), appends, open }).unwrap();
    let handle = pipeline.handle();

    let first = handle.submit(register()).unwrap();
    assert_eq!(seen.recv().unwrap(), 1);
    let rest: Vec<_> = (1..=100)
        .map(|follower: u32| handle.submit(follow("ann", &follower.to_string(), NOTICES)).unwrap())
        .collect();
    assert_eq!(handle.applied(), 0, "nothing is visible before it is durable");
    let_through.send(()).unwrap();
    assert_eq!(first.wait().unwrap().position, 1);
    assert_eq!(seen.recv().unwrap(), 100, "one sync for all that waited");
    let_through.send(()).unwrap();
    let positions: Vec<u64> = rest.into_iter().map(|ticket| ticket.wait().unwrap().position).collect();
    assert_eq!(positions, (2..=101).collect::<Vec<u64>>());
    assert_eq!(count(&pipeline, "ann"), Some(100));
    drop(let_through);
}

#[test]
fn a_full_queue_says_busy_and_recovers() {
    let mut house = House::new();
    house.limits.commands_queued_max = 2;
    let (appends, seen) = channel();
    let (let_through, open) = channel();
    let (pipeline, _) = house.try_open(Gate { inner: house.store.log().unwrap(), appends, open }).unwrap();
    let handle = pipeline.handle();

    let running = handle.submit(register()).unwrap();
    seen.recv().unwrap();
    let waiting: Vec<_> = (0..2).map(|_| handle.submit(state::Command::Tick).unwrap()).collect();
    assert_eq!(handle.submit(state::Command::Tick).err(), Some(SubmitError::Busy));
    drop(let_through);
    running.wait().unwrap();
    for ticket in waiting {
        ticket.wait().unwrap();
    }
    assert_eq!(handle.queued_bytes(), 0);
    done(&pipeline, state::Command::Tick);
}

#[test]
fn bytes_in_the_queue_are_bounded_too() {
    let mut house = House::new();
    house.limits.commands_queued_bytes_max = 64;
    let (appends, seen) = channel();
    let (let_through, open) = channel();
    let (pipeline, _) = house.try_open(Gate { inner: house.store.log().unwrap(), appends, open }).unwrap();
    let handle = pipeline.handle();

    let running = handle.submit(register()).unwrap();
    seen.recv().unwrap();
    let long = "a".repeat(64);
    let large = handle.submit(follow(&long, "b", NOTICES)).unwrap();
    assert!(handle.queued_bytes() > 64, "one that is larger than the bound passes alone");
    assert_eq!(handle.submit(state::Command::Tick).err(), Some(SubmitError::Busy));
    drop(let_through);
    running.wait().unwrap();
    large.wait().unwrap();
    done(&pipeline, state::Command::Tick);
}

#[test]
fn a_command_larger_than_an_entry_is_refused_and_nothing_happens() {
    let house = House::new();
    let (pipeline, _) = house.open();
    done(&pipeline, register());
    let activate = state::commands::ActivatePack {
        platform: crate::house::demo(),
        bundle: vec![0; storage::record_bytes_max()],
        choices: std::collections::BTreeMap::new(),
        by: state::Actor::System,
    };
    let refused = pipeline.handle().submit(state::Command::ActivatePack(activate)).err();
    assert!(matches!(refused, Some(SubmitError::TooLarge { .. })), "{refused:?}");
    assert_eq!(done(&pipeline, state::Command::Tick).position, 2);
}

#[tokio::test]
async fn a_wait_for_a_position_ends_when_it_is_applied_or_in_time() {
    let house = House::new();
    let (pipeline, _) = house.open();
    let handle = pipeline.handle();
    let waiting = tokio::spawn({
        let handle = handle.clone();
        async move { handle.wait_applied(2, Duration::from_secs(20)).await }
    });
    handle.submit(register()).unwrap().await.unwrap();
    handle.submit(state::Command::Tick).unwrap().await.unwrap();
    assert_eq!(waiting.await.unwrap(), Ok(()));
    assert_eq!(
        handle.wait_applied(3, Duration::from_millis(5)).await,
        Err(WaitError::NotYet { position: 3, applied: 2 })
    );
    // Further away than all that can be on its way: an hour's wait would be an hour for nothing.
    let far = tokio::time::timeout(
        Duration::from_secs(30),
        handle.wait_applied(u64::MAX, Duration::from_secs(3600)),
    );
    assert_eq!(far.await.unwrap(), Err(WaitError::NotYet { position: u64::MAX, applied: 2 }));
    pipeline.close();
    let gone = handle.wait_applied(3, Duration::from_secs(20)).await;
    assert!(matches!(gone, Err(WaitError::Stopped { position: 3, .. })), "{gone:?}");
    assert!(matches!(handle.submit(state::Command::Tick).err(), Some(SubmitError::Stopped(_))));
}

#[test]
fn what_is_durable_is_answered_while_the_next_append_still_runs() {
    let house = House::new();
    let (appends, seen) = channel();
    let (let_through, open) = channel();
    let (pipeline, _) = house.try_open(Gate { inner: house.store.log().unwrap(), appends, open }).unwrap();
    let handle = pipeline.handle();
    let first = handle.submit(register()).unwrap();
    seen.recv().unwrap();
    let large = handle.submit(follows("ann", 0..5_000, NOTICES)).unwrap();
    let_through.send(()).unwrap();
    first.wait().unwrap();
    seen.recv().unwrap();
    let next = handle.submit(follows("bob", 0..5_000, NOTICES)).unwrap();
    let_through.send(()).unwrap();
    assert_eq!(seen.recv().unwrap(), 1, "the next one is on its way into the log");
    assert_eq!(large.wait().unwrap().position, 2);
    assert_eq!(count(&pipeline, "ann"), Some(5_000));
    assert_eq!(count(&pipeline, "bob"), None, "nothing is visible before it is durable");
    assert_eq!(handle.applied(), 2);
    let_through.send(()).unwrap();
    assert_eq!(next.wait().unwrap().position, 3);
    drop(let_through);
}

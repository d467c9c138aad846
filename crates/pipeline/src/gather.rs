//! Single events of many callers, put into the log as one command.
//!
//! The first event of a gathering goes into the queue as a place; whoever comes while that place waits for its turn joins it.
//! When its turn comes and most of the callers who were there lately are still on their way, the writer waits for them, no
//! longer than a sync takes: otherwise the first to come back would go alone and the others wait for two syncs. Callers
//! are woken by one of them: a task that runs can wake its neighbours for less than the writer can.

use std::collections::VecDeque;
use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

use state::{Command, EdgeBatchBuilder, EdgeEvent, EventRefusal, ItemOutcome, Outcome, PlatformId, Refusal};

use crate::error::SubmitError;

/// Gatherings that still take events, one a platform.
#[derive(Default)]
pub(crate) struct Gathering {
    all: Mutex<All>,
}

#[derive(Default)]
struct All {
    open: VecDeque<Open>,
    /// How many events in them the writer waits for; `None` while it does not.
    goal: Option<usize>,
}

struct Open {
    events: EdgeBatchBuilder,
    group: Arc<Group>,
}

/// Those who wait for one gathering.
#[derive(Default)]
pub(crate) struct Group {
    inner: Mutex<Inner>,
}

#[derive(Default)]
struct Inner {
    answer: Option<Result<Arc<Outcome>, SubmitError>>,
    wakers: Vec<Option<Waker>>,
}

/// The one who owes a group its answer. Dropped without one, it tells them that the writer has ended.
pub(crate) struct Waiters(Arc<Group>);

/// What became of an event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EventAnswer {
    /// Position of the command that it became part of.
    pub position: u64,
    /// The answer to the event, or why the command as a whole was refused.
    pub result: Result<ItemOutcome, Refusal>,
}

/// The answer to one event, when it comes: durable, applied and visible to readers.
///
/// Dropping it changes nothing: the event is on its way.
#[must_use = "the event may still be refused"]
pub struct EventTicket {
    group: Arc<Group>,
    place: usize,
}

/// Where an event went.
pub(crate) enum Joined {
    /// To a gathering whose place in the queue is taken.
    Waiting(EventTicket),
    /// The same, and the writer waited for just this many.
    Enough(EventTicket),
    /// To a new one, for which a place must be taken.
    First(EventTicket, Waiters),
}

impl Gathering {
    /// Puts an event into the platform's gathering.
    pub(crate) fn join(
        &self,
        platform: &PlatformId,
        event: &EdgeEvent<'_>,
        events_max: u32,
    ) -> Result<Joined, EventRefusal> {
        let EdgeEvent { op, followee, follower, at, id } = *event;
        let push = |events: &mut EdgeBatchBuilder| events.push_keys(op, followee, follower, at, id);
        let mut all = self.lock();
        let joined = all.open.iter_mut().rev().find(|open| open.events.platform() == platform);
        if let Some(joined) = joined.filter(|open| open.events.len() < events_max && !open.events.is_full()) {
            push(&mut joined.events)?;
            // None has got its answer while it is open; if one had, the event would go with nobody to hear of it.
            if let Some(ticket) = joined.group.join() {
                return Ok(if all.reaches_the_goal() {
                    Joined::Enough(ticket)
                } else {
                    Joined::Waiting(ticket)
                });
            }
        }
        let mut events = EdgeBatchBuilder::with_capacity(platform.clone(), 64);
        push(&mut events)?;
        let group: Arc<Group> = Arc::default();
        group.lock().wakers.push(None);
        all.open.push_back(Open { events, group: Arc::clone(&group) });
        // Its place in the queue wakes the writer anyway.
        all.reaches_the_goal();
        Ok(Joined::First(EventTicket { group: Arc::clone(&group), place: 0 }, Waiters(group)))
    }

    /// Closes a gathering: its command, if it is still open.
    pub(crate) fn close(&self, waiters: &Waiters) -> Option<Command> {
        let mut all = self.lock();
        let at = all.open.iter().position(|open| Arc::ptr_eq(&open.group, &waiters.0))?;
        all.open.remove(at).map(|open| Command::Edges(open.events.build()))
    }

    /// Events that wait now.
    pub(crate) fn waiting(&self) -> usize {
        self.lock().waiting()
    }

    /// Has it told when that many events wait; `false` when they do already.
    pub(crate) fn expect(&self, goal: usize) -> bool {
        let mut all = self.lock();
        all.goal = (all.waiting() < goal).then_some(goal);
        all.goal.is_some()
    }

    /// Nobody need be told any more.
    pub(crate) fn expect_no_more(&self) {
        self.lock().goal = None;
    }

    fn lock(&self) -> MutexGuard<'_, All> {
        // Nothing panics while it is held, and each statement leaves it sound.
        self.all.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl All {
    fn waiting(&self) -> usize {
        self.open.iter().map(|open| open.events.len() as usize).sum()
    }

    /// Whether the event that just came is the last that the writer waits for.
    fn reaches_the_goal(&mut self) -> bool {
        let reached = self.goal.is_some_and(|goal| self.waiting() >= goal);
        if reached {
            self.goal = None;
        }
        reached
    }
}

impl Group {
    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes the next place; `None` when the group has its answer.
    fn join(self: &Arc<Self>) -> Option<EventTicket> {
        let mut inner = self.lock();
        if inner.answer.is_some() {
            return None;
        }
        inner.wakers.push(None);
        Some(EventTicket { group: Arc::clone(self), place: inner.wakers.len() - 1 })
    }

    /// Answers all of them, and wakes the first who waits; that one wakes the others.
    fn answer(&self, answer: Result<Outcome, SubmitError>) {
        let first = {
            let mut inner = self.lock();
            if inner.answer.is_some() {
                return;
            }
            inner.answer = Some(answer.map(Arc::new));
            inner.wakers.iter_mut().find_map(Option::take)
        };
        if let Some(first) = first {
            first.wake();
        }
    }
}

impl Waiters {
    pub(crate) fn answer(self, answer: Result<Outcome, SubmitError>) {
        self.0.answer(answer);
    }
}

impl Drop for Waiters {
    fn drop(&mut self) {
        self.0.answer(Err(SubmitError::Stopped(Arc::from("the writer has ended; restart the server"))));
    }
}

impl Inner {
    /// Wakes whoever was not woken yet.
    fn wake_the_others(&mut self) {
        for waker in std::mem::take(&mut self.wakers).into_iter().flatten() {
            waker.wake();
        }
    }
}

impl Future for EventTicket {
    type Output = Result<EventAnswer, SubmitError>;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let mut inner = self.group.lock();
        let Some(answer) = inner.answer.clone() else {
            if let Some(slot) = inner.wakers.get_mut(self.place) {
                match slot {
                    Some(waker) => waker.clone_from(context.waker()),
                    None => *slot = Some(context.waker().clone()),
                }
            }
            return Poll::Pending;
        };
        inner.wake_the_others();
        drop(inner);
        Poll::Ready(answer.map(|outcome| EventAnswer {
            position: outcome.position,
            result: match &outcome.result {
                Ok(_) => {
                    let item = outcome.items.get(self.place).copied();
                    assert!(item.is_some(), "a batch was answered with fewer items than it has events");
                    item.ok_or(Refusal::UnknownAccount)
                }
                Err(refusal) => Err(refusal.clone()),
            },
        }))
    }
}

impl Drop for EventTicket {
    fn drop(&mut self) {
        let mut inner = self.group.lock();
        if inner.answer.is_some() {
            // It may be the one that was woken, and then the others rely on it.
            inner.wake_the_others();
        } else if let Some(slot) = inner.wakers.get_mut(self.place) {
            *slot = None;
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::task::Wake;

    use state::{AccountKey, Done, Op};

    use super::*;

    #[derive(Default)]
    struct Woken(AtomicUsize);

    impl Wake for Woken {
        fn wake(self: Arc<Self>) {
            self.0.fetch_add(1, Ordering::SeqCst);
        }
    }

    fn event(follower: u64) -> EdgeEvent<'static> {
        let (followee, follower) = (AccountKey::Number(1), AccountKey::Number(follower));
        EdgeEvent { op: Op::Follow, followee, follower, at: 7, id: None }
    }

    fn demo() -> PlatformId {
        PlatformId::new("demo").unwrap()
    }

    fn three() -> (Gathering, Waiters, Vec<EventTicket>) {
        let gathering = Gathering::default();
        let Ok(Joined::First(first, waiters)) = gathering.join(&demo(), &event(2), 3) else { panic!() };
        let mut tickets = vec![first];
        for follower in [3, 4] {
            let Ok(Joined::Waiting(ticket)) = gathering.join(&demo(), &event(follower), 3) else { panic!() };
            tickets.push(ticket);
        }
        (gathering, waiters, tickets)
    }

    fn outcome() -> Outcome {
        let items = vec![ItemOutcome::Accepted, ItemOutcome::Duplicate, ItemOutcome::Stale];
        Outcome { position: 9, result: Ok(Done::Items { accepted: 3, refused: 0 }), items }
    }

    fn poll(ticket: &mut EventTicket, woken: &Arc<Woken>) -> Poll<Result<EventAnswer, SubmitError>> {
        let waker = Waker::from(Arc::clone(woken));
        Pin::new(ticket).poll(&mut Context::from_waker(&waker))
    }

    #[test]
    fn everyone_hears_of_their_own_event() {
        let (gathering, waiters, tickets) = three();
        assert!(
            matches!(gathering.join(&demo(), &event(5), 3), Ok(Joined::First(..))),
            "a full one is left alone"
        );
        assert!(matches!(
            gathering.join(&PlatformId::new("other").unwrap(), &event(5), 3),
            Ok(Joined::First(..))
        ));
        let Some(Command::Edges(batch)) = gathering.close(&waiters) else { panic!() };
        assert_eq!(batch.len(), 3);
        assert!(gathering.close(&waiters).is_none());
        waiters.answer(Ok(outcome()));
        for (mut ticket, item) in tickets.into_iter().zip(outcome().items) {
            let answer = EventAnswer { position: 9, result: Ok(item) };
            assert_eq!(poll(&mut ticket, &Arc::default()), Poll::Ready(Ok(answer)));
        }
    }

    #[test]
    fn the_writer_is_told_once_when_enough_wait() {
        let (gathering, waiters, _tickets) = three();
        assert_eq!(gathering.waiting(), 3);
        assert!(!gathering.expect(3), "so many wait already");
        assert!(gathering.expect(5));
        let join = |follower| gathering.join(&demo(), &event(follower), 9);
        assert!(matches!(join(5), Ok(Joined::Waiting(_))));
        assert!(matches!(join(6), Ok(Joined::Enough(_))));
        assert!(matches!(join(7), Ok(Joined::Waiting(_))));
        assert!(gathering.expect(8));
        gathering.expect_no_more();
        assert!(matches!(gathering.join(&demo(), &event(8), 9), Ok(Joined::Waiting(_))));
        assert!(gathering.close(&waiters).is_some());
        assert_eq!(gathering.waiting(), 0);
    }

    #[test]
    fn one_is_woken_and_wakes_the_others_also_when_it_is_given_up() {
        for give_up in [false, true] {
            let (_, waiters, mut tickets) = three();
            let woken: Vec<Arc<Woken>> = tickets.iter().map(|_| Arc::default()).collect();
            for (ticket, woken) in tickets.iter_mut().zip(&woken) {
                assert!(poll(ticket, woken).is_pending());
            }
            waiters.answer(Ok(outcome()));
            let count = || woken.iter().map(|woken| woken.0.load(Ordering::SeqCst)).collect::<Vec<_>>();
            assert_eq!(count(), [1, 0, 0]);
            let mut first = tickets.remove(0);
            if give_up {
                drop(first);
            } else {
                assert!(poll(&mut first, &woken[0]).is_ready());
            }
            assert_eq!(count(), [1, 1, 1]);
        }
    }

    #[test]
    fn who_gives_up_before_the_answer_is_not_relied_on() {
        let (_, waiters, mut tickets) = three();
        let woken: Arc<Woken> = Arc::default();
        assert!(poll(&mut tickets[0], &Arc::default()).is_pending());
        assert!(poll(&mut tickets[1], &woken).is_pending());
        drop(tickets.remove(0));
        waiters.answer(Ok(outcome()));
        assert_eq!(woken.0.load(Ordering::SeqCst), 1);
    }

    #[test]
    fn a_place_that_is_lost_is_answered() {
        let (gathering, waiters, mut tickets) = three();
        drop(waiters);
        assert!(matches!(poll(&mut tickets[2], &Arc::default()), Poll::Ready(Err(SubmitError::Stopped(_)))));
        assert!(
            matches!(gathering.join(&demo(), &event(8), 9), Ok(Joined::First(..))),
            "nobody joins it any more"
        );
    }
}

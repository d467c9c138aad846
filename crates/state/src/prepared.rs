//! What can be worked out about a batch before its turn comes, on another thread than the writer's.
//!
//! Only what can never change: a number that was given out stays, and bytes stay what they are. So it makes no difference
//! whether a batch was prepared, or when; accounts that were new then are looked at again when the batch is applied.

use std::sync::Arc;

use followers::{AccountNo, Edge, Op};

use crate::directory::{Directory, UNKNOWN};
use crate::edge_batch::{EdgeBatch, EdgeEvent};
use crate::ids::AccountKey;
use crate::platform::PlatformShared;

/// Events whose accounts are looked up together: enough for their waits to overlap.
const BLOCK: usize = 128;

/// A batch over account numbers.
#[derive(Debug)]
pub(crate) struct Prepared {
    /// One for each event, in order; [`UNKNOWN`] for accounts that had no number.
    pub(crate) edges: Vec<Edge>,
    /// The events with an account that had no number, in order.
    pub(crate) unseen: Vec<Unseen>,
    /// The events with an id of their own, in order.
    pub(crate) ids: Vec<EventId>,
}

/// An event with an account that had no number when the batch was prepared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Unseen {
    /// Place of the event in the batch.
    pub(crate) place: u32,
    /// Where the event begins in the bytes of the batch.
    pub(crate) at: u32,
}

/// An event's own id, as the hashes that are kept of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct EventId {
    /// Place of the event in the batch.
    pub(crate) place: u32,
    /// Hash of the id.
    pub(crate) id: u128,
    /// Hash of what must be the same when the id comes again.
    pub(crate) body: u64,
}

/// A batch's preparation for one platform; of no use to any other.
#[derive(Clone, Debug)]
pub(crate) struct PreparedFor {
    platform: Arc<PlatformShared>,
    prepared: Arc<Prepared>,
}

impl PreparedFor {
    pub(crate) fn new(batch: &EdgeBatch, platform: &Arc<PlatformShared>) -> Self {
        let prepared = Arc::new(Prepared::new(batch, &platform.directory));
        Self { platform: Arc::clone(platform), prepared }
    }

    /// What was prepared, if it was for this very platform of this very machine.
    pub(crate) fn of(&self, platform: &Arc<PlatformShared>) -> Option<&Prepared> {
        Arc::ptr_eq(&self.platform, platform).then_some(&self.prepared)
    }
}

impl Prepared {
    pub(crate) fn new(batch: &EdgeBatch, directory: &Directory) -> Self {
        let len = batch.len() as usize;
        let mut prepared = Self { edges: Vec::with_capacity(len), unseen: Vec::new(), ids: Vec::new() };
        let mut keys: Vec<AccountKey<'_>> = Vec::with_capacity(2 * BLOCK);
        // For each event of the block: where it begins, and the places of its accounts among the keys.
        let mut begins: Vec<(u32, usize, usize)> = Vec::with_capacity(BLOCK);
        let mut found: Vec<u32> = Vec::with_capacity(2 * BLOCK);
        let mut events = batch.events();
        loop {
            keys.clear();
            begins.clear();
            let first = prepared.edges.len();
            let mut last = None;
            for place in (first as u32..).take(BLOCK) {
                // A batch has fewer bytes than a record, and those are counted in 32 bits.
                let begin = (batch.bytes().len() - events.left()) as u32;
                let Some(event) = events.next() else { break };
                // Large loads come sorted by followed account.
                let followee = match last {
                    Some((key, at)) if key == event.followee => at,
                    _ => {
                        keys.push(event.followee);
                        keys.len() - 1
                    }
                };
                last = Some((event.followee, followee));
                begins.push((begin, followee, keys.len()));
                keys.push(event.follower);
                if let Some(id) = event.id {
                    prepared.ids.push(EventId { place, id: crate::hash::hash128(id), body: body(&event) });
                }
                let unknown = AccountNo(UNKNOWN);
                let (op, version) = (event.op, event.at);
                prepared.edges.push(Edge { followee: unknown, follower: unknown, op, version });
            }
            if begins.is_empty() {
                return prepared;
            }
            directory.find_all(&keys, &mut found);
            let number = |at: usize| AccountNo(found.get(at).copied().unwrap_or(UNKNOWN));
            let edges = prepared.edges.get_mut(first..).unwrap_or_default();
            for ((edge, (begin, followee, follower)), place) in
                edges.iter_mut().zip(&begins).zip(first as u32..)
            {
                (edge.followee, edge.follower) = (number(*followee), number(*follower));
                if edge.followee.0 == UNKNOWN || edge.follower.0 == UNKNOWN {
                    prepared.unseen.push(Unseen { place, at: *begin });
                }
            }
        }
    }
}

/// What must be the same when an event id comes again.
fn body(event: &EdgeEvent<'_>) -> u64 {
    let mut bytes = [0; BODY_BYTES_MAX];
    let mut len = 0;
    let mut put = |part: &[u8]| {
        if let Some(room) = bytes.get_mut(len..len + part.len()) {
            room.copy_from_slice(part);
        }
        len += part.len();
    };
    put(&[match event.op {
        Op::Follow => 0,
        Op::Unfollow => 1,
        Op::Backfill => 2,
    }]);
    put(&event.at.to_le_bytes());
    for key in [event.followee, event.follower] {
        match key {
            AccountKey::Number(number) => {
                put(&[0]);
                put(&number.to_le_bytes());
            }
            AccountKey::Text(text) => {
                put(&[1]);
                put(text.as_bytes());
                put(&[0]);
            }
        }
    }
    assert!(len <= BODY_BYTES_MAX, "an account id is longer than ids may be");
    crate::hash::hash128(bytes.get(..len).unwrap_or_default()) as u64
}

/// Op, time, and two accounts with what stands around them.
const BODY_BYTES_MAX: usize = 1 + 8 + 2 * (crate::ids::ACCOUNT_ID_BYTES_MAX + 2);

#[cfg(test)]
mod tests {
    use crate::commands::RegisterPlatform;
    use crate::{Command, EdgeBatchBuilder, Entry, Limits, Machine, Millis, Op, PlatformId};

    /// Applies the same batches, prepared as many entries ahead as `ahead` says, and gives answers and state.
    fn run(ahead: impl Fn(usize) -> Option<usize>) -> (Vec<crate::Outcome>, [u8; 32]) {
        let platform = PlatformId::new("demo").unwrap();
        let mut machine = Machine::new(Limits { accounts_max: 150, ..Limits::default() });
        let register = RegisterPlatform { platform: platform.clone(), title: "A demo".parse().unwrap() };
        machine.apply(&Entry {
            position: 1,
            at: Millis(1_000),
            command: Command::RegisterPlatform(register),
        });
        let commands: Vec<Command> = (0..40_u64)
            .map(|nth| {
                let mut batch = EdgeBatchBuilder::new(platform.clone());
                for event in 0..300 {
                    let mixed = (nth * 300 + event).wrapping_mul(0x9e37_79b9_7f4a_7c15);
                    let followee = (mixed >> 40) % (5 + nth);
                    let follower = (mixed >> 20) % (10 + 5 * nth);
                    let op = if mixed % 7 == 0 { Op::Unfollow } else { Op::Follow };
                    let id = (event % 3 == 0).then(|| (mixed % 2_000).to_le_bytes());
                    let name = if event % 5 == 0 { format!("ann-{follower}") } else { follower.to_string() };
                    let id = id.as_ref().map(|id| &id[..]);
                    batch.push(op, &followee.to_string(), &name, 900 + event as i64, id).unwrap();
                }
                Command::Edges(batch.build())
            })
            .collect();
        let reader = machine.reader();
        let mut outcomes = Vec::new();
        for nth in 0..commands.len() {
            if let Some(ahead) = ahead(nth)
                && let Some(command) = commands.get(nth + ahead)
            {
                command.prepare(&reader);
            }
            let entry = Entry { position: nth as u64 + 2, at: Millis(1_001), command: commands[nth].clone() };
            outcomes.push(machine.apply(&entry));
        }
        machine.check().unwrap();
        (outcomes, machine.state_hash())
    }

    #[test]
    fn preparing_early_late_or_never_gives_the_same_answers_and_state() {
        let never = run(|_| None);
        for ahead in [0, 1, 7, 39] {
            assert!(run(|_| Some(ahead)) == never, "prepared {ahead} entries ahead");
        }
        assert!(run(|nth| (nth % 2 == 0).then_some(3)) == never, "some of them prepared");
        let refused =
            never.0.iter().flat_map(|outcome| &outcome.items).filter(|item| !item.is_accepted()).count();
        assert!(refused > 100, "refusals were among the answers");
    }

    #[test]
    fn what_was_prepared_for_another_machine_is_not_used() {
        let platform = PlatformId::new("demo").unwrap();
        let mut machines = [(); 2].map(|()| Machine::new(Limits::default()));
        let register = RegisterPlatform { platform: platform.clone(), title: "A demo".parse().unwrap() };
        let batch = |pairs: &[(&str, &str)]| {
            let mut batch = EdgeBatchBuilder::new(platform.clone());
            pairs.iter().for_each(|(followee, follower)| {
                batch.push(Op::Follow, followee, follower, 900, None).unwrap()
            });
            Command::Edges(batch.build())
        };
        for (machine, pairs) in machines.iter_mut().zip([[("a", "b"), ("c", "d")], [("d", "c"), ("b", "a")]])
        {
            let register = Command::RegisterPlatform(register.clone());
            machine.apply(&Entry { position: 1, at: Millis(1_000), command: register });
            machine.apply(&Entry { position: 2, at: Millis(1_000), command: batch(&pairs) });
        }
        let command = batch(&[("a", "d")]);
        command.prepare(&machines[0].reader());
        machines[1].apply(&Entry { position: 3, at: Millis(1_000), command });
        let read = machines[1].reader().platform(&platform).unwrap();
        let count = |name| read.account(crate::AccountKey::parse(name).unwrap()).unwrap().count();
        assert_eq!((count("a"), count("b"), count("c"), count("d")), (1, 1, 0, 1));
    }
}

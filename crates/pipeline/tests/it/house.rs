//! What the tests live in: storage in memory that outlives a pipeline, a clock, and keys that remember who went.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use pipeline::{Clock, Forget, Limits, ManualClock, OpenError, Opened, Parts, Pipeline};
use state::commands::{AccountFacts, Leave, LinkIdentity, RegisterPlatform, UpsertAccounts};
use state::{AccountId, Actor, Command, EdgeBatchBuilder, HolderId, Millis, Op, Outcome, PlatformId};
use storage::CommandLog;
use storage::memory;

/// 31 October 2023, 00:00 UTC.
pub(crate) const NOTICES: i64 = 1_698_710_400_000;

/// Everything that survives a restart.
#[derive(Clone)]
pub(crate) struct House {
    pub(crate) store: memory::Store,
    pub(crate) clock: ManualClock,
    pub(crate) keys: Arc<Keys>,
    pub(crate) limits: Limits,
}

/// Stands in for the vault.
#[derive(Default)]
pub(crate) struct Keys {
    pub(crate) forgotten: Mutex<Vec<String>>,
    pub(crate) failures_left: Mutex<u32>,
}

impl Forget for Keys {
    fn forget(&self, _: &PlatformId, holder: &HolderId) -> Result<(), vault::Error> {
        let mut failures_left = self.failures_left.lock().unwrap();
        if *failures_left > 0 {
            *failures_left -= 1;
            return Err(vault::Error::Provider("the disk is full".into()));
        }
        self.forgotten.lock().unwrap().push(holder.to_string());
        Ok(())
    }
}

impl House {
    pub(crate) fn new() -> Self {
        let limits = Limits { forget_retry: Duration::from_millis(5), ..Limits::default() };
        Self { store: memory::Store::new(), clock: ManualClock::at(NOTICES), keys: Arc::default(), limits }
    }

    pub(crate) fn open(&self) -> (Pipeline, Opened) {
        self.try_open(self.store.log().unwrap()).unwrap()
    }

    pub(crate) fn try_open(&self, log: impl CommandLog + 'static) -> Result<(Pipeline, Opened), OpenError> {
        Pipeline::open(self.limits.clone(), self.parts(log))
    }

    pub(crate) fn parts(&self, log: impl CommandLog + 'static) -> Parts {
        Parts {
            log: Box::new(log),
            snapshots: Arc::new(self.store.snapshots()),
            keys: Arc::<Keys>::clone(&self.keys),
            clock: Clock::Manual(self.clock.clone()),
            state_limits: state::Limits::default(),
        }
    }

    pub(crate) fn forgotten(&self) -> Vec<String> {
        self.keys.forgotten.lock().unwrap().clone()
    }
}

pub(crate) fn demo() -> PlatformId {
    PlatformId::new("demo").unwrap()
}

pub(crate) fn account(id: &str) -> AccountId {
    AccountId::parse(id).unwrap()
}

pub(crate) fn register() -> Command {
    Command::RegisterPlatform(RegisterPlatform { platform: demo(), title: "A demo".parse().unwrap() })
}

pub(crate) fn follow(followee: &str, follower: &str, at: i64) -> Command {
    let mut batch = EdgeBatchBuilder::new(demo());
    batch.push(Op::Follow, followee, follower, at, None).unwrap();
    Command::Edges(batch.build())
}

pub(crate) fn follows(followee: &str, followers: std::ops::Range<u64>, at: i64) -> Command {
    let mut batch = EdgeBatchBuilder::new(demo());
    for follower in followers {
        batch.push(Op::Follow, followee, &follower.to_string(), at, None).unwrap();
    }
    Command::Edges(batch.build())
}

pub(crate) fn facts(id: &str) -> Command {
    let items = vec![AccountFacts::new(account(id), Millis(NOTICES))];
    Command::UpsertAccounts(UpsertAccounts { platform: demo(), items })
}

pub(crate) fn link(id: &str, holder: &str, commitment: u8) -> Command {
    Command::LinkIdentity(LinkIdentity {
        platform: demo(),
        account: account(id),
        holder: HolderId::new(holder).unwrap(),
        fields: vec![policy::Field::LegalName],
        commitment: [commitment; 32],
        verified: true,
        kind: policy::HolderKind::Person,
    })
}

pub(crate) fn leave(id: &str) -> Command {
    Command::Leave(Leave { platform: demo(), account: account(id), by: Actor::Holder })
}

/// Submits and expects to be accepted.
pub(crate) fn done(pipeline: &Pipeline, command: Command) -> Outcome {
    let outcome = pipeline.handle().submit_and_wait(command).unwrap();
    assert!(outcome.result.is_ok(), "{outcome:?}");
    outcome
}

pub(crate) fn count(pipeline: &Pipeline, id: &str) -> Option<u32> {
    let handle = pipeline.handle();
    let platform = handle.reader().platform(&demo())?;
    platform.account(account(id).key()).map(|account| account.count())
}

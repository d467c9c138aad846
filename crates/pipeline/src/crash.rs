//! Places where the process can be made to die, so that tests can look at what recovery makes of it.
//!
//! Each durable boundary has one name here and one sentence on what a restart must find. They do nothing unless
//! the build has debug assertions or the feature `crashpoints`, and the environment names one of them.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock, PoisonError, RwLock};

/// The environment variable that arms a point: `after_append`, or `after_append:3` for the third passage.
pub const VARIABLE: &str = "NAMEPLATE_CRASH_AT";

/// A durable boundary.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CrashPoint {
    /// Commands are stamped and encoded, nothing is written: a restart finds none of them.
    BeforeAppend,
    /// Commands are durable, not applied and not acknowledged: a restart applies them.
    AfterAppend,
    /// Commands are applied, not acknowledged: a restart shows them.
    BeforeReply,
    /// A snapshot is about to be written: a restart uses the older one and a longer tail.
    BeforeSnapshot,
    /// A snapshot is durable, the log is not trimmed: a restart uses it and skips what it covers.
    AfterSnapshot,
    /// The log is trimmed behind the oldest kept snapshot: a restart must not need what went.
    AfterTrim,
    /// An identity is sealed, its command is not logged: a restart has a sealed blob no account points at.
    AfterSeal,
    /// A leave is logged and applied, the keys are still there: a restart destroys them.
    BeforeForget,
    /// The keys are destroyed, the request is still on the list: a restart destroys nothing twice.
    AfterForget,
}

impl CrashPoint {
    /// Every point, in the order a command meets them. Kill tests walk this list.
    pub const ALL: [Self; 9] = [
        Self::AfterSeal,
        Self::BeforeAppend,
        Self::AfterAppend,
        Self::BeforeReply,
        Self::BeforeSnapshot,
        Self::AfterSnapshot,
        Self::AfterTrim,
        Self::BeforeForget,
        Self::AfterForget,
    ];

    /// The name used in [`VARIABLE`].
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::BeforeAppend => "before_append",
            Self::AfterAppend => "after_append",
            Self::BeforeReply => "before_reply",
            Self::BeforeSnapshot => "before_snapshot",
            Self::AfterSnapshot => "after_snapshot",
            Self::AfterTrim => "after_trim",
            Self::AfterSeal => "after_seal",
            Self::BeforeForget => "before_forget",
            Self::AfterForget => "after_forget",
        }
    }
}

struct Armed {
    point: CrashPoint,
    left: AtomicU64,
}

fn armed() -> Option<&'static Armed> {
    static ARMED: OnceLock<Option<Armed>> = OnceLock::new();
    ARMED.get_or_init(|| parse(&std::env::var(VARIABLE).ok()?)).as_ref()
}

fn parse(text: &str) -> Option<Armed> {
    let (name, passage) = text.split_once(':').unwrap_or((text, "1"));
    let point = CrashPoint::ALL.into_iter().find(|point| point.as_str() == name)?;
    Some(Armed { point, left: AtomicU64::new(passage.parse().ok()?) })
}

/// Told of every passage of every point, in whatever thread it happens.
pub type Watcher = Arc<dyn Fn(CrashPoint) + Send + Sync>;

static WATCHER: RwLock<Option<Watcher>> = RwLock::new(None);

/// Sets who is told of passages, in the whole process: a simulation that goes on living takes the storage away there
/// instead of dying. `None` tells nobody. Builds without crash points tell nobody either.
pub fn watch(watcher: Option<Watcher>) {
    *WATCHER.write().unwrap_or_else(PoisonError::into_inner) = watcher;
}

/// Dies here, as by `kill -9`, when this passage of this point is armed.
#[inline]
pub(crate) fn here(point: CrashPoint) {
    if !cfg!(any(debug_assertions, feature = "crashpoints")) {
        return;
    }
    let watcher = WATCHER.read().unwrap_or_else(PoisonError::into_inner).clone();
    if let Some(watcher) = watcher {
        watcher(point);
    }
    if let Some(armed) = armed()
        && armed.point == point
        && armed.left.fetch_sub(1, Ordering::AcqRel) == 1
    {
        std::process::abort();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_point_can_be_armed_by_its_name() {
        for point in CrashPoint::ALL {
            let armed = parse(&format!("{}:3", point.as_str())).unwrap();
            assert_eq!(armed.point, point);
            assert_eq!(armed.left.load(Ordering::Relaxed), 3);
        }
        assert!(parse("after_lunch").is_none());
        assert!(parse("after_append:soon").is_none());
    }
}

//! What this process holds in memory stays in this process: no core file, no other process of the same user looks in.
//!
//! While the vault is open its keys are in memory. A crash must not write them to a disk that nobody seals.

use rustix::process::{DumpableBehavior, Resource, Rlimit, set_dumpable_behavior, setrlimit};

/// Switches core files and debuggers off. A system that refuses is said so, and the program goes on.
pub(crate) fn keep_to_itself() {
    let no_core = setrlimit(Resource::Core, Rlimit { current: Some(0), maximum: Some(0) });
    let no_looking = set_dumpable_behavior(DumpableBehavior::NotDumpable);
    if let Err(error) = no_core.and(no_looking) {
        crate::talk!(
            "warning: a crash may write keys to a core file, the system does not let us forbid it: {error}"
        );
    }
}

#[cfg(test)]
mod tests {
    use rustix::process::{Resource, dumpable_behavior, getrlimit};

    use super::*;

    #[test]
    fn a_crash_leaves_no_core_file() {
        keep_to_itself();
        assert_eq!(getrlimit(Resource::Core).current, Some(0));
        assert!(matches!(dumpable_behavior(), Ok(DumpableBehavior::NotDumpable)));
    }
}

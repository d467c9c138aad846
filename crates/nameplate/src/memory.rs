//! What this process holds in memory stays in this process, and goes back to the system when it is free: no core file,
//! no other process of the same user looks in.
//!
//! While the vault is open its keys are in memory. A crash must not write them to a disk that nobody seals.

use std::thread::Builder;
use std::time::Duration;

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

/// Between two looks for free memory.
const LOOK: Duration = Duration::from_secs(1);

/// Gives free memory back while the program has nothing to do. The allocator itself looks for some only when somebody
/// asks it for more: after a load that is the last time for a long time, and a third of what the process held was free.
///
/// A system that gives no thread for it is said so, and the program goes on.
pub(crate) fn give_back_when_idle() {
    let keep_looking = || {
        loop {
            std::thread::sleep(LOOK);
            give_back();
        }
    };
    if let Err(error) = Builder::new().name("memory".into()).spawn(keep_looking) {
        crate::talk!("warning: free memory is given back late, the system gives no thread: {error}");
    }
}

/// Gives back what has been free for a moment, of every thread.
fn give_back() {
    #[expect(
        unsafe_code,
        reason = "the allocator's own call has no safe form, and it alone knows what is free"
    )]
    // SAFETY: takes no pointer, and may be called by any thread at any time. The global allocator is this one.
    unsafe {
        libmimalloc_sys::mi_collect(false);
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

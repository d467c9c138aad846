//! When an account is looked at because old amounts fall out of a window: one moment an account, the next one.
//!
//! Apart from the timers of cases: those only ever come to pass, these move with every amount.

use std::collections::{BTreeMap, BTreeSet};

use policy::Millis;

/// The moments of one platform.
#[derive(Debug, Default)]
pub(crate) struct LedgerTimers {
    by_account: BTreeMap<u32, Millis>,
    by_time: BTreeSet<(Millis, u32)>,
}

impl LedgerTimers {
    /// The account's next moment; `None` if time alone changes nothing for it.
    pub(crate) fn set(&mut self, no: u32, at: Option<Millis>) {
        let before = match at {
            Some(at) => self.by_account.insert(no, at),
            None => self.by_account.remove(&no),
        };
        if let Some(before) = before {
            self.by_time.remove(&(before, no));
        }
        if let Some(at) = at {
            self.by_time.insert((at, no));
        }
    }

    /// Takes out an account whose moment has come.
    pub(crate) fn pop_due(&mut self, now: Millis) -> Option<u32> {
        let (at, no) = *self.by_time.first()?;
        if at > now {
            return None;
        }
        self.set(no, None);
        Some(no)
    }

    /// How many accounts have one.
    pub(crate) fn len(&self) -> usize {
        self.by_account.len()
    }

    /// Every account with its moment, by number.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (u32, Millis)> + '_ {
        self.by_account.iter().map(|(no, at)| (*no, *at))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_account_has_one_moment_and_it_comes_once() {
        let mut timers = LedgerTimers::default();
        timers.set(7, Some(Millis(10)));
        timers.set(3, Some(Millis(10)));
        timers.set(7, Some(Millis(20)));
        timers.set(9, Some(Millis(5)));
        timers.set(9, None);
        assert_eq!(timers.iter().collect::<Vec<_>>(), [(3, Millis(10)), (7, Millis(20))]);
        assert_eq!(timers.pop_due(Millis(9)), None);
        assert_eq!((timers.pop_due(Millis(10)), timers.pop_due(Millis(10))), (Some(3), None));
        assert_eq!(
            (timers.pop_due(Millis(99)), timers.pop_due(Millis(99)), timers.len()),
            (Some(7), None, 0)
        );
    }
}

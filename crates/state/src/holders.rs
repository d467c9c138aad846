//! Which accounts a holder stands behind.
//!
//! The vault keeps one record a holder, so all accounts of a holder name the same one: what is sealed through one of
//! them is behind all. Not saved: the records of the accounts say it, and loading reads it from them.

use std::collections::{BTreeMap, BTreeSet};

use crate::ids::HolderId;

/// The accounts of each holder on one platform, by number. A holder without any is not in it.
#[derive(Debug, Default)]
pub(crate) struct Holders(BTreeMap<HolderId, BTreeSet<u32>>);

impl Holders {
    /// The holder stands behind the account.
    pub(crate) fn link(&mut self, holder: &HolderId, no: u32) {
        if let Some(accounts) = self.0.get_mut(holder) {
            accounts.insert(no);
        } else {
            self.0.insert(holder.clone(), BTreeSet::from([no]));
        }
    }

    /// The holder no longer stands behind the account. True if that was the last one.
    pub(crate) fn unlink(&mut self, holder: &HolderId, no: u32) -> bool {
        let Some(accounts) = self.0.get_mut(holder) else { return false };
        let was_linked = accounts.remove(&no);
        let is_gone = accounts.is_empty();
        if is_gone {
            self.0.remove(holder);
        }
        was_linked && is_gone
    }

    /// The accounts of a holder, ascending.
    pub(crate) fn accounts(&self, holder: &HolderId) -> impl Iterator<Item = u32> + '_ {
        self.0.get(holder).into_iter().flatten().copied()
    }

    /// Every holder's accounts, and no holder without one.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (&HolderId, &BTreeSet<u32>)> {
        self.0.iter()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_holder_is_gone_with_the_last_account_and_only_then() {
        let (ann, bob) = (HolderId::new("h-1").unwrap(), HolderId::new("h-2").unwrap());
        let mut holders = Holders::default();
        for no in [9, 4, 9] {
            holders.link(&ann, no);
        }
        assert_eq!(holders.accounts(&ann).collect::<Vec<_>>(), [4, 9]);
        assert!(!holders.unlink(&bob, 4), "someone else's account");
        assert!(!holders.unlink(&ann, 4));
        assert!(!holders.unlink(&ann, 4), "gone before");
        assert!(holders.unlink(&ann, 9));
        assert!(!holders.unlink(&ann, 9));
        assert_eq!(holders.iter().count(), 0);
    }
}

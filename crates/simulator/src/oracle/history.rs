//! How a count came to be, as the model keeps it: a map from day and cause to who came and who went.

use std::collections::BTreeMap;

use state::Cause;

/// One row: the day, the cause, how many came, how many went.
pub type Row = (u16, Cause, u32, u32);

#[derive(Clone, Debug, Default)]
pub(super) struct History(BTreeMap<(u16, Cause), (u32, u32)>);

impl History {
    pub(super) fn add(&mut self, day: u16, cause: Cause, came: u32, went: u32) {
        if came > 0 || went > 0 {
            let row = self.0.entry((day, cause)).or_default();
            row.0 += came;
            row.1 += went;
        }
    }

    pub(super) fn rows(&self) -> Vec<Row> {
        self.0.iter().map(|((day, cause), (came, went))| (*day, *cause, *came, *went)).collect()
    }
}

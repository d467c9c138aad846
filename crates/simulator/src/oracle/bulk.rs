//! Filters of the model: who is meant, who goes first, who is taken, and taking it back.

use followers::{Attribute, Order};
use state::Cause;

use super::{FILTERS_MAX, Known, Oracle, Place, Ran, UNDO_MS, bit};

/// Who is meant. An empty `All` is everyone, an empty `Any` nobody.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Wish {
    /// Every part holds.
    All(Vec<Wish>),
    /// One part holds, or more.
    Any(Vec<Wish>),
    /// The part does not hold.
    Not(Box<Wish>),
    /// The follower carries the attribute.
    Has(Attribute),
    /// The follow began before that day.
    Before(u16),
    /// The follow began after that day.
    After(u16),
    /// The follower is one of these.
    OneOf(Vec<u32>),
}

/// One filter as it is asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Bulk {
    /// Who is meant.
    pub wish: Wish,
    /// Who stays all the same.
    pub keep: Vec<u32>,
    /// Who goes first when `leave_at` spares some.
    pub order: Order,
    /// How many are to be left at least.
    pub leave_at: Option<u32>,
}

impl Wish {
    /// The same, without accounts that nobody has heard of yet: a list names who is known when the filter runs.
    fn without_unknown(&self, is_known: &impl Fn(u32) -> bool) -> Wish {
        let all = |parts: &[Wish]| parts.iter().map(|part| part.without_unknown(is_known)).collect();
        match self {
            Wish::All(parts) => Wish::All(all(parts)),
            Wish::Any(parts) => Wish::Any(all(parts)),
            Wish::Not(part) => Wish::Not(Box::new(part.without_unknown(is_known))),
            Wish::OneOf(accounts) => {
                Wish::OneOf(accounts.iter().copied().filter(|who| is_known(*who)).collect())
            }
            Wish::Has(_) | Wish::Before(_) | Wish::After(_) => self.clone(),
        }
    }

    fn holds(&self, who: u32, day: u16, attributes: u16) -> bool {
        match self {
            Wish::All(parts) => parts.iter().all(|part| part.holds(who, day, attributes)),
            Wish::Any(parts) => parts.iter().any(|part| part.holds(who, day, attributes)),
            Wish::Not(part) => !part.holds(who, day, attributes),
            Wish::Has(attribute) => attributes & bit(*attribute) != 0,
            Wish::Before(before) => day < *before,
            Wish::After(after) => day > *after,
            Wish::OneOf(accounts) => accounts.contains(&who),
        }
    }
}

impl Bulk {
    pub(crate) fn means(&self, who: u32, day: u16, attributes: u16) -> bool {
        self.wish.holds(who, day, attributes) && !self.keep.contains(&who)
    }

    /// Whether the model cannot know whom it takes.
    pub fn is_up_to_chance(&self) -> bool {
        matches!(self.order, Order::Random { .. }) && self.leave_at.is_some()
    }
}

impl Oracle {
    /// Whether one more filter is refused because as many are kept as may be.
    pub fn filters_are_full(&mut self, who: u32) -> bool {
        let clock = self.clock;
        let filters = &mut self.account_mut(who).filters;
        filters.retain(|ran| clock < ran.at + UNDO_MS);
        filters.len() >= FILTERS_MAX
    }

    /// Followers the filter means, in the order in which they go, and how many of them may go.
    pub fn meant(&self, who: u32, bulk: &Bulk) -> (Vec<u32>, usize) {
        let account = self.account(who);
        let here = |(id, known): (&u32, &Known)| (known.place == Place::Here).then_some((*id, known.day));
        let mut meant: Vec<(u32, u16)> = account
            .edges
            .iter()
            .filter_map(here)
            .filter(|(id, day)| bulk.means(*id, *day, self.attributes(*id)))
            .collect();
        meant.sort_unstable_by_key(|(id, day)| (*day, self.account(*id).number));
        if bulk.order == Order::Newest {
            meant.reverse();
        }
        let spared = bulk.leave_at.map_or(meant.len(), |left| account.count.saturating_sub(left) as usize);
        let most = meant.len().min(spared);
        (meant.into_iter().map(|(id, _)| id).collect(), most)
    }

    /// The filter runs at that log position and takes these.
    pub fn filter(&mut self, who: u32, bulk: &Bulk, position: u64, taken: &[u32]) {
        let before = self.count(who);
        let armed = bulk.leave_at.is_none_or(|left| before >= left);
        let is_known = |who: u32| self.is_seen(who);
        let bulk = Bulk {
            wish: bulk.wish.without_unknown(&is_known),
            keep: bulk.keep.iter().copied().filter(|who| is_known(*who)).collect(),
            ..bulk.clone()
        };
        let ran = Ran { position, at: self.clock, bulk, armed };
        self.account_mut(who).filters.push(ran);
        for id in taken {
            if let Some(known) = self.account_mut(who).edges.get_mut(id) {
                known.place = Place::Taken(position);
            }
            self.step(who, *id, false);
        }
        if !taken.is_empty() {
            self.history(who, before, Cause::Filter, 0, taken.len() as u32);
        }
    }

    /// Positions of the filters of the account that can be undone now.
    pub fn undoable(&mut self, who: u32) -> Vec<u64> {
        let clock = self.clock;
        let filters = &mut self.account_mut(who).filters;
        filters.retain(|ran| clock < ran.at + UNDO_MS);
        filters.iter().map(|ran| ran.position).collect()
    }

    /// The filter is undone. Returns how many came back.
    pub fn undo(&mut self, who: u32, position: u64) -> u32 {
        let before = self.count(who);
        let account = self.account_mut(who);
        account.filters.retain(|ran| ran.position != position);
        let mut back = Vec::new();
        for (id, known) in &mut account.edges {
            if known.place == Place::Taken(position) {
                known.place = Place::Here;
                back.push(*id);
            }
        }
        for id in &back {
            self.step(who, *id, true);
        }
        if !back.is_empty() {
            self.history(who, before, Cause::Undo, back.len() as u32, 0);
        }
        back.len() as u32
    }
}

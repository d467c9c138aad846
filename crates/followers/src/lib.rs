//! Exact follower sets, counts, filters and undo over dense account numbers.

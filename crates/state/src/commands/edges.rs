//! Follows and unfollows, thousands at a time.
//!
//! An event never moves a case: it changes sets and counts, and an account whose count passes a threshold of an
//! active pack is looked at by the next tick. So the order of events between two ticks does not matter.

//! Time passes.
//!
//! The only place where a count becomes a crossing and a period becomes due. Work is bounded by what moved, not by the
//! number of accounts; only a pack that changed or a phase that began looks at everyone above the lowest threshold.

//! Commands, records, the deterministic machine, cases and effects.

//! Identities sealed per holder; the only holder of keys.

//! A pack applies from this entry on.
//!
//! The bundle's bytes are in the command, so replay needs nothing else, and old decisions replay under the rules of
//! their day. A pack of the same id takes the place of the active one; cases under rules that say the same go on.

use std::collections::BTreeMap;

use crate::ids::{Actor, PlatformId};

/// Fields of the command.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ActivatePack {
    /// The platform.
    pub platform: PlatformId,
    /// `policy::Bundle::encode()`.
    pub bundle: Vec<u8>,
    /// The operator's answers to what no source says: key to value.
    pub choices: BTreeMap<String, String>,
    /// Who decided.
    pub by: Actor,
}

//! The table of what a pack shows: field x viewer x surface.

use crate::active::ActivePack;
use crate::pack::Pack;

/// The table of a pack as written; a value nobody states appears as `?key`.
pub fn of_pack(_pack: &Pack) -> String {
    String::new()
}

/// The table of a pack with its choices made.
pub fn of_active(_pack: &ActivePack) -> String {
    String::new()
}

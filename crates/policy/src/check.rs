//! Findings about a pack that parses.

use crate::diagnostic::Diagnostic;
use crate::pack::Pack;

/// Finds what a pack author should know.
pub fn check(_pack: &Pack) -> Vec<Diagnostic> {
    Vec::new()
}

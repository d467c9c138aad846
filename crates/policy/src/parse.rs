//! From files to a typed pack.

use crate::bundle::Bundle;
use crate::diagnostic::Diagnostic;
use crate::pack::Pack;

/// Reads a pack's files.
///
/// # Errors
/// Everything that keeps the files from being a pack.
pub fn parse(_bundle: &Bundle) -> Result<Pack, Vec<Diagnostic>> {
    Err(Vec::new())
}

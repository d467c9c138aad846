//! A pack's own cases: facts and the nameplate they must lead to.

use crate::bundle::Bundle;
use crate::diagnostic::Diagnostic;

/// What running a pack's cases found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Report {
    /// Cases that came out as written.
    pub passed: usize,
    /// Cases that did not.
    pub failures: Vec<Failure>,
}

/// A case that did not come out as written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// The file.
    pub file: String,
    /// The line the case starts on.
    pub line: u32,
    /// The case's name.
    pub name: String,
    /// What was expected and what came out.
    pub what: String,
}

/// Runs every case in `cases/*.toml`.
///
/// # Errors
/// If the pack or a file of cases cannot be read.
pub fn run(_bundle: &Bundle) -> Result<Report, Vec<Diagnostic>> {
    Ok(Report::default())
}

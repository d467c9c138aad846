//! What a person who edits a pack is told: where, what, and what to do next.

use std::fmt;

/// A place in a pack's file. Lines and columns start at 1; columns count characters.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct At {
    /// Index into [`Pack::files`](crate::Pack::files).
    pub file: u16,
    /// Line, from 1; 0 stands for the file as a whole.
    pub line: u32,
    /// Column, from 1; 0 stands for the line as a whole.
    pub column: u32,
}

/// How bad it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Severity {
    /// The pack cannot be used.
    Error,
    /// The pack can be used, and probably does not say what was meant.
    Warning,
    /// Worth knowing, nothing to mend: an unfilled `unspecified`, for one.
    Note,
}

impl Severity {
    /// The spelling used in texts and in the API.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Error => "error",
            Self::Warning => "warning",
            Self::Note => "note",
        }
    }
}

/// One finding about a pack.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Diagnostic {
    /// The file, as a path inside the pack.
    pub file: String,
    /// Line, from 1; 0 stands for the file as a whole.
    pub line: u32,
    /// Column, from 1; 0 stands for the line as a whole.
    pub column: u32,
    /// The key it is about, in full, as in `notice.period`; empty if it is about the file.
    pub key: String,
    /// What is wrong.
    pub message: String,
    /// What to do about it.
    pub next_step: String,
    /// How bad it is.
    pub severity: Severity,
}

impl fmt::Display for Diagnostic {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(&self.file)?;
        if self.line > 0 {
            write!(out, ":{}", self.line)?;
        }
        if self.column > 0 {
            write!(out, ":{}", self.column)?;
        }
        write!(out, ": {}: ", self.severity.as_str())?;
        if !self.key.is_empty() {
            write!(out, "`{}`: ", self.key)?;
        }
        out.write_str(&self.message)?;
        if !self.next_step.is_empty() {
            write!(out, "\n  help: {}", self.next_step)?;
        }
        Ok(())
    }
}

/// True if any of the findings makes the pack unusable.
pub fn any_error(found: &[Diagnostic]) -> bool {
    found.iter().any(|one| one.severity == Severity::Error)
}

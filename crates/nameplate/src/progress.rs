//! Progress on stderr: a bar on a terminal, plain lines elsewhere, nothing at all for the first second.

use std::io::IsTerminal;
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

/// Work shorter than this shows nothing.
const QUIET_FOR: Duration = Duration::from_secs(1);
/// Time between two plain lines.
const LINE_EVERY: Duration = Duration::from_secs(5);

/// How far a piece of work is.
pub(crate) struct Progress {
    what: &'static str,
    unit: &'static str,
    started: Instant,
    bar: Option<ProgressBar>,
    last_line: Option<Instant>,
    terminal: bool,
}

impl Progress {
    /// Work called `what`, counted in `unit`.
    pub(crate) fn new(what: &'static str, unit: &'static str) -> Self {
        Self {
            what,
            unit,
            started: Instant::now(),
            bar: None,
            last_line: None,
            terminal: std::io::stderr().is_terminal(),
        }
    }

    /// `done` of `all`. An `all` of 0 means that the end is not known.
    pub(crate) fn set(&mut self, done: u64, all: u64) {
        if self.started.elapsed() < QUIET_FOR {
            return;
        }
        if self.terminal {
            let bar = self.bar.get_or_insert_with(|| bar(self.what, self.unit, all));
            bar.set_length(all);
            bar.set_position(done);
        } else if self.last_line.is_none_or(|last| last.elapsed() >= LINE_EVERY) {
            self.last_line = Some(Instant::now());
            let all = if all == 0 { String::new() } else { format!(" of {}", grouped(all)) };
            crate::talk!("{}: {}{all} {}", self.what, grouped(done), self.unit);
        }
    }

    /// Takes the bar away.
    pub(crate) fn finish(&mut self) {
        if let Some(bar) = self.bar.take() {
            bar.finish_and_clear();
        }
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.finish();
    }
}

fn bar(what: &'static str, unit: &'static str, all: u64) -> ProgressBar {
    let bar = ProgressBar::with_draw_target(Some(all), ProgressDrawTarget::stderr());
    let template =
        format!("{{msg}} {{wide_bar}} {{human_pos}}/{{human_len}} {unit} ({{per_sec}}, {{eta}} left)");
    if let Ok(style) = ProgressStyle::with_template(&template) {
        bar.set_style(style);
    }
    bar.set_message(what);
    bar
}

/// A number with its digits in groups of three: `7,058,000`.
pub(crate) fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut out = String::with_capacity(digits.len() + digits.len() / 3);
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::grouped;

    #[test]
    fn digits_come_in_groups_of_three() {
        for (number, text) in [(0, "0"), (999, "999"), (1_000, "1,000"), (7_058_000, "7,058,000")] {
            assert_eq!(grouped(number), text);
        }
    }
}

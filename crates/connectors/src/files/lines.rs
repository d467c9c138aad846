//! Lines of a stream, in one buffer that never grows.
//!
//! A line longer than the limit is passed over as it streams by, so a file without line ends costs no memory.

use std::io::{self, Read};
use std::ops::Range;

use memchr::memchr;

use super::split::Quote;

const READ_BYTES: usize = 256 * 1024;

pub(super) struct Lines<R> {
    source: R,
    buffer: Vec<u8>,
    /// What is read and not given out yet.
    rest: Range<usize>,
    ended: bool,
    line: u64,
    line_bytes_max: usize,
    /// The separator, where quotes mean something.
    quoting: Option<u8>,
}

/// A line without its end. Valid until the next one is asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Line {
    Whole(Range<usize>),
    /// Its bytes are gone; whether a quote was left open in them is not.
    TooLong(Quote),
}

impl<R: Read> Lines<R> {
    pub(super) fn new(source: R, line_bytes_max: usize) -> Self {
        let buffer = vec![0; READ_BYTES.max(line_bytes_max.saturating_add(2))];
        Self { source, buffer, rest: 0..0, ended: false, line: 0, line_bytes_max, quoting: None }
    }

    /// Number of the line given out last, from 1.
    pub(super) fn number(&self) -> u64 {
        self.line
    }

    pub(super) fn bytes(&self, line: &Range<usize>) -> &[u8] {
        self.buffer.get(line.clone()).unwrap_or_default()
    }

    /// From now on quotes are followed through lines that are passed over.
    pub(super) fn set_quoting(&mut self, quoting: Option<u8>) {
        self.quoting = quoting;
    }

    /// The next line; a carriage return before its end is left to the caller. `quote` is the state at its start.
    pub(super) fn next(&mut self, mut quote: Quote) -> io::Result<Option<Line>> {
        let mut too_long = false;
        let mut looked_at = 0;
        loop {
            let rest = self.bytes(&self.rest);
            let end = memchr(b'\n', rest.get(looked_at..).unwrap_or_default()).map(|at| at + looked_at);
            if let Some(end) = end {
                let line = self.rest.start..self.rest.start + end;
                self.rest.start = line.end + 1;
                return Ok(Some(self.give(line, too_long, quote)));
            }
            looked_at = rest.len();
            if self.ended {
                let line = std::mem::replace(&mut self.rest, 0..0);
                if line.is_empty() && !too_long {
                    return Ok(None);
                }
                return Ok(Some(self.give(line, too_long, quote)));
            }
            if looked_at > self.line_bytes_max {
                too_long = true;
                quote = self.quote_over(quote, &self.rest);
                looked_at = 0;
                self.rest = 0..0;
            }
            self.fill()?;
        }
    }

    fn give(&mut self, line: Range<usize>, too_long: bool, quote: Quote) -> Line {
        self.line += 1;
        if too_long || line.len() > self.line_bytes_max {
            Line::TooLong(self.quote_over(quote, &line))
        } else {
            Line::Whole(line)
        }
    }

    pub(super) fn quote_over(&self, quote: Quote, bytes: &Range<usize>) -> Quote {
        self.quoting.map_or(Quote::Start, |separator| quote.over(self.bytes(bytes), separator))
    }

    fn fill(&mut self) -> io::Result<()> {
        self.buffer.copy_within(self.rest.clone(), 0);
        self.rest = 0..self.rest.len();
        // Never empty: at most `line_bytes_max` bytes are left, and the buffer is longer.
        let room = self.buffer.get_mut(self.rest.end..).unwrap_or_default();
        match self.source.read(room) {
            Ok(0) => self.ended = true,
            Ok(read) => self.rest.end += read,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::io::Read;

    use proptest::prelude::*;

    use super::{Line, Lines, Quote};

    /// Gives a few bytes at a time.
    struct Trickle<'a>(&'a [u8], usize);

    impl Read for Trickle<'_> {
        fn read(&mut self, out: &mut [u8]) -> std::io::Result<usize> {
            let len = self.1.min(out.len()).min(self.0.len());
            let (now, later) = self.0.split_at(len);
            out[..len].copy_from_slice(now);
            self.0 = later;
            Ok(len)
        }
    }

    fn all(text: &[u8], step: usize, max: usize) -> Vec<Option<Vec<u8>>> {
        let mut lines = Lines::new(Trickle(text, step), max);
        let mut out = Vec::new();
        while let Some(line) = lines.next(Quote::Start).unwrap() {
            out.push(match line {
                Line::Whole(range) => Some(lines.bytes(&range).to_vec()),
                Line::TooLong(_) => None,
            });
            assert_eq!(lines.number(), out.len() as u64);
        }
        out
    }

    #[test]
    fn a_last_line_needs_no_end() {
        assert_eq!(all(b"a\nb", 9, 9), [Some(b"a".to_vec()), Some(b"b".to_vec())]);
        assert_eq!(all(b"a\n\n", 9, 9), [Some(b"a".to_vec()), Some(Vec::new())]);
        assert!(all(b"", 9, 9).is_empty());
    }

    #[test]
    fn a_line_longer_than_the_buffer_is_one_long_line() {
        let mut text = vec![b'x'; 3 * super::READ_BYTES];
        text.extend_from_slice(b"\nshort\n");
        text.extend(vec![b'y'; 2 * super::READ_BYTES]);
        assert_eq!(all(&text, 70_001, 100), [None, Some(b"short".to_vec()), None]);
    }

    proptest! {
        #[test]
        fn lines_are_those_of_split(text in "[ab\n]{0,60}", step in 1_usize..7, max in 1_usize..6) {
            let mut naive: Vec<&str> = text.split('\n').collect();
            if naive.last() == Some(&"") {
                naive.pop();
            }
            let naive: Vec<Option<Vec<u8>>> =
                naive.iter().map(|line| (line.len() <= max).then(|| line.as_bytes().to_vec())).collect();
            prop_assert_eq!(all(text.as_bytes(), step, max), naive);
        }
    }
}

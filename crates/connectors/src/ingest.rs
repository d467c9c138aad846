//! The NDJSON of one HTTP request: follows and unfollows, and dated amounts between them, one object a line.
//!
//! `{"type":"follow","follower":"42","account":"7","at":"2026-11-23T08:00:00Z","id":"e-1"}`: ids are texts or whole
//! numbers, `at` is RFC 3339 or milliseconds since 1970, `id` may be left out. `at` may not: an event dated by its
//! arrival would lose its order against the same event sent again.

use memchr::memchr;
use state::{EdgeEvent, Op, PlatformId};

use crate::amount;
use crate::batch::{Batch, Collecting};
use crate::json::{Fields, Place, Value};
use crate::refusal::{Column, Why};
use crate::when;

/// Longest line in bytes; a line of our own making is below 300.
pub const LINE_BYTES_MAX: usize = 4096;

/// The shortest lines that programs write are longer.
const EVENT_BYTES_MIN: usize = 48;

/// Walks the lines of a body that is already here and decompressed; see `compression::decoded` for the limit.
#[derive(Debug)]
pub struct Events<'a> {
    rest: &'a [u8],
    line: u64,
}

impl<'a> Events<'a> {
    /// From the first line of the body.
    #[must_use]
    pub fn new(body: &'a [u8]) -> Self {
        Self { rest: body.strip_prefix(b"\xef\xbb\xbf").unwrap_or(body), line: 0 }
    }

    /// The next up to `events_max` events (1 to `state::EVENTS_MAX`) with what was refused among them; `None` after
    /// the last line. Empty lines are passed over.
    pub fn next_batch(&mut self, platform: &PlatformId, events_max: u32) -> Option<Batch> {
        if self.rest.is_empty() {
            return None;
        }
        let events_at_most = self.rest.len() / EVENT_BYTES_MIN + 1;
        let mut batch = Collecting::with_room(platform, events_max, events_at_most);
        while !batch.is_full()
            && let Some(line) = self.next_line()
        {
            let line = line.trim_ascii();
            if line.is_empty() {
                continue;
            }
            if let Err(why) = read(line, |event| batch.push(self.line, event)) {
                match amount::read(line).unwrap_or(Err(why)) {
                    Ok(item) => batch.push_amount(self.line, item),
                    Err(why) => batch.refuse(self.line, why),
                }
            }
        }
        Some(batch.finish())
    }

    /// Lines walked so far, with the empty ones.
    #[must_use]
    pub fn lines(&self) -> u64 {
        self.line
    }

    fn next_line(&mut self) -> Option<&'a [u8]> {
        if self.rest.is_empty() {
            return None;
        }
        self.line += 1;
        let end = memchr(b'\n', self.rest).unwrap_or(self.rest.len());
        let (line, rest) = self.rest.split_at_checked(end)?;
        self.rest = rest.get(1..).unwrap_or_default();
        Some(line)
    }
}

/// The event of a body that has just one line with something in it, and the number of that line, if it is a good one.
pub fn single<R>(body: &[u8], then: impl FnOnce(u64, &EdgeEvent<'_>) -> R) -> Option<R> {
    let mut events = Events::new(body);
    let line = loop {
        let line = events.next_line()?.trim_ascii();
        if !line.is_empty() {
            break line;
        }
    };
    if !events.rest.trim_ascii().is_empty() {
        return None;
    }
    read(line, |event| then(events.line, event)).ok()
}

/// Reads a line that is not empty.
fn read<R>(line: &[u8], then: impl FnOnce(&EdgeEvent<'_>) -> R) -> Result<R, Why> {
    if line.len() > LINE_BYTES_MAX {
        return Err(Why::LineIsTooLong);
    }
    let line = std::str::from_utf8(line).map_err(|_| Why::LineIsNotUtf8)?;
    let fields = Fields::read(line, &place)?;
    let op = match fields.need(Column::Type)? {
        Value::Text(text) if text == "follow" => Op::Follow,
        Value::Text(text) if text == "unfollow" => Op::Unfollow,
        _ => return Err(Why::TypeIsUnknown),
    };
    let follower = fields.need(Column::Follower)?.account(Column::Follower)?;
    let followee = fields.need(Column::Account)?.account(Column::Account)?;
    let at = match fields.need(Column::At)? {
        Value::Number(number) => i64::try_from(*number).ok(),
        Value::Text(text) => when::rfc3339(text),
        Value::Other => None,
    };
    let at = at.ok_or(Why::TimeIsRefused)?;
    let mut digits = [0; 20];
    let id = match fields.get(Column::Id) {
        None => None,
        Some(Value::Text(text)) => Some(text.as_bytes()),
        // The same id as a number and as a text is the same id.
        Some(Value::Number(number)) => Some(decimal(*number, &mut digits)),
        Some(Value::Other) => return Err(Why::FieldHasAnotherKind(Column::Id)),
    };
    // An event that follows itself goes on: the machine refuses and counts it like every other refusal of a command.
    Ok(then(&EdgeEvent { op, followee, follower, at, id }))
}

fn place(name: &str) -> Place {
    Column::parse(name).map_or(Place::Refuse, Place::Wanted)
}

/// Writes a number's decimal digits into the end of `digits`.
fn decimal(mut number: u64, digits: &mut [u8; 20]) -> &[u8] {
    let mut from = digits.len();
    for digit in digits.iter_mut().rev() {
        *digit = b'0' + (number % 10) as u8;
        number /= 10;
        from -= 1;
        if number == 0 {
            break;
        }
    }
    digits.get(from..).unwrap_or_default()
}

//! Exports of follows: `import --follows FILE`.
//!
//! A row becomes a `Backfill`: it says that a follow exists, not that it happened now. Rows are counted as they are
//! read, refused ones included, so an import that stopped goes on with `rows_skipped` at what was durable.

mod columns;
mod lines;
mod split;

use std::fmt;
use std::fs::File;
use std::io::{self, Read};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use memchr::memchr;
use state::{AccountKey, EdgeEvent, Op, PlatformId};

use self::columns::Layout;
pub use self::columns::{Columns, ColumnsError, Header, HeaderError};
use self::lines::{Line, Lines};
pub use self::split::Separator;
use self::split::{COLUMNS_MAX, Quote, Unquoted};
use crate::batch::{Batch, Collecting};
use crate::compression::{Encoding, FILE_WINDOW_BYTES_MAX, opened};
use crate::json::{Fields, Place, Value};
use crate::refusal::{Column, Refusals, Why};
use crate::when;

/// Longest row in bytes, quoted line ends included.
pub const ROW_BYTES_MAX: usize = 64 * 1024;

/// How the rows are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// Values between separators.
    Separated(Separator),
    /// One JSON object a line; fields that are not named are passed over.
    Ndjson,
}

impl Format {
    /// From `csv`, `semicolon`, `tsv`, `space` or `ndjson`.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let formats = [
            ("csv", Self::Separated(Separator::Comma)),
            ("semicolon", Self::Separated(Separator::Semicolon)),
            ("tsv", Self::Separated(Separator::Tab)),
            ("space", Self::Separated(Separator::Space)),
            ("ndjson", Self::Ndjson),
        ];
        formats.into_iter().find_map(|(name, format)| (name == text).then_some(format))
    }
}

/// What to read, and how.
#[derive(Debug, Clone)]
pub struct Options {
    /// Which column is what.
    pub columns: Columns,
    /// Whether there is a header.
    pub header: Header,
    /// `None` = told by the first row.
    pub format: Option<Format>,
    /// Time of the rows when no column has one, in milliseconds since 1970.
    pub at: i64,
    /// Events in a batch, 1 to `state::EVENTS_MAX`.
    pub batch_events_max: u32,
    /// Rows that an earlier run made durable: read past, not parsed.
    pub rows_skipped: u64,
}

impl Options {
    /// Format and header guessed, 10,000 events a batch, from the first row.
    #[must_use]
    pub fn new(columns: Columns, at: i64) -> Self {
        Self { columns, header: Header::Guess, format: None, at, batch_events_max: 10_000, rows_skipped: 0 }
    }
}

/// How far the reading is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Progress {
    /// Rows so far, accepted, refused and skipped: what `rows_skipped` takes to go on from here.
    pub rows: u64,
    /// Lines so far.
    pub lines: u64,
    /// Lines that began with `#`.
    pub comments: u64,
    /// Bytes read from the file, before they were opened.
    pub bytes: u64,
}

/// Why a file cannot be read on.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The file does not open.
    #[error("cannot open `{path}`: {source}")]
    Open {
        /// The file as it was given.
        path: String,
        /// What the system said.
        source: io::Error,
    },
    /// Reading failed; rows before the line were given out.
    #[error("cannot read on after line {line}, the file may be cut or damaged: {source}")]
    Read {
        /// The last whole line.
        line: u64,
        /// What the system or the decompressor said.
        source: io::Error,
    },
    /// The text is UTF-16.
    #[error("the file is UTF-16: export it as UTF-8")]
    Utf16,
    /// The columns do not fit the file's header.
    #[error(transparent)]
    Header(#[from] HeaderError),
}

/// Reads follows out of a file, batch by batch.
pub struct Follows {
    lines: Lines<Box<dyn Read + Send>>,
    platform: PlatformId,
    options: Options,
    /// Known after the first row.
    shape: Option<Shape>,
    /// Where rows are nothing but two accounts.
    pair: Option<Pair>,
    /// A row of several lines, or one with quotes.
    joined: Vec<u8>,
    unquoted: Unquoted,
    rows: u64,
    comments: u64,
    bytes: Arc<AtomicU64>,
    /// A failure that came after rows that had to be given out first.
    failed: Option<Error>,
}

impl fmt::Debug for Follows {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Follows").field("progress", &self.progress()).finish_non_exhaustive()
    }
}

#[derive(Debug, Clone)]
enum Shape {
    Separated(Separator, Layout),
    Ndjson,
}

/// Where the bytes of a row are.
enum Row {
    Line(std::ops::Range<usize>),
    Joined,
    Refused(Why),
}

impl Follows {
    /// Opens a file; what compressed it is told by its first bytes.
    ///
    /// # Errors
    /// `Open`, `Read` or `Utf16`.
    pub fn open(path: &Path, platform: PlatformId, options: Options) -> Result<Self, Error> {
        let file =
            File::open(path).map_err(|source| Error::Open { path: path.display().to_string(), source })?;
        Self::from_reader(file, platform, options)
    }

    /// Reads from anything, for example the standard input.
    ///
    /// # Errors
    /// `Read` or `Utf16`.
    pub fn from_reader(
        source: impl Read + Send + 'static,
        platform: PlatformId,
        options: Options,
    ) -> Result<Self, Error> {
        let bytes = Arc::new(AtomicU64::new(0));
        let mut source = Counting { source, bytes: Arc::clone(&bytes) };
        let failed = |source| Error::Read { line: 0, source };
        let first = first_bytes::<4>(&mut source).map_err(failed)?;
        let encoding = Encoding::from_first_bytes(&first);
        let mut text = opened(encoding, io::Cursor::new(first).chain(source), FILE_WINDOW_BYTES_MAX);
        let first = first_bytes::<3>(&mut text).map_err(failed)?;
        if matches!(first.as_slice(), [0xff, 0xfe, ..] | [0xfe, 0xff, ..]) {
            return Err(Error::Utf16);
        }
        let first = first.strip_prefix(b"\xef\xbb\xbf").map(<[u8]>::to_vec).unwrap_or(first);
        let text: Box<dyn Read + Send> = Box::new(io::Cursor::new(first).chain(text));
        let mut lines = Lines::new(text, ROW_BYTES_MAX);
        lines.set_quoting(match options.format {
            Some(Format::Separated(separator)) => separator.quoting(),
            Some(Format::Ndjson) => None,
            // Until the first row is seen: the kind of file in which a quote is dangerous.
            None => Separator::Comma.quoting(),
        });
        Ok(Self {
            lines,
            platform,
            options,
            shape: None,
            pair: None,
            joined: Vec::new(),
            unquoted: Unquoted::default(),
            rows: 0,
            comments: 0,
            bytes,
            failed: None,
        })
    }

    /// How far the reading is: after a batch is durable, its `rows` are what need not be read again.
    #[must_use]
    pub fn progress(&self) -> Progress {
        Progress {
            rows: self.rows,
            lines: self.lines.number(),
            comments: self.comments,
            bytes: self.bytes.load(Ordering::Relaxed),
        }
    }

    /// The next batch; `None` after the last row. A batch may have no events when its rows were all refused.
    ///
    /// # Errors
    /// `Read` when the file ends in damage: all rows before it were given out. `Header` on the first call.
    pub fn next_batch(&mut self) -> Result<Option<Batch>, Error> {
        if let Some(error) = self.failed.take() {
            return Err(error);
        }
        // Skipped rows are no batch: their events are durable already.
        let rows_before = self.rows.max(self.options.rows_skipped);
        let mut batch = Collecting::new(&self.platform, self.options.batch_events_max);
        while !batch.is_full() && batch.refused_total() < Refusals::KEPT_MAX as u64 {
            match self.next_row(&mut batch) {
                Ok(true) => {}
                Ok(false) => break,
                Err(error) if self.rows > rows_before => {
                    self.failed = Some(error);
                    break;
                }
                Err(error) => return Err(error),
            }
        }
        Ok((self.rows > rows_before).then(|| batch.finish()))
    }

    /// Reads one line or row; `false` at the end.
    fn next_row(&mut self, batch: &mut Collecting) -> Result<bool, Error> {
        let line = match self.next_line(Quote::Start)? {
            None => return Ok(false),
            Some(Line::Whole(line)) => line,
            Some(Line::TooLong(mut quote)) => {
                let number = self.lines.number();
                while quote == Quote::Inside {
                    quote = match self.next_line(quote)? {
                        None => break,
                        Some(Line::Whole(line)) => self.lines.quote_over(quote, &line),
                        Some(Line::TooLong(quote)) => quote,
                    };
                }
                self.rows += 1;
                if self.rows > self.options.rows_skipped {
                    batch.refuse(number, Why::LineIsTooLong);
                }
                return Ok(true);
            }
        };
        let bytes = self.lines.bytes(&line);
        if let Some(pair) = &self.pair
            && let Some((first, second)) = pair.read(bytes)
        {
            self.rows += 1;
            if self.rows > self.options.rows_skipped {
                let (follower, account) = if pair.follower_first { (first, second) } else { (second, first) };
                let (follower, account) = (AccountKey::Number(follower), AccountKey::Number(account));
                let line = self.lines.number();
                if let Err(why) = push(line, account, follower, self.options.at, batch) {
                    batch.refuse(line, why);
                }
            }
            return Ok(true);
        }
        if bytes.first() == Some(&b'#') {
            self.comments += 1;
            return Ok(true);
        }
        if bytes.iter().all(u8::is_ascii_whitespace) {
            return Ok(true);
        }
        let number = self.lines.number();
        let separator = self.separator(bytes);
        let row = self.whole_row(line, separator.and_then(Separator::quoting))?;
        if self.shape.is_none() && self.first_row(&row, separator)? {
            return Ok(true);
        }
        self.rows += 1;
        if self.rows <= self.options.rows_skipped {
            return Ok(true);
        }
        let bytes = match &row {
            Row::Line(line) => self.lines.bytes(line),
            Row::Joined => self.joined.as_slice(),
            Row::Refused(why) => {
                batch.refuse(number, *why);
                return Ok(true);
            }
        };
        let read = match &self.shape {
            None | Some(Shape::Ndjson) => object(bytes, number, &self.options, batch),
            Some(Shape::Separated(separator, layout)) => {
                let mut values = Values::default();
                match (&row, separator.quoting()) {
                    (Row::Joined, Some(quoting)) => {
                        self.unquoted.read(bytes, quoting);
                        for (value, column) in self.unquoted.values().zip(layout) {
                            values.set(*column, value);
                        }
                    }
                    _ => separator.split(bytes, |at, value| match layout.get(at) {
                        Some(column) => {
                            values.set(*column, value);
                            true
                        }
                        None => false,
                    }),
                }
                values.event(number, &self.options, batch)
            }
        };
        if let Err(why) = read {
            batch.refuse(number, why);
        }
        Ok(true)
    }

    /// `None` for objects.
    fn separator(&self, line: &[u8]) -> Option<Separator> {
        match (&self.shape, &self.options.format) {
            (Some(Shape::Separated(separator, _)), _) | (None, Some(Format::Separated(separator))) => {
                Some(*separator)
            }
            (Some(Shape::Ndjson), _) | (None, Some(Format::Ndjson)) => None,
            (None, None) => (!line.trim_ascii_start().starts_with(b"{")).then(|| Separator::guess(line)),
        }
    }

    /// Joins the lines of a row whose quotes span several.
    fn whole_row(&mut self, line: std::ops::Range<usize>, quoting: Option<u8>) -> Result<Row, Error> {
        let bytes = self.lines.bytes(&line);
        let Some(separator) = quoting.filter(|_| memchr(b'"', bytes).is_some()) else {
            let end = line.end - usize::from(bytes.last() == Some(&b'\r'));
            return Ok(Row::Line(line.start..end));
        };
        self.joined.clear();
        self.joined.extend_from_slice(bytes);
        let mut quote = Quote::Start.over(bytes, separator);
        let mut too_long = false;
        while quote == Quote::Inside {
            let line = match self.next_line(quote)? {
                None => return Ok(Row::Refused(Why::QuoteIsNotClosed)),
                Some(Line::Whole(line)) => line,
                Some(Line::TooLong(after)) => {
                    (too_long, quote) = (true, after);
                    continue;
                }
            };
            let bytes = self.lines.bytes(&line);
            quote = self.lines.quote_over(quote, &line);
            too_long |= self.joined.len() + bytes.len() >= ROW_BYTES_MAX;
            if !too_long {
                self.joined.push(b'\n');
                self.joined.extend_from_slice(bytes);
            }
        }
        if too_long {
            return Ok(Row::Refused(Why::LineIsTooLong));
        }
        if self.joined.last() == Some(&b'\r') {
            self.joined.pop();
        }
        Ok(Row::Joined)
    }

    /// Settles the shape; says whether the row was a header.
    fn first_row(&mut self, row: &Row, separator: Option<Separator>) -> Result<bool, Error> {
        let Some(separator) = separator else {
            self.lines.set_quoting(None);
            self.shape = Some(Shape::Ndjson);
            return Ok(false);
        };
        let text = |value: &[u8]| String::from_utf8_lossy(value).into_owned();
        let mut first: Vec<String> = Vec::new();
        match (row, separator.quoting()) {
            (Row::Joined, Some(quoting)) => {
                self.unquoted.read(&self.joined, quoting);
                first.extend(self.unquoted.values().map(text));
            }
            (Row::Line(line), _) => separator.split(self.lines.bytes(line), |_, value| {
                first.push(text(value));
                first.len() < COLUMNS_MAX
            }),
            (Row::Joined, None) | (Row::Refused(_), _) => {}
        }
        let (layout, is_header) = self.options.columns.layout(self.options.header, &first)?;
        self.lines.set_quoting(separator.quoting());
        self.pair = Pair::of(separator, &layout);
        self.shape = Some(Shape::Separated(separator, layout));
        Ok(is_header)
    }

    fn next_line(&mut self, quote: Quote) -> Result<Option<Line>, Error> {
        self.lines.next(quote).map_err(|source| Error::Read { line: self.lines.number(), source })
    }
}

/// Files whose rows are two accounts and no more, as most large ones are: a row of two plain decimals is read in one pass.
/// Every other row of them is read as in any file, and means the same.
#[derive(Debug, Clone, Copy)]
struct Pair {
    separator: u8,
    follower_first: bool,
}

impl Pair {
    fn of(separator: Separator, layout: &Layout) -> Option<Self> {
        let separator = match separator {
            Separator::Comma => b',',
            Separator::Semicolon => b';',
            Separator::Tab => b'\t',
            Separator::Space => b' ',
        };
        match layout.as_slice() {
            [Some(Column::Follower), Some(Column::Account)] => Some(Self { separator, follower_first: true }),
            [Some(Column::Account), Some(Column::Follower)] => {
                Some(Self { separator, follower_first: false })
            }
            _ => None,
        }
    }

    fn read(&self, row: &[u8]) -> Option<(u64, u64)> {
        let (first, rest) = decimal(row)?;
        let (second, rest) = decimal(rest.strip_prefix(&[self.separator])?)?;
        matches!(rest, b"" | b"\r").then_some((first, second))
    }
}

/// The decimal of up to 19 digits, without leading zero, that some bytes begin with, and what follows it.
#[inline]
fn decimal(bytes: &[u8]) -> Option<(u64, &[u8])> {
    let mut number = 0_u64;
    let mut len = 0;
    for byte in bytes {
        let digit = byte.wrapping_sub(b'0');
        if digit > 9 {
            break;
        }
        if len == 19 {
            return None;
        }
        number = number * 10 + u64::from(digit);
        len += 1;
    }
    if len == 0 || bytes.first() == Some(&b'0') {
        return None;
    }
    Some((number, bytes.get(len..)?))
}

/// The wanted values of one row.
#[derive(Default)]
struct Values<'r> {
    follower: Option<&'r [u8]>,
    account: Option<&'r [u8]>,
    at: Option<&'r [u8]>,
}

impl<'r> Values<'r> {
    fn set(&mut self, column: Option<Column>, value: &'r [u8]) {
        match column {
            Some(Column::Follower) => self.follower = Some(value),
            Some(Column::Account) => self.account = Some(value),
            Some(Column::At) => self.at = Some(value),
            Some(Column::Type | Column::Id) | None => {}
        }
    }

    fn event(&self, line: u64, options: &Options, batch: &mut Collecting) -> Result<(), Why> {
        let follower = key(self.follower, Column::Follower)?;
        let account = key(self.account, Column::Account)?;
        let at = if options.columns.has(Column::At) {
            let at = self.at.filter(|at| !at.is_empty()).ok_or(Why::FieldIsMissing(Column::At))?;
            time(at).ok_or(Why::TimeIsRefused)?
        } else {
            options.at
        };
        push(line, account, follower, at, batch)
    }
}

fn object(line: &[u8], number: u64, options: &Options, batch: &mut Collecting) -> Result<(), Why> {
    let line = std::str::from_utf8(line).map_err(|_| Why::LineIsNotUtf8)?;
    let place = |name: &str| match options.columns.of_field(name) {
        Some(column) => Place::Wanted(column),
        None if name == Column::Type.as_str() => Place::Wanted(Column::Type),
        None => Place::Skip,
    };
    let fields = Fields::read(line, &place)?;
    match fields.get(Column::Type) {
        None => {}
        Some(Value::Text(text)) if text == "follow" => {}
        Some(_) => return Err(Why::OnlyFollowsAreImported),
    }
    let follower = fields.need(Column::Follower)?.account(Column::Follower)?;
    let account = fields.need(Column::Account)?.account(Column::Account)?;
    let at = if options.columns.has(Column::At) {
        let at = match fields.need(Column::At)? {
            Value::Number(number) => when::seconds_or_millis(*number),
            Value::Text(text) => time(text.as_bytes()),
            Value::Other => None,
        };
        at.ok_or(Why::TimeIsRefused)?
    } else {
        options.at
    };
    push(number, account, follower, at, batch)
}

fn push(
    line: u64,
    account: AccountKey<'_>,
    follower: AccountKey<'_>,
    at: i64,
    batch: &mut Collecting,
) -> Result<(), Why> {
    // Refused here, with its line, because real exports are full of them and a log of refusals helps nobody.
    if account == follower {
        return Err(Why::AccountCannotFollowItself);
    }
    batch.push(line, &EdgeEvent { op: Op::Backfill, followee: account, follower, at, id: None });
    Ok(())
}

fn key(value: Option<&[u8]>, column: Column) -> Result<AccountKey<'_>, Why> {
    let value = value.filter(|value| !value.is_empty()).ok_or(Why::FieldIsMissing(column))?;
    // Most ids are short decimals, which are ASCII and need no look at the text.
    if value.first() != Some(&b'0')
        && value.len() < 20
        && let Some(number) = digits(value)
    {
        return Ok(AccountKey::Number(number));
    }
    let text = std::str::from_utf8(value).map_err(|_| Why::LineIsNotUtf8)?;
    AccountKey::parse(text).map_err(|error| Why::AccountIsRefused(column, error))
}

fn time(value: &[u8]) -> Option<i64> {
    if value.len() < 20
        && let Some(number) = digits(value)
    {
        return when::seconds_or_millis(number);
    }
    when::rfc3339(std::str::from_utf8(value).ok()?)
}

/// The number that up to 19 decimal digits are, which always fits.
fn digits(value: &[u8]) -> Option<u64> {
    value.iter().try_fold(0_u64, |number, byte| {
        let digit = byte.wrapping_sub(b'0');
        (digit < 10).then(|| number * 10 + u64::from(digit))
    })
}

struct Counting<R> {
    source: R,
    bytes: Arc<AtomicU64>,
}

impl<R: Read> Read for Counting<R> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        let read = self.source.read(out)?;
        self.bytes.fetch_add(read as u64, Ordering::Relaxed);
        Ok(read)
    }
}

/// Up to N first bytes, fewer only at the end.
fn first_bytes<const N: usize>(source: &mut impl Read) -> io::Result<Vec<u8>> {
    let mut first = Vec::with_capacity(N);
    source.by_ref().take(N as u64).read_to_end(&mut first)?;
    Ok(first)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Lines and events of all batches, read as a file of two columns.
    fn read(text: &str, short: bool) -> [Vec<(u64, String)>; 2] {
        let text = format!("follower,account\n{text}");
        let options = Options::new("follower,account".parse().unwrap(), 1_000);
        let platform = PlatformId::new("demo").unwrap();
        let mut follows =
            Follows::from_reader(io::Cursor::new(text.into_bytes()), platform, options).unwrap();
        let (mut events, mut refused) = (Vec::new(), Vec::new());
        loop {
            if !short {
                follows.pair = None;
            }
            let mut one = Collecting::new(&follows.platform, 1);
            let more = follows.next_row(&mut one).unwrap();
            let batch = one.finish();
            let said = batch.edges.events().map(|event| format!("{} {}", event.follower, event.followee));
            events.extend(batch.lines.iter().copied().zip(said));
            refused.extend(batch.refused.first().iter().map(|one| (one.line, one.why.to_string())));
            if !more {
                return [events, refused];
            }
        }
    }

    proptest! {
        #[test]
        fn a_row_read_in_one_pass_means_what_it_means_in_any_file(
            rows in proptest::collection::vec("[0-9]{0,3}[1-9]?[0-9]{0,18}( ?[,x]| ?,\"?)[0-9]{0,21}[\" ,\r]?", 0..12)
        ) {
            let text = rows.join("\n");
            prop_assume!(text.matches('"').count() % 2 == 0);
            prop_assert_eq!(read(&text, true), read(&text, false));
        }
    }
}

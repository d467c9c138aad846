//! The command log on disk: segments of records, one writer, one sync for an append however many records it has.
//!
//! After an error nothing is known about the end of the newest segment, so every call is refused until a reopen has
//! looked. The format is in `docs/formats/log.md`, the reasons in `docs/decisions/0002-command-log.md`.

use std::{
    hash::{BuildHasher, Hasher, RandomState},
    io,
    path::{Path, PathBuf},
    sync::Arc,
    thread::{self, JoinHandle},
};

use super::{
    One, Options,
    medium::{Medium, RawFile},
    record::{self, Header},
    scan::{self, Reader, Step, Tail},
    segment::{self, HEAD_BYTES, Head},
};
use crate::{
    CommandLog, Error, Records,
    command_log::{check_sizes, read_start},
};

/// Smallest segment, in bytes.
const SEGMENT_BYTES_MIN: u64 = 4096;
/// A group buffer larger than this is given back after the append.
const BUFFER_BYTES_KEPT: usize = 4 * 1024 * 1024;

/// What opening a log found and did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Recovered {
    /// Bytes of an interrupted write that were cut off behind the last record. Nothing in them was acknowledged,
    /// unless `damaged_tail` is set.
    pub dropped_bytes: u64,
    /// True where the operator's `drop_damaged_tail` gave up a write that may have been acknowledged.
    pub damaged_tail: bool,
    /// Records read and verified.
    pub records: u64,
}

/// A command log in a data directory; opened by [`super::DataDir::log`].
pub struct Log {
    medium: Arc<dyn Medium>,
    dir: PathBuf,
    options: Options,
    segments: Vec<Segment>,
    /// Segment appended to; `None` for a log without any segment.
    current: Option<Current>,
    last: u64,
    chain: u32,
    spare: Spare,
    /// The file whose write failed.
    failed: Option<PathBuf>,
    recovered: Recovered,
    buffer: Vec<u8>,
    _one: One,
}

#[derive(Clone)]
struct Segment {
    first: u64,
    path: PathBuf,
}

struct Current {
    file: Arc<dyn RawFile>,
    head: Head,
    path: PathBuf,
    at: u64,
}

enum Spare {
    None,
    Coming(JoinHandle<io::Result<()>>),
}

impl Log {
    pub(super) fn open(
        medium: Arc<dyn Medium>,
        dir: PathBuf,
        mut options: Options,
        one: One,
    ) -> Result<Self, Error> {
        options.segment_bytes = options.segment_bytes.max(SEGMENT_BYTES_MIN);
        let names = medium.list(&dir).map_err(|e| Error::file("list", &dir, e))?;
        if names.iter().any(|name| name == segment::SPARE) {
            let spare = dir.join(segment::SPARE);
            medium.remove(&spare).map_err(|e| Error::file("remove", &spare, e))?;
        }
        let segments: Vec<Segment> = names
            .iter()
            .filter_map(|name| Some(Segment { first: segment::first_of(name)?, path: dir.join(name) }))
            .collect();
        let mut log = Self {
            medium,
            dir,
            options,
            segments,
            current: None,
            last: 0,
            chain: 0,
            spare: Spare::None,
            failed: None,
            recovered: Recovered::default(),
            buffer: Vec::new(),
            _one: one,
        };
        log.recover()?;
        Ok(log)
    }

    /// What opening found.
    pub fn recovered(&self) -> Recovered {
        self.recovered
    }

    /// Reads and verifies every record kept, and returns how many there are.
    pub fn verify(&self) -> Result<u64, Error> {
        self.read_from(self.first())?.try_fold(0, |count, record| record.map(|_| count + 1))
    }

    fn recover(&mut self) -> Result<(), Error> {
        let Some((newest, older)) = self.segments.split_last() else { return Ok(()) };
        let (newest, older) = (newest.clone(), older.to_vec());
        let mut before: Option<(u64, u32)> = None;
        for (index, this) in older.iter().enumerate() {
            let next = older.get(index + 1).unwrap_or(&newest).first;
            let (head, file) = segment::open(&*self.medium, &this.path, this.first)?;
            if self.options.verify_all {
                follows(this, &head, before)?;
                let mut reader = Reader::new(Arc::clone(&file), head);
                while reader.position < next {
                    read_step(&mut reader, &this.path)?;
                }
                self.recovered.records += next - this.first;
                before = Some((next, reader.chain));
            }
        }
        self.recover_newest(&newest, before)
    }

    /// Finds the end of the newest segment, cuts a torn write off, and makes what is kept durable again.
    fn recover_newest(&mut self, newest: &Segment, before: Option<(u64, u32)>) -> Result<(), Error> {
        let path = &newest.path;
        let (head, file) = segment::open(&*self.medium, path, newest.first)?;
        follows(newest, &head, before)?;
        let mut reader = Reader::new(Arc::clone(&file), head);
        while let Step::Record(_) = reader.step().map_err(|e| Error::file("read", path, e))? {}
        let (at, position, chain, group_at) = (reader.at, reader.position, reader.chain, reader.group_at);
        self.recovered.records += position - newest.first;

        let mut rest = read_piece(&*file, path, at, head.bytes)?;
        let dropped = match scan::judge(&rest, at, position, chain, head.salt) {
            Tail::Clean => 0,
            Tail::Torn { bytes } => bytes,
            Tail::Damaged { what, acknowledged: true } => {
                return Err(Error::LogDamaged { file: path.clone(), offset: at, position, what });
            }
            Tail::Damaged { what, acknowledged: false } => {
                if !self.options.drop_damaged_tail {
                    return Err(Error::LogTailDamaged { file: path.clone(), offset: at, position, what });
                }
                self.recovered.damaged_tail = true;
                rest.len() as u64
            }
        };
        if dropped > 0 {
            rest.truncate(usize::try_from(dropped).unwrap_or(usize::MAX));
            rest.fill(0);
            file.write_at(&rest, at).map_err(|e| Error::file("write to", path, e))?;
        }
        // The newest group may be whole and yet only in the machine's memory (the process died before its sync, or
        // the sync failed). It is going to be answered from, so it is written once more before it is synced.
        let group = read_piece(&*file, path, group_at, at)?;
        file.write_at(&group, group_at).map_err(|e| Error::file("write to", path, e))?;
        file.sync_data().map_err(|e| Error::file("sync", path, e))?;
        super::sync_dir(&*self.medium, &self.dir)?;

        self.recovered.dropped_bytes = dropped;
        self.last = position - 1;
        self.chain = chain;
        self.current = Some(Current { file, head, path: path.clone(), at });
        self.prepare_when_half_full();
        Ok(())
    }

    fn refuse_after_failure(&self) -> Result<(), Error> {
        match &self.failed {
            None => Ok(()),
            Some(file) => Err(Error::MustReopen { file: file.clone() }),
        }
    }

    /// Writes one group: as many records as fit into the current segment (at least one, in a new one), one sync.
    /// Returns how many.
    fn append_group(&mut self, records: &[&[u8]]) -> Result<usize, Error> {
        let first_bytes = records.first().map_or(0, |record| record::record_bytes(record.len())) as u64;
        if self.current.as_ref().is_none_or(|current| current.at + first_bytes > current.head.bytes) {
            self.roll(first_bytes)?;
        }
        let Some(current) = &mut self.current else { return Ok(0) };
        self.buffer.clear();
        let (mut chain, mut count) = (self.chain, 0);
        for record in records {
            let end = current.at + self.buffer.len() as u64 + record::record_bytes(record.len()) as u64;
            let back = u32::try_from(count).unwrap_or(u32::MAX);
            if end > current.head.bytes || back == u32::MAX {
                break;
            }
            let position = self.last + 1 + u64::from(back);
            let Some(header) = Header::new(record, position, back, chain, current.head.salt) else { break };
            record::encode(&header, record, &mut self.buffer);
            chain = header.checksum;
            count += 1;
        }
        assert!(count > 0, "a segment that was made for a record takes it");
        // One write: it can only be interrupted between pages, which is what recovery expects.
        current
            .file
            .write_at(&self.buffer, current.at)
            .map_err(|e| Error::file("write to", &current.path, e))?;
        current.file.sync_data().map_err(|e| Error::file("sync", &current.path, e))?;
        current.at += self.buffer.len() as u64;
        self.chain = chain;
        self.last += count as u64;
        if self.buffer.capacity() > BUFFER_BYTES_KEPT {
            self.buffer = Vec::new();
        }
        self.prepare_when_half_full();
        Ok(count)
    }

    /// Begins a new segment that has room for a record of `record_bytes`.
    fn roll(&mut self, record_bytes: u64) -> Result<(), Error> {
        let needed = (HEAD_BYTES + record_bytes).next_multiple_of(SEGMENT_BYTES_MIN);
        let bytes = self.options.segment_bytes.max(needed);
        let coming = std::mem::replace(&mut self.spare, Spare::None);
        let ready = match coming {
            Spare::None => false,
            Spare::Coming(worker) => {
                // A spare that could not be made is made here instead, where the error has somebody to go to.
                let made =
                    worker.join().unwrap_or_else(|_| Err(io::Error::other("the preparing thread died")));
                made.is_ok() && bytes == self.options.segment_bytes
            }
        };
        if !ready {
            let spare = self.dir.join(segment::SPARE);
            segment::prepare(&*self.medium, &self.dir, bytes).map_err(|e| Error::file("make", &spare, e))?;
        }
        let head = Head { first: self.last + 1, bytes, chain: self.chain, salt: self.salt() };
        let (path, file) = segment::begin(&*self.medium, &self.dir, &head)?;
        self.segments.push(Segment { first: head.first, path: path.clone() });
        self.current = Some(Current { file, head, path, at: HEAD_BYTES });
        Ok(())
    }

    fn salt(&self) -> u32 {
        // The seed of a hash map is random enough: the salt only has to be unknown to who writes the payloads.
        let random = || RandomState::new().build_hasher().finish() as u32;
        self.options.salt.unwrap_or_else(random)
    }

    fn prepare_when_half_full(&mut self) {
        let half_full = self.current.as_ref().is_some_and(|current| current.at > current.head.bytes / 2);
        if !self.options.prepare_ahead || !half_full || !matches!(self.spare, Spare::None) {
            return;
        }
        let (medium, dir, bytes) = (Arc::clone(&self.medium), self.dir.clone(), self.options.segment_bytes);
        let work = move || segment::prepare(&*medium, &dir, bytes);
        if let Ok(worker) = thread::Builder::new().name("log-spare".to_owned()).spawn(work) {
            self.spare = Spare::Coming(worker);
        }
    }
}

impl Drop for Log {
    fn drop(&mut self) {
        // The lock must not be given back while the thread still writes.
        if let Spare::Coming(worker) = std::mem::replace(&mut self.spare, Spare::None) {
            let _ = worker.join();
        }
    }
}

impl CommandLog for Log {
    fn append(&mut self, records: &[&[u8]]) -> Result<u64, Error> {
        self.refuse_after_failure()?;
        check_sizes(records)?;
        let acknowledged = self.last;
        let mut rest = records;
        while !rest.is_empty() {
            match self.append_group(rest) {
                Ok(count) => rest = rest.get(count..).unwrap_or_default(),
                Err(error) => {
                    // Earlier groups of this append are durable, but nobody was told.
                    self.last = acknowledged;
                    self.failed =
                        Some(self.current.as_ref().map_or(&self.dir, |current| &current.path).clone());
                    return Err(error);
                }
            }
        }
        Ok(self.last)
    }

    fn read_from(&self, position: u64) -> Result<Records, Error> {
        self.refuse_after_failure()?;
        let start = read_start(position, self.first(), self.last)?;
        let from = self.segments.partition_point(|segment| segment.first <= start).saturating_sub(1);
        let segments = self.segments.get(from..).unwrap_or_default().to_vec();
        Ok(Box::new(Reading {
            medium: Arc::clone(&self.medium),
            segments: segments.into_iter(),
            open: None,
            before: None,
            next: start,
            last: self.last,
        }))
    }

    fn last(&self) -> u64 {
        self.last
    }

    fn first(&self) -> u64 {
        self.segments.first().map_or(self.last + 1, |segment| segment.first)
    }

    fn trim_before(&mut self, position: u64) -> Result<(), Error> {
        self.refuse_after_failure()?;
        if position > self.last + 1 {
            return Err(Error::BeyondTheEnd { position, last: self.last });
        }
        // Whole segments, oldest first, never the newest: it carries the position and the chain on.
        let mut removed = false;
        while let [oldest, next, ..] = self.segments.as_slice()
            && next.first <= position
        {
            match self.medium.remove(&oldest.path) {
                Ok(()) => {}
                // Gone already: an earlier trim was told of a failure after the file had been removed.
                Err(gone) if gone.kind() == io::ErrorKind::NotFound => {}
                Err(error) => return Err(Error::file("remove", &oldest.path, error)),
            }
            self.segments.remove(0);
            removed = true;
        }
        if removed { super::sync_dir(&*self.medium, &self.dir) } else { Ok(()) }
    }
}

/// Records of a log, segment by segment. Ends for good at the first error.
struct Reading {
    medium: Arc<dyn Medium>,
    segments: std::vec::IntoIter<Segment>,
    open: Option<Open>,
    /// Position and chain that the next segment must go on from.
    before: Option<(u64, u32)>,
    next: u64,
    last: u64,
}

struct Open {
    segment: Segment,
    reader: Reader,
    /// First position of the segment behind this one.
    end: u64,
}

impl Reading {
    fn read(&mut self) -> Result<Vec<u8>, Error> {
        loop {
            let Some(open) = &mut self.open else {
                self.open = Some(self.open_next()?);
                continue;
            };
            if open.reader.position == open.end {
                self.before = Some((open.end, open.reader.chain));
                self.open = None;
                continue;
            }
            let header = read_step(&mut open.reader, &open.segment.path)?;
            if header.position == self.next {
                return Ok(open.reader.payload().to_vec());
            }
        }
    }

    fn open_next(&mut self) -> Result<Open, Error> {
        let Some(segment) = self.segments.next() else {
            // The log was trimmed under a reader that is far behind.
            return Err(Error::Trimmed { position: self.next, first: self.last + 1 });
        };
        let (head, file) = segment::open(&*self.medium, &segment.path, segment.first)?;
        follows(&segment, &head, self.before)?;
        let end = self.segments.as_slice().first().map_or(self.last + 1, |next| next.first);
        Ok(Open { segment, reader: Reader::new(file, head), end })
    }
}

impl Iterator for Reading {
    type Item = Result<(u64, Vec<u8>), Error>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.next > self.last {
            return None;
        }
        let record = self.read().map(|payload| (self.next, payload));
        self.next = if record.is_ok() { self.next + 1 } else { u64::MAX };
        Some(record)
    }
}

/// The next record of a segment that must have one.
fn read_step(reader: &mut Reader, path: &Path) -> Result<Header, Error> {
    match reader.step().map_err(|e| Error::file("read", path, e))? {
        Step::Record(header) => Ok(header),
        Step::Stop => Err(Error::LogDamaged {
            file: path.to_owned(),
            offset: reader.at,
            position: reader.position,
            what: "its record does not verify, and the log goes on behind it".to_owned(),
        }),
    }
}

/// Refuses a segment that does not go on where the one before it ended.
fn follows(segment: &Segment, head: &Head, before: Option<(u64, u32)>) -> Result<(), Error> {
    let what = match before {
        Some((position, _)) if position != head.first => "the segment before it is missing",
        Some((_, chain)) if chain != head.chain => "it does not belong to the segment before it",
        Some(_) | None => return Ok(()),
    };
    Err(Error::LogDamaged {
        file: segment.path.clone(),
        offset: 0,
        position: before.map_or(head.first, |(position, _)| position),
        what: what.to_owned(),
    })
}

fn read_piece(file: &dyn RawFile, path: &Path, from: u64, to: u64) -> Result<Vec<u8>, Error> {
    let mut bytes = vec![0; usize::try_from(to.saturating_sub(from)).unwrap_or(usize::MAX)];
    file.read_at(&mut bytes, from).map_err(|e| Error::file("read", path, e))?;
    Ok(bytes)
}

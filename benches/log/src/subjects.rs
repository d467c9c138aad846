//! What is compared: each subject appends records durably and reads them back.
//!
//! Libraries get the settings that favour them: no compression, prefilled files where they have them.

use std::{
    fs::{self, File, OpenOptions},
    os::unix::fs::FileExt,
    path::Path,
};

use protobuf::well_known_types::BytesValue;
use storage::CommandLog as _;

/// Names, in the order of the first round.
pub const ALL: [&str; 5] = ["bare", "bare growing", "ours", "fjall", "raft-engine"];

/// Payload bytes that [`read_back`] finds.
pub const READ_BYTES: u64 = 600 * 10_000 * 16;

/// Something that keeps records.
pub trait Subject: Send {
    /// Durable on return.
    fn append(&mut self, records: &[&[u8]]);
}

/// Opens a subject on a fresh directory. Preparing files is not measured.
pub fn open(name: &str, dir: &Path) -> Box<dyn Subject> {
    fs::create_dir_all(dir).expect("directory");
    match name {
        "bare" => Box::new(Bare::open(dir, 128 << 20)),
        "bare growing" => Box::new(Bare::open(dir, 0)),
        "ours" => {
            let mut ours = Ours::open(dir, true);
            // The first append makes the first segment.
            ours.append(&[b""]);
            Box::new(ours)
        }
        "fjall" => Box::new(Fjall::open(dir)),
        "raft-engine" => Box::new(Raft::open(dir)),
        other => panic!("no subject `{other}`"),
    }
}

/// Opens what a subject left and reads all of it; returns payload bytes.
pub fn read_back(name: &str, dir: &Path) -> u64 {
    match name {
        "bare" | "bare growing" => {
            let mut file = File::open(dir.join("bare")).expect("open");
            let mut buffer = vec![0; 1 << 20];
            let (mut total, mut sum) = (0, 0u64);
            while total < READ_BYTES {
                let n = std::io::Read::read(&mut file, &mut buffer).expect("read") as u64;
                sum = sum.wrapping_add(u64::from(buffer[0]));
                total += n;
            }
            std::hint::black_box(sum);
            READ_BYTES
        }
        "ours" => {
            let ours = Ours::open(dir, false);
            ours.log.read_from(1).expect("read").map(|item| item.expect("record").1.len() as u64).sum()
        }
        "fjall" => {
            let fjall = Fjall::open(dir);
            fjall.keyspace.iter().map(|item| item.value().expect("value").len() as u64).sum()
        }
        "raft-engine" => {
            let raft = Raft::open(dir);
            let (first, last) =
                (raft.engine.first_index(1).expect("first"), raft.engine.last_index(1).expect("last"));
            let mut total = 0;
            let mut next = first;
            while next <= last {
                let mut some = Vec::new();
                let end = (next + 64).min(last + 1);
                raft.engine.fetch_entries_to::<Indexed>(1, next, end, None, &mut some).expect("fetch");
                total += some.iter().map(|entry| entry.get_value().len() as u64 - 8).sum::<u64>();
                next = end;
            }
            total
        }
        other => panic!("no subject `{other}`"),
    }
}

/// The limit: payload bytes and a sync, nothing else. Preallocated with zeros, or growing.
struct Bare {
    file: File,
    at: u64,
    room: u64,
    buffer: Vec<u8>,
}

impl Bare {
    fn open(dir: &Path, room: u64) -> Self {
        let file =
            OpenOptions::new().create(true).truncate(true).read(true).write(true).open(dir.join("bare"));
        let file = file.expect("open");
        let zeros = vec![0; 1 << 20];
        for at in (0..room).step_by(1 << 20) {
            file.write_all_at(&zeros, at).expect("zeros");
        }
        file.sync_all().expect("sync");
        Self { file, at: 0, room, buffer: Vec::new() }
    }
}

impl Subject for Bare {
    fn append(&mut self, records: &[&[u8]]) {
        self.buffer.clear();
        for record in records {
            self.buffer.extend_from_slice(record);
        }
        if self.room > 0 && self.at + self.buffer.len() as u64 > self.room {
            self.at = 0;
        }
        self.file.write_all_at(&self.buffer, self.at).expect("write");
        self.file.sync_data().expect("sync");
        self.at += self.buffer.len() as u64;
    }
}

/// The product's own log.
struct Ours {
    log: storage::disk::Log,
}

impl Ours {
    fn open(dir: &Path, prepare_ahead: bool) -> Self {
        // Verified while it is read, as the others do; a server also verifies when it opens.
        let options = storage::disk::Options { verify_all: false, prepare_ahead, ..Default::default() };
        let data = storage::disk::DataDir::open(dir, options).expect("open");
        Self { log: data.log().expect("log") }
    }
}

impl Subject for Ours {
    fn append(&mut self, records: &[&[u8]]) {
        self.log.append(records).expect("append");
    }
}

/// `fjall`: key = position, value = record, one batch a commit.
struct Fjall {
    database: fjall::Database,
    keyspace: fjall::Keyspace,
    next: u64,
}

impl Fjall {
    fn open(dir: &Path) -> Self {
        let database = fjall::Database::builder(dir)
            .journal_compression(fjall::CompressionType::None)
            .max_journaling_size(2 << 30)
            .open()
            .expect("open");
        let options = || {
            fjall::KeyspaceCreateOptions::default()
                .data_block_compression_policy(fjall::config::CompressionPolicy::disabled())
        };
        let keyspace = database.keyspace("log", options).expect("keyspace");
        Self { database, keyspace, next: 1 }
    }
}

impl Subject for Fjall {
    fn append(&mut self, records: &[&[u8]]) {
        let mut batch = self.database.batch().durability(Some(fjall::PersistMode::SyncData));
        for record in records {
            batch.insert(&self.keyspace, self.next.to_be_bytes(), *record);
            self.next += 1;
        }
        batch.commit().expect("commit");
    }
}

/// `raft-engine`: one group, entry index = position.
struct Raft {
    engine: raft_engine::Engine,
    next: u64,
}

struct Indexed;

impl raft_engine::MessageExt for Indexed {
    type Entry = BytesValue;

    fn index(entry: &Self::Entry) -> u64 {
        u64::from_le_bytes(entry.get_value()[..8].try_into().expect("8 bytes"))
    }
}

impl Raft {
    fn open(dir: &Path) -> Self {
        let config = raft_engine::Config {
            dir: dir.to_str().expect("path").to_owned(),
            batch_compression_threshold: raft_engine::ReadableSize::kb(0),
            target_file_size: raft_engine::ReadableSize::mb(64),
            enable_log_recycle: true,
            prefill_for_recycle: true,
            prefill_limit: Some(raft_engine::ReadableSize::mb(128)),
            ..Default::default()
        };
        Self { engine: raft_engine::Engine::open(config).expect("open"), next: 1 }
    }
}

impl Subject for Raft {
    fn append(&mut self, records: &[&[u8]]) {
        let entries: Vec<BytesValue> = records
            .iter()
            .map(|record| {
                let mut value = self.next.to_le_bytes().to_vec();
                value.extend_from_slice(record);
                self.next += 1;
                let mut entry = BytesValue::new();
                entry.set_value(value);
                entry
            })
            .collect();
        let mut batch = raft_engine::LogBatch::default();
        batch.add_entries::<Indexed>(1, &entries).expect("entries");
        self.engine.write(&mut batch, true).expect("write");
    }
}

//! How far an import is: one small file a source file, in `imports/` of the data folder.
//!
//! The name is a hash of the source's bytes, the platform and the columns, so a changed file is another import. Written
//! aside and renamed, so that it is either the old record or the new one.

use std::fs::{self, File};
use std::io::{Read, Write};
use std::path::{Path, PathBuf};

use anyhow::Context;
use connectors::files::Columns;
use serde::{Deserialize, Serialize};
use state::PlatformId;

use crate::progress::Progress;

/// Rows so far, of durable commands only.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Tally {
    pub(super) rows: u64,
    pub(super) loaded: u64,
    pub(super) duplicate: u64,
    pub(super) refused: u64,
}

/// How far an import is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Record {
    /// Time of rows that do not say when; kept, so that a resumed import gives its rows the same.
    pub(super) at: i64,
    pub(super) complete: bool,
    pub(super) tally: Tally,
    pub(super) first_refused: Vec<(u64, String)>,
    #[serde(skip)]
    path: Option<PathBuf>,
}

impl Record {
    /// A record that is never written.
    pub(super) fn unsaved(at: i64) -> Self {
        Self { at, complete: false, tally: Tally::default(), first_refused: Vec::new(), path: None }
    }

    /// The record of this source, or a new one.
    pub(super) fn open(
        data: &Path,
        source: &Path,
        platform: &PlatformId,
        columns: &Columns,
        at: i64,
    ) -> anyhow::Result<Self> {
        let mut hash = blake3::Hasher::new();
        hash.update(platform.as_str().as_bytes());
        hash.update(format!("\0{columns:?}\0").as_bytes());
        hash_file(source, &mut hash).with_context(|| format!("cannot read `{}`", source.display()))?;
        let path = data.join("imports").join(format!("{}.json", &hash.finalize().to_hex()[..32]));
        let mut record = match fs::read(&path) {
            Ok(bytes) => serde_json::from_slice(&bytes).with_context(|| {
                format!("`{}` is damaged; remove it to load the file again", path.display())
            })?,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Self::unsaved(at),
            Err(error) => return Err(error).with_context(|| format!("cannot read `{}`", path.display())),
        };
        record.path = Some(path);
        Ok(record)
    }

    /// Forgets what an earlier run recorded.
    pub(super) fn start_again(&mut self, at: i64) {
        *self = Self { path: self.path.take(), ..Self::unsaved(at) };
    }

    /// Writes the record, durably.
    pub(super) fn save(&self) -> anyhow::Result<()> {
        let Some(path) = &self.path else { return Ok(()) };
        let write = || -> std::io::Result<()> {
            let folder = path.parent().unwrap_or(Path::new("."));
            fs::create_dir_all(folder)?;
            let aside = path.with_extension("new");
            let mut file = File::create(&aside)?;
            file.write_all(&serde_json::to_vec(self)?)?;
            file.sync_all()?;
            fs::rename(&aside, path)?;
            File::open(folder)?.sync_all()
        };
        write().with_context(|| format!("cannot write `{}`", path.display()))
    }
}

fn hash_file(source: &Path, hash: &mut blake3::Hasher) -> std::io::Result<()> {
    let mut file = File::open(source)?;
    let all = file.metadata()?.len();
    let mut progress = Progress::new("looking whether the file was loaded before", "bytes");
    let mut buffer = vec![0; 1 << 20];
    let mut done = 0;
    loop {
        let read = file.read(&mut buffer)?;
        if read == 0 {
            return Ok(());
        }
        hash.update(buffer.get(..read).unwrap_or_default());
        done += read as u64;
        progress.set(done, all);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_is_found_again_by_content_platform_and_columns() {
        let folder = tempfile::tempdir().unwrap();
        let source = folder.path().join("follows.csv");
        fs::write(&source, "1,2\n").unwrap();
        let open = |source: &Path, platform: &str, columns: &str| {
            Record::open(
                folder.path(),
                source,
                &PlatformId::new(platform).unwrap(),
                &columns.parse().unwrap(),
                7,
            )
            .unwrap()
        };
        let mut record = open(&source, "demo", "follower,account");
        assert_eq!(record.tally, Tally::default());
        record.tally.rows = 1;
        record.first_refused.push((1, "too_old".into()));
        record.save().unwrap();

        assert_eq!(open(&source, "demo", "follower,account"), record);
        assert_eq!(open(&source, "other", "follower,account").tally.rows, 0);
        assert_eq!(open(&source, "demo", "account,follower").tally.rows, 0);
        let moved = folder.path().join("moved.csv");
        fs::write(&moved, "1,2\n").unwrap();
        assert_eq!(
            open(&moved, "demo", "follower,account").tally.rows,
            1,
            "the name of the file does not matter"
        );
        fs::write(&source, "1,3\n").unwrap();
        assert_eq!(open(&source, "demo", "follower,account").tally.rows, 0);
    }
}

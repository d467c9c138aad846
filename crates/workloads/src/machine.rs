//! What the machine is, and what others do on it while something is measured.

use std::collections::HashMap;
use std::fs::{self, File};
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::time::{Duration, Instant};

use crate::times::Times;

/// Syncs that are timed, and the longest they may take together.
const SYNCS: u64 = 200;
const SYNCS_FOR: Duration = Duration::from_secs(3);
/// Ticks a second in which the kernel counts processor time, everywhere Linux runs today.
const TICKS_A_SECOND: f64 = 100.0;

/// The part of the memory that is free that warming takes at most.
const WARMED_PART: u64 = 2;

/// Bytes that are warmed at the full sizes: more than any work grows by.
const WARMED: u64 = 4 << 30;

/// Has the system hand out memory for a work whose sizes are divided by `by`, and gives it back.
///
/// A virtual machine may give memory that nobody uses back to its host; whoever asks for it next waits ten times as long
/// for it as who asks soon after. That would be timed as part of whatever grows first, so each work, ours and the peers',
/// begins after this.
pub fn warm_memory(by: u32) {
    let available = memory_kb("MemAvailable") * 1024;
    let bytes = usize::try_from((WARMED / u64::from(by.max(1))).min(available / WARMED_PART)).unwrap_or(0);
    let mut memory: Vec<u8> = Vec::new();
    if memory.try_reserve_exact(bytes).is_ok() {
        memory.resize(bytes, 1);
        std::hint::black_box(&mut memory);
    }
}

/// A line of what the kernel says about memory; 0 where it does not.
fn memory_kb(name: &str) -> u64 {
    let text = fs::read_to_string("/proc/meminfo").unwrap_or_default();
    let line = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
    line.and_then(|line| line.split_whitespace().next()?.parse().ok()).unwrap_or(0)
}

/// What a figure depends on besides the programs.
#[derive(Clone, Debug, PartialEq)]
pub struct Facts {
    /// Processor model.
    pub processor: String,
    /// Processors that the system sees.
    pub cores: usize,
    /// Bytes of memory.
    pub memory_bytes: u64,
    /// Kernel release.
    pub kernel: String,
    /// File system of the measured folder.
    pub file_system: String,
    /// Median of a 4 KiB append with its sync, in microseconds.
    pub sync_us: f64,
    /// Load of the last minute, before measuring.
    pub load: String,
}

impl Facts {
    /// Looks, and syncs a small file in `folder` a few hundred times.
    ///
    /// # Errors
    /// When the folder cannot be written.
    pub fn look(folder: &Path) -> anyhow::Result<Self> {
        let read = |path: &str| fs::read_to_string(path).unwrap_or_default();
        let field = |text: &str, name: &str| {
            let line = text.lines().find(|line| line.starts_with(name))?;
            Some(line.split_once(':')?.1.trim().to_owned())
        };
        Ok(Self {
            processor: field(&read("/proc/cpuinfo"), "model name").unwrap_or_else(|| "unknown".into()),
            cores: std::thread::available_parallelism().map_or(1, usize::from),
            memory_bytes: memory_kb("MemTotal") * 1024,
            kernel: read("/proc/sys/kernel/osrelease").trim().to_owned(),
            file_system: file_system(folder, &read("/proc/self/mounts")),
            sync_us: sync_us(folder)?,
            load: read("/proc/loadavg").split_whitespace().next().unwrap_or("unknown").to_owned(),
        })
    }
}

fn file_system(folder: &Path, mounts: &str) -> String {
    let folder = folder.canonicalize().unwrap_or_else(|_| folder.to_owned());
    let mut best = (0, "unknown");
    for line in mounts.lines() {
        let mut words = line.split(' ').skip(1);
        if let (Some(place), Some(kind)) = (words.next(), words.next())
            && folder.starts_with(place)
            && place.len() >= best.0
        {
            best = (place.len(), kind);
        }
    }
    best.1.to_owned()
}

fn sync_us(folder: &Path) -> anyhow::Result<f64> {
    let path = folder.join("sync-probe");
    let file = File::create(&path)?;
    let block = [1u8; 4096];
    let mut times = Times::new();
    let started = Instant::now();
    for nth in 0..SYNCS {
        let one = Instant::now();
        file.write_all_at(&block, nth * 4096)?;
        file.sync_data()?;
        times.push(one.elapsed());
        if started.elapsed() > SYNCS_FOR {
            break;
        }
    }
    fs::remove_file(&path)?;
    Ok(times.median() * 1e6)
}

/// Processor time spent by this process and its children, and by everybody else, since it was made.
#[derive(Debug)]
pub struct Meanwhile {
    started: Instant,
    busy: f64,
    own: f64,
}

impl Default for Meanwhile {
    fn default() -> Self {
        Self::new()
    }
}

impl Meanwhile {
    /// From now on.
    #[must_use]
    pub fn new() -> Self {
        Self { started: Instant::now(), busy: busy_seconds(), own: own_seconds() }
    }

    /// Share of all processors that others used, 0 to 1. Coarse below a second.
    #[must_use]
    pub fn others(&self) -> f64 {
        let cores = std::thread::available_parallelism().map_or(1, usize::from) as f64;
        let others = (busy_seconds() - self.busy) - (own_seconds() - self.own);
        (others / (self.started.elapsed().as_secs_f64() * cores)).clamp(0.0, 1.0)
    }

    /// Waits until others leave the processors alone for half a second, at most `most`.
    pub fn wait_for_quiet(most: Duration) {
        let started = Instant::now();
        while started.elapsed() < most {
            let look = Meanwhile::new();
            std::thread::sleep(Duration::from_millis(500));
            if look.others() < 0.05 {
                return;
            }
        }
    }
}

fn busy_seconds() -> f64 {
    let stat = fs::read_to_string("/proc/stat").unwrap_or_default();
    let ticks: Vec<f64> = stat
        .lines()
        .next()
        .unwrap_or_default()
        .split_whitespace()
        .skip(1)
        .filter_map(|word| word.parse().ok())
        .collect();
    // user, nice, system, (idle, iowait,) irq, softirq
    [0, 1, 2, 5, 6].iter().filter_map(|place| ticks.get(*place)).sum::<f64>() / TICKS_A_SECOND
}

/// Of this process, those below it, and those below it that have ended and were waited for.
fn own_seconds() -> f64 {
    let mut parents: HashMap<u32, u32> = HashMap::new();
    let mut spent: HashMap<u32, f64> = HashMap::new();
    for entry in fs::read_dir("/proc").into_iter().flatten().flatten() {
        let Some(id) = entry.file_name().to_str().and_then(|name| name.parse::<u32>().ok()) else { continue };
        let Some(stat) = stat(id) else { continue };
        parents.insert(id, stat.parent);
        spent.insert(id, (stat.own + stat.ended) / TICKS_A_SECOND);
    }
    let own = std::process::id();
    let is_own = |id: u32| {
        let mut at = id;
        for _ in 0..64 {
            if at == own {
                return true;
            }
            match parents.get(&at) {
                Some(parent) => at = *parent,
                None => return false,
            }
        }
        false
    };
    spent.iter().filter(|(id, _)| is_own(**id)).map(|(_, seconds)| seconds).sum()
}

/// Processor seconds that a process has spent so far; `None` when there is none of that id.
#[must_use]
pub fn process_seconds(id: u32) -> Option<f64> {
    stat(id).map(|stat| stat.own / TICKS_A_SECOND)
}

/// What the kernel counts of a process.
struct Stat {
    parent: u32,
    /// Ticks of its own threads.
    own: f64,
    /// Ticks of those below it that have ended and were waited for.
    ended: f64,
}

fn stat(id: u32) -> Option<Stat> {
    let text = fs::read_to_string(format!("/proc/{id}/stat")).ok()?;
    // The name in brackets may hold anything; what follows the last bracket is numbers.
    let (_, rest) = text.rsplit_once(')')?;
    let words: Vec<&str> = rest.split_whitespace().collect();
    let number = |place: usize| words.get(place).and_then(|word| word.parse::<f64>().ok()).unwrap_or(0.0);
    Some(Stat { parent: number(1) as u32, own: number(11) + number(12), ended: number(13) + number(14) })
}

/// Bytes of this process in memory: all, and those that lie in no file.
#[must_use]
pub fn resident_bytes() -> (u64, u64) {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let of = |name: &str| {
        let line = status.lines().find(|line| line.starts_with(name))?;
        Some(line.split_whitespace().nth(1)?.parse::<u64>().ok()? * 1024)
    };
    (of("VmRSS:").unwrap_or(0), of("RssAnon:").unwrap_or(0))
}

/// Bytes of all files below a folder.
#[must_use]
pub fn folder_bytes(folder: &Path) -> u64 {
    fs::read_dir(folder)
        .into_iter()
        .flatten()
        .flatten()
        .map(|entry| match entry.metadata() {
            Ok(meta) if meta.is_dir() => folder_bytes(&entry.path()),
            Ok(meta) => meta.len(),
            Err(_) => 0,
        })
        .sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_machine_has_facts() {
        let facts = Facts::look(&std::env::temp_dir()).unwrap();
        assert!(facts.cores > 0);
        assert!(facts.sync_us > 0.0);
        let (all, anonymous) = resident_bytes();
        assert!(all >= anonymous);
    }

    #[test]
    fn the_longest_mount_point_says_which_file_system() {
        let mounts = "/dev/a / ext4 rw 0 0\ntmpfs /tmp tmpfs rw 0 0\n";
        assert_eq!(file_system(Path::new("/tmp"), mounts), "tmpfs");
        assert_eq!(file_system(Path::new("/"), mounts), "ext4");
    }
}

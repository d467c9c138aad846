//! Redis of the system, on loopback, with its append-only file synced every second or before every answer.
//!
//! One sorted set an account; the score holds "no attribute" above the day, so that the criterion is one range of scores
//! and the filter one command. The count is the size of the set.

use std::io::{BufRead, BufReader, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::process::{Command, Stdio};

use anyhow::{Context, ensure};
use workloads::{CUT_DAY, Protocol, requests_a_second};

use crate::process::{Running, free_address, wait_for};
use crate::suite::{Follow, Peer, Suite, by_account};

/// Members of one command of a load.
const MEMBERS: usize = 1_000;
/// Commands that are sent before answers are read.
const PIPELINE: usize = 100;
const CONNECTIONS: usize = 64;
const NO_ATTRIBUTE: u32 = 1 << 20;

struct Redis {
    connection: BufReader<TcpStream>,
    address: SocketAddr,
    version: String,
    mode: &'static str,
    _server: Running,
}

fn score(follow: &Follow) -> u32 {
    u32::from(follow.day) + if follow.flags == 0 { NO_ATTRIBUTE } else { 0 }
}

fn push(out: &mut Vec<u8>, words: &[&str]) {
    // Writing to a vector cannot fail.
    let _ = write!(out, "*{}\r\n", words.len());
    for word in words {
        let _ = write!(out, "${}\r\n{word}\r\n", word.len());
    }
}

fn push_follow(out: &mut Vec<u8>, follow: &Follow) {
    let (key, score, member) =
        (format!("f:{}", follow.followee), score(follow).to_string(), follow.follower.to_string());
    push(out, &["ZADD", &key, "NX", &score, &member]);
}

impl Redis {
    fn start(folder: &Path, mode: &'static str) -> anyhow::Result<Self> {
        let address = free_address()?;
        let server = Command::new("redis-server")
            .args(["--bind", "127.0.0.1", "--port", &address.port().to_string(), "--dir"])
            .arg(folder)
            .args(["--appendonly", "yes", "--appendfsync", mode, "--save", ""])
            .args(["--auto-aof-rewrite-percentage", "0", "--daemonize", "no"])
            .stdout(Stdio::null())
            .spawn()
            .context("cannot start `redis-server`: the Debian package is `redis-server`")?;
        let mut server = Running(server);
        wait_for(address, &mut server)?;
        let stream = TcpStream::connect(address)?;
        stream.set_nodelay(true)?;
        let mut redis = Self {
            connection: BufReader::new(stream),
            address,
            version: String::new(),
            mode,
            _server: server,
        };
        let info = redis.bulk(&["INFO", "server"])?;
        let version = info.lines().find_map(|line| line.strip_prefix("redis_version:"));
        redis.version = version.context("Redis does not say its version")?.trim().to_owned();
        Ok(redis)
    }

    fn send(&mut self, bytes: &[u8]) -> anyhow::Result<()> {
        Ok(self.connection.get_mut().write_all(bytes)?)
    }

    fn line(&mut self) -> anyhow::Result<String> {
        let mut line = String::new();
        self.connection.read_line(&mut line)?;
        ensure!(!line.starts_with('-'), "Redis answers `{}`", line.trim());
        Ok(line.trim_end().to_owned())
    }

    fn number(&mut self) -> anyhow::Result<u64> {
        let line = self.line()?;
        let number = line.strip_prefix(':').with_context(|| format!("Redis answers `{line}`"))?;
        Ok(number.parse()?)
    }

    fn ask(&mut self, words: &[&str]) -> anyhow::Result<u64> {
        let mut out = Vec::new();
        push(&mut out, words);
        self.send(&out)?;
        self.number()
    }

    fn order(&mut self, words: &[&str]) -> anyhow::Result<()> {
        let mut out = Vec::new();
        push(&mut out, words);
        self.send(&out)?;
        self.line().map(|_| ())
    }

    fn bulk(&mut self, words: &[&str]) -> anyhow::Result<String> {
        let mut out = Vec::new();
        push(&mut out, words);
        self.send(&out)?;
        let length: usize = self.line()?.trim_start_matches('$').parse()?;
        let mut bytes = vec![0; length + 2];
        std::io::Read::read_exact(&mut self.connection, &mut bytes)?;
        Ok(String::from_utf8(bytes)?)
    }

    /// Makes everything so far durable: one write that is synced before its answer.
    fn sync(&mut self) -> anyhow::Result<()> {
        self.order(&["CONFIG", "SET", "appendfsync", "always"])?;
        self.order(&["SET", "synced", "1"])?;
        let mode = self.mode;
        self.order(&["CONFIG", "SET", "appendfsync", mode])
    }

    fn load(&mut self, follows: &mut Vec<Follow>) -> anyhow::Result<()> {
        by_account(follows);
        let (mut out, mut commands, mut expected) = (Vec::new(), 0, 0);
        let mut added = 0;
        for of_one in follows.chunk_by(|one, next| one.followee == next.followee) {
            for chunk in of_one.chunks(MEMBERS) {
                let key = format!("f:{}", of_one.first().map_or(0, |follow| follow.followee));
                let mut words = vec!["ZADD".to_owned(), key];
                for follow in chunk {
                    words.push(score(follow).to_string());
                    words.push(follow.follower.to_string());
                }
                let words: Vec<&str> = words.iter().map(String::as_str).collect();
                push(&mut out, &words);
                commands += 1;
                expected += chunk.len() as u64;
                if commands == PIPELINE {
                    added += self.answers(&mut out, &mut commands)?;
                }
            }
        }
        added += self.answers(&mut out, &mut commands)?;
        ensure!(added == expected, "{added} of {expected} follows were new");
        self.sync()
    }

    fn answers(&mut self, out: &mut Vec<u8>, commands: &mut usize) -> anyhow::Result<u64> {
        self.send(out)?;
        out.clear();
        let mut sum = 0;
        for _ in 0..std::mem::take(commands) {
            sum += self.number()?;
        }
        Ok(sum)
    }

    /// All commands in one pipeline; answers come as they are done.
    fn commit(&mut self, follows: &[Follow]) -> anyhow::Result<u64> {
        let (mut out, mut new) = (Vec::with_capacity(follows.len() * 64), 0);
        // Both sides have buffers for a thousand commands; more could leave both waiting for the other to read.
        for part in follows.chunks(1_000) {
            out.clear();
            for follow in part {
                push_follow(&mut out, follow);
            }
            self.send(&out)?;
            for _ in part {
                new += self.number()?;
            }
        }
        Ok(new)
    }

    fn filter(&mut self, account: u32) -> anyhow::Result<u64> {
        let removed =
            self.ask(&["ZREMRANGEBYSCORE", &format!("f:{account}"), "-inf", &format!("({CUT_DAY}")])?;
        self.sync()?;
        Ok(removed)
    }

    fn copy(&mut self, from: &str, to: &str) -> anyhow::Result<()> {
        let copied = self.ask(&["COPY", from, to, "REPLACE"])?;
        ensure!(copied == 1, "Redis copied nothing");
        self.sync()
    }

    fn counts(&mut self, account: u32) -> anyhow::Result<(u64, u64)> {
        let key = format!("f:{account}");
        let kept = self.ask(&["ZCARD", &key])?;
        Ok((kept, self.ask(&["ZCOUNT", &key, "-inf", "+inf"])?))
    }

    fn note(&self) -> String {
        format!(
            "Redis {}, appendonly yes, appendfsync {}, save \"\", no rewrite; a sorted set an account",
            self.version, self.mode
        )
    }
}

/// Synced every second: an answer does not mean that it is on the disk.
pub struct Everysec(Redis);

/// Synced before every answer.
pub struct Always(Redis);

macro_rules! peer {
    ($name:ident, $works:expr, $mode:expr, $load_as:expr) => {
        impl Peer for $name {
            const WORKS: &'static [&'static str] = $works;

            fn start(folder: &Path) -> anyhow::Result<Self> {
                Redis::start(folder, $mode).map(Self)
            }

            fn note(&self) -> String {
                self.0.note()
            }

            fn load(&mut self, follows: &mut Vec<Follow>) -> anyhow::Result<()> {
                self.0.order(&["CONFIG", "SET", "appendfsync", $load_as])?;
                self.0.load(follows)
            }

            fn commit(&mut self, follows: &[Follow]) -> anyhow::Result<u64> {
                self.0.commit(follows)
            }

            fn filter(&mut self, account: u32) -> anyhow::Result<u64> {
                self.0.filter(account)
            }

            fn keep(&mut self, account: u32) -> anyhow::Result<()> {
                self.0.copy(&format!("f:{account}"), "kept")
            }

            fn restore(&mut self, account: u32) -> anyhow::Result<()> {
                self.0.copy("kept", &format!("f:{account}"))
            }

            fn counts(&mut self, account: u32) -> anyhow::Result<(u64, u64)> {
                self.0.counts(account)
            }

            fn single(&mut self, suite: &Suite) -> anyhow::Result<Option<Vec<f64>>> {
                single(self.0.address, suite).map(Some)
            }

            fn stop(self) -> anyhow::Result<()> {
                Ok(())
            }
        }
    };
}

peer!(Everysec, &["load", "filter", "stream_10k", "stream_100"], "everysec", "everysec");
// Its load is not measured, so it need not be synced while it runs.
peer!(Always, &["stream_10k", "stream_100", "single_http"], "always", "no");

/// One follow a request; the same client as for HTTP.
fn single(address: SocketAddr, suite: &Suite) -> anyhow::Result<Vec<f64>> {
    let graph = suite.graph.clone();
    let slices = (suite.plan.slices, suite.plan.slice);
    // Beyond what the streams before have sent.
    let first = 1 << 24;
    requests_a_second(address, Protocol::Redis, CONNECTIONS, slices, move |out, nth| {
        let edge = graph.stream(first + nth);
        let follow = Follow {
            followee: workloads::external(edge.followee),
            follower: workloads::external(edge.follower),
            day: CUT_DAY + 1_500,
            flags: graph.flags(edge.follower),
        };
        push_follow(out, &follow);
    })
}

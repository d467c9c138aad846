//! PostgreSQL of the system, on loopback: everything durable, memory as its own advice says for a machine of this size.

use std::io::Write;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, ensure};
use postgres::{Client, NoTls};
use workloads::CUT_DAY;

use crate::process::{Running, free_address, wait_for};
use crate::suite::{Follow, Peer};

const SETTINGS: &str = "fsync=on\nsynchronous_commit=on\nfull_page_writes=on\nautovacuum=on\nshared_buffers=4GB\n\
    maintenance_work_mem=1GB\nwork_mem=64MB\neffective_cache_size=12GB\nmax_wal_size=8GB\nmin_wal_size=1GB\n\
    checkpoint_timeout=15min\nwal_compression=off\nmax_connections=100\n";
const TABLES: &str =
    "CREATE TABLE follows(followee int NOT NULL, follower int NOT NULL, day smallint, flags smallint);
    CREATE TABLE counts(followee int PRIMARY KEY, n bigint NOT NULL) WITH (fillfactor=50)";
const COMMIT: &str = "WITH fresh AS (
      INSERT INTO follows SELECT * FROM unnest($1::int[], $2::int[], $3::smallint[], $4::smallint[])
      ON CONFLICT DO NOTHING RETURNING followee),
    sums AS (SELECT followee, count(*) AS n FROM fresh GROUP BY followee)
    INSERT INTO counts SELECT followee, n FROM sums
    ON CONFLICT (followee) DO UPDATE SET n = counts.n + excluded.n
    RETURNING (SELECT count(*) FROM fresh)";

pub struct Postgres {
    /// Beside the folder of the bench, because the server runs as another user who may not enter that one.
    folder: PathBuf,
    address: SocketAddr,
    client: Option<Client>,
    version: String,
    _server: Running,
}

/// The newest installed version.
fn programs() -> anyhow::Result<PathBuf> {
    let mut versions: Vec<PathBuf> = std::fs::read_dir("/usr/lib/postgresql")
        .context("PostgreSQL is not installed: the Debian package is `postgresql`")?
        .flatten()
        .map(|entry| entry.path().join("bin"))
        .filter(|bin| bin.join("initdb").is_file())
        .collect();
    versions.sort();
    versions.pop().context("no version of PostgreSQL has an `initdb`")
}

/// A program of PostgreSQL, which refuses to run as root.
fn unprivileged(program: &Path) -> anyhow::Result<Command> {
    let id = Command::new("id").arg("-u").output()?;
    if id.stdout.trim_ascii() != b"0" {
        return Ok(Command::new(program));
    }
    let mut command = Command::new("setpriv");
    command.args(["--reuid=postgres", "--regid=postgres", "--clear-groups"]).arg(program);
    Ok(command)
}

impl Postgres {
    fn connect(&self, database: &str) -> anyhow::Result<Client> {
        connect(self.address, database)
    }

    fn client(&mut self) -> anyhow::Result<&mut Client> {
        self.client.as_mut().context("not connected")
    }

    /// Runs a statement of the whole server, for which nobody may be in the database.
    fn outside(&mut self, statement: &str) -> anyhow::Result<()> {
        self.client = None;
        Ok(self.connect("postgres")?.batch_execute(statement)?)
    }
}

fn connect(address: SocketAddr, database: &str) -> anyhow::Result<Client> {
    let text = format!("host=127.0.0.1 port={} user=postgres dbname={database}", address.port());
    Ok(Client::connect(&text, NoTls)?)
}

fn done(status: std::process::ExitStatus, what: &str) -> anyhow::Result<()> {
    ensure!(status.success(), "{what} failed: {status}");
    Ok(())
}

impl Peer for Postgres {
    const WORKS: &'static [&'static str] = &["load", "filter", "stream_10k", "stream_100"];

    fn start(folder: &Path) -> anyhow::Result<Self> {
        let programs = programs()?;
        let outside = folder.parent().and_then(Path::parent).context("the folder has no place beside it")?;
        let folder = outside.join(format!("bench-postgres-{}", std::process::id()));
        std::fs::create_dir(&folder)?;
        let data = folder.join("data");
        if unprivileged(&programs)?.get_program() == "setpriv" {
            done(Command::new("chown").arg("postgres").arg(&folder).status()?, "chown")?;
        }
        let mut init = unprivileged(&programs.join("initdb"))?;
        init.arg("-D").arg(&data).args(["-U", "postgres", "-A", "trust", "-E", "UTF8", "--locale=C"]);
        done(init.current_dir("/").stdout(Stdio::null()).status()?, "initdb")?;
        let address = free_address()?;
        let mut file = std::fs::File::options().append(true).open(data.join("postgresql.conf"))?;
        write!(
            file,
            "listen_addresses='127.0.0.1'\nport={}\nunix_socket_directories=''\n{SETTINGS}",
            address.port()
        )?;
        drop(file);
        let log = std::fs::File::create(folder.join("log"))?;
        let server = unprivileged(&programs.join("postgres"))?
            .arg("-D")
            .arg(&data)
            .current_dir("/")
            .stdout(Stdio::null())
            .stderr(log)
            .spawn()?;
        let mut server = Running(server);
        wait_for(address, &mut server)?;
        let mut first = loop {
            match connect(address, "postgres") {
                Ok(client) => break client,
                Err(_) => std::thread::sleep(std::time::Duration::from_millis(100)),
            }
        };
        first.batch_execute("CREATE DATABASE follows")?;
        let version: String = first.query_one("SHOW server_version", &[])?.get(0);
        drop(first);
        let mut client = connect(address, "follows")?;
        client.batch_execute(TABLES)?;
        Ok(Self { folder, address, client: Some(client), version, _server: server })
    }

    fn note(&self) -> String {
        let settings = SETTINGS.trim_end().replace('\n', " ");
        format!("PostgreSQL {}, {settings}; binary COPY, then the primary key", self.version)
    }

    fn load(&mut self, follows: &mut Vec<Follow>) -> anyhow::Result<()> {
        let client = self.client()?;
        let mut copy = client.copy_in("COPY follows FROM STDIN WITH (FORMAT binary)")?;
        let mut bytes = Vec::with_capacity(1 << 20);
        bytes.extend_from_slice(b"PGCOPY\n\xff\r\n\0");
        bytes.extend_from_slice(&[0; 8]);
        for follow in follows.iter() {
            bytes.extend_from_slice(&4i16.to_be_bytes());
            for id in [follow.followee, follow.follower] {
                bytes.extend_from_slice(&4i32.to_be_bytes());
                bytes.extend_from_slice(&id.to_be_bytes());
            }
            for small in [follow.day, u16::from(follow.flags)] {
                bytes.extend_from_slice(&2i32.to_be_bytes());
                bytes.extend_from_slice(&small.to_be_bytes());
            }
            if bytes.len() > (1 << 20) - 64 {
                copy.write_all(&bytes)?;
                bytes.clear();
            }
        }
        bytes.extend_from_slice(&(-1i16).to_be_bytes());
        copy.write_all(&bytes)?;
        copy.finish()?;
        Ok(client.batch_execute(
            "ALTER TABLE follows ADD PRIMARY KEY (followee, follower);
             INSERT INTO counts SELECT followee, count(*) FROM follows GROUP BY followee",
        )?)
    }

    fn commit(&mut self, follows: &[Follow]) -> anyhow::Result<u64> {
        let ids = |of: fn(&Follow) -> u32| follows.iter().map(|f| of(f) as i32).collect::<Vec<i32>>();
        let (followees, followers) = (ids(|f| f.followee), ids(|f| f.follower));
        let days: Vec<i16> = follows.iter().map(|f| f.day as i16).collect();
        let flags: Vec<i16> = follows.iter().map(|f| i16::from(f.flags)).collect();
        let client = self.client()?;
        let rows = client.query(COMMIT, &[&followees, &followers, &days, &flags])?;
        Ok(rows.first().map_or(0, |row| row.get::<_, i64>(0) as u64))
    }

    fn filter(&mut self, account: u32) -> anyhow::Result<u64> {
        let mut transaction = self.client()?.transaction()?;
        let (account, cut) = (account as i32, CUT_DAY as i16);
        let removed = transaction
            .execute("DELETE FROM follows WHERE followee=$1 AND flags<>0 AND day<$2", &[&account, &cut])?;
        transaction.execute("UPDATE counts SET n=n-$1 WHERE followee=$2", &[&(removed as i64), &account])?;
        transaction.commit()?;
        Ok(removed)
    }

    fn keep(&mut self, _: u32) -> anyhow::Result<()> {
        for statement in ["VACUUM ANALYZE", "CHECKPOINT"] {
            self.client()?.batch_execute(statement)?;
        }
        self.outside("ALTER DATABASE follows RENAME TO kept")?;
        self.restore(0)
    }

    fn restore(&mut self, _: u32) -> anyhow::Result<()> {
        self.outside("DROP DATABASE IF EXISTS follows")?;
        self.outside("CREATE DATABASE follows TEMPLATE kept")?;
        let mut client = self.connect("follows")?;
        client.batch_execute("CHECKPOINT")?;
        client.batch_execute("SELECT count(day) FROM follows")?;
        self.client = Some(client);
        Ok(())
    }

    fn counts(&mut self, account: u32) -> anyhow::Result<(u64, u64)> {
        let client = self.client()?;
        let mut one = |sql: &str| -> anyhow::Result<u64> {
            Ok(client.query_one(sql, &[&(account as i32)])?.get::<_, i64>(0) as u64)
        };
        let kept = one("SELECT n FROM counts WHERE followee=$1")?;
        Ok((kept, one("SELECT count(day) FROM follows WHERE followee=$1")?))
    }

    fn stop(mut self) -> anyhow::Result<()> {
        self.client = None;
        Ok(())
    }
}

impl Drop for Postgres {
    fn drop(&mut self) {
        // A polite way to end at once; killing it outright would leave its children to themselves for a while.
        let id = self._server.0.id().to_string();
        let _ = Command::new("kill").args(["-INT", &id]).status();
        let _ = self._server.0.wait();
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}

//! Servers of peers: a free port, a guard that kills by id, files that are copied.

use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::process::Child;
use std::time::{Duration, Instant};

use anyhow::bail;

/// A server that is killed, by its own id, when this goes.
pub struct Running(pub Child);

impl Drop for Running {
    fn drop(&mut self) {
        // Both can only fail when it has gone already.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// A loopback address that was free a moment ago.
pub fn free_address() -> anyhow::Result<SocketAddr> {
    Ok(TcpListener::bind("127.0.0.1:0")?.local_addr()?)
}

/// Waits until somebody listens.
pub fn wait_for(address: SocketAddr, running: &mut Running) -> anyhow::Result<()> {
    let deadline = Instant::now() + Duration::from_secs(30);
    while TcpStream::connect(address).is_err() {
        if running.0.try_wait()?.is_some() || Instant::now() > deadline {
            bail!("the server does not answer on {address}");
        }
        std::thread::sleep(Duration::from_millis(50));
    }
    Ok(())
}

/// Copies a file and makes the copy durable, so that its writing does not fall into the next measurement.
pub fn copy(from: &Path, to: &Path) -> anyhow::Result<()> {
    std::fs::copy(from, to)?;
    std::fs::File::open(to)?.sync_all()?;
    Ok(())
}

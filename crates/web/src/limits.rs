//! Every bound of the HTTP surface, with its name.
//!
//! They hold for all clients together, not per key: what they protect is this process's memory.

use std::time::Duration;

/// Bounds of the server; the defaults are meant for production.
#[derive(Debug, Clone)]
pub struct Limits {
    /// Connections open at once; the next one waits in the kernel's queue.
    pub connections_max: usize,
    /// Time a client has at least to send a request's head, also on a kept-alive connection; less than twice this.
    pub head_read_timeout: Duration,
    /// Bytes of a request's head.
    pub head_bytes_max: usize,
    /// Time a client has to send a whole body.
    pub body_read_timeout: Duration,
    /// Time without progress after which an answer is given up.
    pub write_stall_timeout: Duration,
    /// Bytes of a JSON body as sent, and after decompression.
    pub json_bytes_max: usize,
    /// Bytes of an ingest body as sent.
    pub ingest_bytes_max: usize,
    /// Bytes of an ingest body after decompression.
    pub ingest_expanded_bytes_max: usize,
    /// Bytes of one ingest line.
    pub line_bytes_max: usize,
    /// Lines put into one command.
    pub batch_lines_max: usize,
    /// Bytes of request bodies held in memory at once, over all connections.
    pub bodies_bytes_max: usize,
    /// Items in one JSON batch.
    pub items_max: usize,
    /// Longest wait for a minimum position.
    pub position_wait_max: Duration,
    /// Idempotency keys remembered.
    pub idempotency_keys_max: usize,
    /// Bytes of stored answers over all idempotency keys.
    pub idempotency_bytes_max: usize,
    /// Results listed in an ingest answer; beyond it the list says that it is not complete.
    pub results_listed_max: usize,
    /// Time a graceful stop waits for running requests.
    pub shutdown_grace: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            connections_max: 16_384,
            head_read_timeout: Duration::from_secs(10),
            head_bytes_max: 16 * 1024,
            body_read_timeout: Duration::from_secs(30),
            write_stall_timeout: Duration::from_secs(20),
            json_bytes_max: 2 * 1024 * 1024,
            ingest_bytes_max: 16 * 1024 * 1024,
            ingest_expanded_bytes_max: 128 * 1024 * 1024,
            line_bytes_max: 4 * 1024,
            batch_lines_max: 10_000,
            bodies_bytes_max: 256 * 1024 * 1024,
            items_max: 1_000,
            position_wait_max: Duration::from_secs(2),
            idempotency_keys_max: 16_384,
            idempotency_bytes_max: 32 * 1024 * 1024,
            results_listed_max: 10_000,
            shutdown_grace: Duration::from_secs(10),
        }
    }
}

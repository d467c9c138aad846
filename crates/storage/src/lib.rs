//! Bytes that survive: a command log, snapshots and blobs behind three small contracts.

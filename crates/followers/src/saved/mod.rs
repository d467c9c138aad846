//! The whole state as bytes, and back.
//!
//! The layout is described in `docs/formats/followers.md`. Bytes depend on what is known, not on how it lies in
//! memory: a set that grew in another order, or was loaded, gives the same bytes.

mod bytes;
mod column;
mod facts;
mod frame;
mod load;
mod pack;
mod packed;
mod save;
mod sets;

pub(crate) use bytes::put_varint;
pub(crate) use packed::Packed;
pub use save::Pinned;

/// Why saved bytes were not loaded.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum LoadError {
    /// The bytes are not a saved engine.
    #[error("the bytes are not saved follower sets")]
    NotFollowers,
    /// Saved by a version this one cannot read.
    #[error(
        "saved follower sets have version `{0}`, which this build cannot read; use the build that wrote them"
    )]
    UnknownVersion(u16),
    /// Saved under other limits that decide outcomes, or with more accounts than these allow.
    #[error("saved under other limits; start with the limits the log was written under")]
    OtherLimits,
    /// Damaged; names where.
    #[error("saved follower sets are damaged at byte `{offset}`: {what}; take an older snapshot")]
    Damaged {
        /// Offset of the frame that is damaged.
        offset: u64,
        /// What is wrong with it.
        what: &'static str,
    },
}

/// Something that cannot be in a frame; the frame adds where.
type What = &'static str;

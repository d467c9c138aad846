//! The bytes of one sealed record; the layout is in `docs/formats/vault.md` and pinned by `golden/`.
//!
//! Tenant and holder stand in the record, so that a record copied over another one is told from a changed one
//! and so that re-wrapping needs no list from outside.

use crate::envelope::{Binding, SCHEMA, SUITE, SealedField, TAG_BYTES};
use crate::error::Error;
use crate::keys::Wrapped;
use crate::limits::{
    FIELD_ID_BYTES_MAX, FIELDS_MAX, HOLDER_BYTES_MAX, PADDING_BLOCK_BYTES, TENANT_BYTES_MAX, VALUE_BYTES_MAX,
    WRAPPED_BYTES_MAX,
};

const MAGIC: &[u8; 8] = b"NPSEAL01";

/// A record as it is stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Record {
    pub(crate) tenant: String,
    pub(crate) holder: String,
    pub(crate) generation: u32,
    pub(crate) commit_nonce: [u8; 32],
    pub(crate) commitment: [u8; 32],
    pub(crate) provider: [u8; 16],
    pub(crate) wrapped: Wrapped,
    /// Sorted by id, each id once.
    pub(crate) fields: Vec<SealedField>,
}

impl Record {
    pub(crate) fn binding(&self) -> Binding<'_> {
        Binding { tenant: &self.tenant, holder: &self.holder, generation: self.generation }
    }

    pub(crate) fn encode(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(512);
        out.extend_from_slice(MAGIC);
        out.push(SUITE);
        out.extend_from_slice(&SCHEMA.to_le_bytes());
        out.extend_from_slice(&self.generation.to_le_bytes());
        put(&mut out, self.tenant.as_bytes());
        put(&mut out, self.holder.as_bytes());
        out.extend_from_slice(&self.commit_nonce);
        out.extend_from_slice(&self.commitment);
        out.extend_from_slice(&self.provider);
        out.extend_from_slice(&self.wrapped.version.to_le_bytes());
        put(&mut out, &self.wrapped.bytes);
        #[expect(clippy::expect_used, reason = "seal refuses more than 32 fields")]
        out.extend_from_slice(&u16::try_from(self.fields.len()).expect("at most 32 fields").to_le_bytes());
        for field in &self.fields {
            put(&mut out, field.id.as_bytes());
            out.extend_from_slice(&field.nonce);
            put(&mut out, &field.sealed);
        }
        out
    }

    /// Reads a record back. Everything is refused that `encode` would not have written.
    pub(crate) fn decode(bytes: &[u8]) -> Result<Self, Error> {
        Self::read(&mut Bytes(bytes)).ok_or(Error::Refused)
    }

    fn read(bytes: &mut Bytes<'_>) -> Option<Self> {
        (bytes.array()? == *MAGIC).then_some(())?;
        (bytes.array()? == [SUITE]).then_some(())?;
        (u16::from_le_bytes(bytes.array()?) == SCHEMA).then_some(())?;
        let generation = u32::from_le_bytes(bytes.array()?);
        let tenant = bytes.text(TENANT_BYTES_MAX)?;
        let holder = bytes.text(HOLDER_BYTES_MAX)?;
        let commit_nonce = bytes.array()?;
        let commitment = bytes.array()?;
        let provider = bytes.array()?;
        let version = u32::from_le_bytes(bytes.array()?);
        let wrapped = Wrapped { version, bytes: bytes.part(WRAPPED_BYTES_MAX)?.to_vec() };
        let count = usize::from(u16::from_le_bytes(bytes.array()?));
        (count <= FIELDS_MAX).then_some(())?;
        let mut fields: Vec<SealedField> = Vec::with_capacity(count);
        for _ in 0..count {
            let id = bytes.text(FIELD_ID_BYTES_MAX)?;
            let nonce = bytes.array()?;
            let sealed = bytes.part(VALUE_BYTES_MAX + PADDING_BLOCK_BYTES + TAG_BYTES)?.to_vec();
            fields.last().is_none_or(|last| last.id < id).then_some(())?;
            fields.push(SealedField { id, nonce, sealed });
        }
        bytes.0.is_empty().then_some(Self {
            tenant,
            holder,
            generation,
            commit_nonce,
            commitment,
            provider,
            wrapped,
            fields,
        })
    }
}

/// A u16 length and the bytes; everything that is put is bounded below 64 KiB by `limits`.
fn put(out: &mut Vec<u8>, part: &[u8]) {
    #[expect(
        clippy::expect_used,
        reason = "callers bound every part by `limits`, the largest is 4144 bytes"
    )]
    out.extend_from_slice(&u16::try_from(part.len()).expect("a part is below 64 KiB").to_le_bytes());
    out.extend_from_slice(part);
}

/// What is left to read.
pub(crate) struct Bytes<'a>(pub(crate) &'a [u8]);

impl<'a> Bytes<'a> {
    pub(crate) fn array<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (head, rest) = self.0.split_first_chunk::<N>()?;
        self.0 = rest;
        Some(*head)
    }

    fn part(&mut self, max: usize) -> Option<&'a [u8]> {
        let len = usize::from(u16::from_le_bytes(self.array()?));
        (len <= max).then_some(())?;
        let (part, rest) = self.0.split_at_checked(len)?;
        self.0 = rest;
        Some(part)
    }

    fn text(&mut self, max: usize) -> Option<String> {
        let part = self.part(max)?;
        (!part.is_empty()).then_some(())?;
        String::from_utf8(part.to_vec()).ok()
    }
}

#[cfg(test)]
mod tests {
    use proptest::collection::vec;
    use proptest::prelude::*;

    use super::{Record, SealedField, Wrapped};

    fn record() -> impl Strategy<Value = Record> {
        let field = ("[a-z_]{1,64}", any::<[u8; 24]>(), vec(any::<u8>(), 0..200));
        (
            ("\\PC{1,32}", "\\PC{1,32}", any::<u32>(), any::<[u8; 32]>(), any::<[u8; 32]>()),
            (any::<[u8; 16]>(), any::<u32>(), vec(any::<u8>(), 0..100), vec(field, 0..5)),
        )
            .prop_map(|((tenant, holder, generation, commit_nonce, commitment), rest)| {
                let (provider, version, bytes, mut fields) = rest;
                fields.sort();
                fields.dedup_by(|left, right| left.0 == right.0);
                let fields =
                    fields.into_iter().map(|(id, nonce, sealed)| SealedField { id, nonce, sealed }).collect();
                let wrapped = Wrapped { version, bytes };
                Record { tenant, holder, generation, commit_nonce, commitment, provider, wrapped, fields }
            })
    }

    proptest! {
        #[test]
        fn a_record_reads_back_as_it_was(record in record()) {
            prop_assert!(Record::decode(&record.encode()).is_ok_and(|read| read == record));
        }

        #[test]
        fn a_cut_or_longer_record_is_refused(record in record(), cut in any::<prop::sample::Index>()) {
            let mut bytes = record.encode();
            prop_assert!(Record::decode(&bytes[..cut.index(bytes.len())]).is_err());
            bytes.push(0);
            prop_assert!(Record::decode(&bytes).is_err());
        }

        #[test]
        fn any_bytes_are_read_without_panic(bytes in vec(any::<u8>(), 0..400), good in record(), at in any::<prop::sample::Index>()) {
            let _ = Record::decode(&bytes);
            let mut changed = good.encode();
            let at = at.index(changed.len());
            changed.splice(at.., bytes);
            if let Ok(read) = Record::decode(&changed) {
                // Whatever is accepted is the only way to write it.
                prop_assert_eq!(read.encode(), changed);
            }
        }
    }
}

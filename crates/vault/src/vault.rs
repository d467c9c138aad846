//! Seal, reveal, forget: what the rest of the house may ask of the vault.
//!
//! There is no list of holders and no search by value here, and there is not meant to be one: the vault answers
//! about one holder at a time.

use std::fmt;
use std::path::Path;
use std::sync::{Mutex, MutexGuard, PoisonError};

use sha2::{Digest, Sha256};
use storage::Blobs;

use crate::cache::{Cache, Opened};
use crate::envelope::{self, Binding, SealedField};
use crate::error::Error;
use crate::framing::{DOMAIN, framed};
use crate::keys::KeyProvider;
use crate::limits;
use crate::random::{self, Fill};
use crate::record::Record;
use crate::ring::{KeyRing, Opener};
use crate::secret::{SEALED, Secret};

const PREFIX: &str = "identity/";
const WRITERS: usize = 64;

/// A holder's opaque id, 1 to `limits::HOLDER_BYTES_MAX` bytes. Never a name or a document number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HolderRef<'a>(pub &'a str);

/// What a seal leaves for the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sealed {
    /// Commits to the data key and everything sealed; may be public.
    pub commitment: [u8; 32],
    /// 1 for a holder's first seal, one more with each.
    pub generation: u32,
}

/// How far a rewrap is, in records.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Rewrapped {
    /// Now under the newest key version, and were not before.
    pub rewrapped: u64,
    /// Were under the newest version already.
    pub current: u64,
    /// Did not open. Old key versions must stay while this is not 0.
    pub refused: u64,
}

/// Identities sealed per holder, over any store of blobs.
pub struct Vault<B> {
    blobs: B,
    keys: Box<dyn KeyProvider>,
    cache: Cache,
    /// Held across the write, on purpose: two seals of one holder must not both become generation 3. Readers
    /// never take these.
    writers: Vec<Mutex<()>>,
}

impl<B> fmt::Debug for Vault<B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(SEALED)
    }
}

impl<B: Blobs> Vault<B> {
    /// Makes a new key ring at `ring` and a vault under it.
    ///
    /// # Errors
    /// Those of `KeyRing::create`.
    pub fn create(blobs: B, opener: &Opener, ring: &Path) -> Result<Self, Error> {
        Ok(Self::with_keys(blobs, Box::new(KeyRing::create(ring, opener)?)))
    }

    /// Opens the key ring at `ring` and a vault under it.
    ///
    /// # Errors
    /// Those of `KeyRing::open`.
    pub fn open(blobs: B, opener: &Opener, ring: &Path) -> Result<Self, Error> {
        Ok(Self::with_keys(blobs, Box::new(KeyRing::open(ring, opener)?)))
    }

    /// A vault whose data keys any provider wraps.
    #[must_use]
    pub fn with_keys(blobs: B, keys: Box<dyn KeyProvider>) -> Self {
        let writers = (0..WRITERS).map(|_| Mutex::default()).collect();
        Self { blobs, keys, cache: Cache::new(limits::CACHE_BYTES_MAX), writers }
    }

    /// Bounds the memory of opened records; 0 keeps none.
    #[must_use]
    pub fn with_cache_bytes_max(mut self, bytes_max: usize) -> Self {
        self.cache = Cache::new(bytes_max);
        self
    }

    /// Seals a holder's whole record under a new data key; durable on return. What was sealed before is destroyed.
    ///
    /// Seal before the log names it: a logged commitment must never point at a record that is not on disk.
    ///
    /// # Errors
    /// `OutOfBounds` or `FieldTwice` for what was given; `Storage`, `Provider` or `Randomness` when it could not be
    /// stored, and then the former record may still stand or be gone: seal again.
    pub fn seal(
        &self,
        tenant: &str,
        holder: HolderRef<'_>,
        fields: &[(&str, Secret)],
    ) -> Result<Sealed, Error> {
        self.seal_from(tenant, holder, fields, &mut random::system)
    }

    pub(crate) fn seal_from(
        &self,
        tenant: &str,
        HolderRef(holder): HolderRef<'_>,
        fields: &[(&str, Secret)],
        fill: Fill<'_>,
    ) -> Result<Sealed, Error> {
        check_ids(tenant, holder)?;
        let fields = check_fields(fields)?;
        let key = blob_key(tenant, holder);
        let _writing = self.writer(&key);
        let generation = self.generation_after(&key)?;
        let binding = Binding { tenant, holder, generation };

        let data_key = random::key(fill)?;
        let commit_nonce = random::bytes(fill)?;
        let mut sealed: Vec<SealedField> = Vec::with_capacity(fields.len());
        for (id, value) in fields {
            sealed.push(envelope::seal_field(&data_key, binding, id, value, fill)?);
        }
        let commitment = envelope::commitment(&data_key, binding, &commit_nonce, &sealed);
        let wrapped = self.keys.wrap(&data_key, &binding.wrap_context())?;
        check_length("a wrapped key", wrapped.bytes.len(), limits::WRAPPED_BYTES_MAX)?;
        let record = Record {
            tenant: tenant.to_owned(),
            holder: holder.to_owned(),
            generation,
            commit_nonce,
            commitment,
            provider: self.keys.id(),
            wrapped,
            fields: sealed,
        };
        let bytes = record.encode();
        // Opened once before it replaces anything: a provider that wraps wrongly would lose the identity.
        self.opened(&Record::decode(&bytes)?, tenant, holder)?;

        let place = self.cache.place(tenant, holder);
        let written = self.blobs.put(&key, &bytes);
        // After the write whatever its end, so that no reader keeps the former record.
        self.cache.purge(place);
        written?;
        Ok(Sealed { commitment, generation })
    }

    /// One field's value; `None` when the holder or the field is not there.
    ///
    /// Well under a microsecond when the record is cached; else one read of the store and, with a remote key
    /// provider, one call of it.
    ///
    /// # Errors
    /// `Refused`, `OtherKeys` or `KeyVersionGone` when the record does not open; `Storage` or `Provider` when it
    /// could not be read. Nothing is shown then.
    pub fn reveal(&self, tenant: &str, holder: HolderRef<'_>, field: &str) -> Result<Option<Secret>, Error> {
        Ok(self.read(tenant, holder, |opened| opened.field(field))?.flatten())
    }

    /// Like `reveal`, but only from the very record that the log names: an older copy put back is refused.
    ///
    /// # Errors
    /// `NotAsLogged` when the stored record has another commitment, and those of `reveal`.
    pub fn reveal_as_logged(
        &self,
        tenant: &str,
        holder: HolderRef<'_>,
        field: &str,
        commitment: &[u8; 32],
    ) -> Result<Option<Secret>, Error> {
        let read = |opened: &Opened| {
            envelope::same_commitment(&opened.commitment, commitment).then(|| opened.field(field))
        };
        match self.read(tenant, holder, read)? {
            Some(as_logged) => as_logged.ok_or(Error::NotAsLogged),
            None => Ok(None),
        }
    }

    /// The ids of a holder's sealed fields, sorted; empty when the holder is not there.
    ///
    /// # Errors
    /// Those of `reveal`.
    pub fn fields(&self, tenant: &str, holder: HolderRef<'_>) -> Result<Vec<String>, Error> {
        let ids =
            self.read(tenant, holder, |opened| opened.fields.iter().map(|(id, _)| id.clone()).collect())?;
        Ok(ids.unwrap_or_default())
    }

    /// What the last seal of this holder gave; `None` when the holder is not there.
    ///
    /// # Errors
    /// Those of `reveal`.
    pub fn sealed(&self, tenant: &str, holder: HolderRef<'_>) -> Result<Option<Sealed>, Error> {
        self.read(tenant, holder, |opened| Sealed {
            commitment: opened.commitment,
            generation: opened.generation,
        })
    }

    /// Destroys a holder's wrapped key and ciphertexts, in memory and in the store; durable on return. Says
    /// whether there was a record. Can be repeated.
    ///
    /// # Errors
    /// `Storage`: the record may still be there; forget again.
    pub fn forget(&self, tenant: &str, HolderRef(holder): HolderRef<'_>) -> Result<bool, Error> {
        check_ids(tenant, holder)?;
        let key = blob_key(tenant, holder);
        let _writing = self.writer(&key);
        let deleted = self.blobs.delete(&key);
        // Last, and whatever the store said: a read that began before the delete is not kept after it.
        self.cache.purge(self.cache.place(tenant, holder));
        Ok(deleted?)
    }

    /// Drops and wipes every opened record from memory.
    pub fn purge_cache(&self) {
        self.cache.clear();
    }

    /// Brings every record under the provider's newest key version; tells `progress` after each record. Can be
    /// stopped and repeated: records that are done are not written again.
    ///
    /// # Errors
    /// `Storage` or `Provider`. Records that do not open are counted and left as they are.
    pub fn rewrap(&self, progress: &mut dyn FnMut(Rewrapped)) -> Result<Rewrapped, Error> {
        let mut done = Rewrapped::default();
        for key in self.blobs.list(PREFIX)? {
            match self.rewrap_one(&key) {
                Ok(Some(true)) => done.rewrapped += 1,
                Ok(Some(false)) => done.current += 1,
                // Forgotten since the list was made.
                Ok(None) => {}
                Err(Error::Storage(error)) => return Err(Error::Storage(error)),
                Err(Error::Provider(error)) => return Err(Error::Provider(error)),
                Err(_) => done.refused += 1,
            }
            progress(done);
        }
        Ok(done)
    }

    fn rewrap_one(&self, key: &str) -> Result<Option<bool>, Error> {
        let _writing = self.writer(key);
        let Some(bytes) = self.blobs.get(key)? else { return Ok(None) };
        let mut record = Record::decode(&bytes)?;
        if blob_key(&record.tenant, &record.holder) != key {
            return Err(Error::Refused);
        }
        if record.provider != self.keys.id() {
            return Err(Error::OtherKeys);
        }
        if record.wrapped.version == self.keys.version() {
            return Ok(Some(false));
        }
        record.wrapped = self.keys.rewrap(&record.wrapped, &record.binding().wrap_context())?;
        check_length("a wrapped key", record.wrapped.bytes.len(), limits::WRAPPED_BYTES_MAX)?;
        self.opened(&record, &record.tenant, &record.holder)?;
        self.blobs.put(key, &record.encode())?;
        Ok(Some(true))
    }

    fn read<R>(
        &self,
        tenant: &str,
        HolderRef(holder): HolderRef<'_>,
        read: impl Fn(&Opened) -> R,
    ) -> Result<Option<R>, Error> {
        let place = self.cache.place(tenant, holder);
        let missing = match self.cache.read(place, tenant, holder, &read) {
            Ok(answer) => return Ok(Some(answer)),
            Err(missing) => missing,
        };
        check_ids(tenant, holder)?;
        let Some(bytes) = self.blobs.get(&blob_key(tenant, holder))? else { return Ok(None) };
        let opened = self.opened(&Record::decode(&bytes)?, tenant, holder)?;
        let answer = read(&opened);
        self.cache.keep(place, missing, tenant, holder, opened);
        Ok(Some(answer))
    }

    fn opened(&self, record: &Record, tenant: &str, holder: &str) -> Result<Opened, Error> {
        if record.tenant != tenant || record.holder != holder {
            return Err(Error::Refused);
        }
        if record.provider != self.keys.id() {
            return Err(Error::OtherKeys);
        }
        let binding = record.binding();
        let data_key = self.keys.unwrap_key(&record.wrapped, &binding.wrap_context())?;
        let commitment = envelope::commitment(&data_key, binding, &record.commit_nonce, &record.fields);
        if !envelope::same_commitment(&commitment, &record.commitment) {
            return Err(Error::Refused);
        }
        let mut fields = Vec::with_capacity(record.fields.len());
        for field in &record.fields {
            fields.push((field.id.clone(), envelope::open_field(&data_key, binding, field)?));
        }
        Ok(Opened { commitment, generation: record.generation, fields })
    }

    /// The generation of the next seal. A record that cannot be read counts as none: sealing again is the way out
    /// of a damaged one, and a new data key makes an old generation number harmless.
    fn generation_after(&self, key: &str) -> Result<u32, Error> {
        let former = match self.blobs.get(key) {
            Ok(bytes) => {
                bytes.and_then(|bytes| Record::decode(&bytes).ok()).map_or(0, |record| record.generation)
            }
            Err(storage::Error::Damaged { .. }) => 0,
            Err(error) => return Err(error.into()),
        };
        former.checked_add(1).ok_or(Error::OutOfBounds {
            what: "a record",
            min: 1,
            max: u32::MAX as usize,
            unit: "generations",
        })
    }

    fn writer(&self, key: &str) -> MutexGuard<'_, ()> {
        // The key ends in a hash, so its last byte spreads the holders; the guarded value is (), so a poisoned
        // lock hides nothing.
        let at = key.bytes().rev().take(2).fold(0, |sum, byte| sum * 16 + usize::from(byte)) % WRITERS;
        #[expect(clippy::indexing_slicing, reason = "a remainder of the number of locks")]
        self.writers[at].lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Hashed, so that any id fits any store's key; ids are opaque, so the hash hides nothing and need not.
fn blob_key(tenant: &str, holder: &str) -> String {
    let digest = Sha256::digest(framed(&[DOMAIN, b"blob", tenant.as_bytes(), holder.as_bytes()]));
    let mut key = String::with_capacity(PREFIX.len() + 64);
    key.push_str(PREFIX);
    for byte in digest {
        key.extend([byte >> 4, byte & 15].map(|digit| char::from_digit(digit.into(), 16).unwrap_or('0')));
    }
    key
}

fn check_ids(tenant: &str, holder: &str) -> Result<(), Error> {
    check_length("a tenant's id", tenant.len(), limits::TENANT_BYTES_MAX)?;
    check_length("a holder's id", holder.len(), limits::HOLDER_BYTES_MAX)
}

fn check_fields<'f>(fields: &'f [(&'f str, Secret)]) -> Result<Vec<(&'f str, &'f Secret)>, Error> {
    if !(1..=limits::FIELDS_MAX).contains(&fields.len()) {
        return Err(Error::OutOfBounds { what: "a record", min: 1, max: limits::FIELDS_MAX, unit: "fields" });
    }
    for (id, value) in fields {
        check_length("a field's id", id.len(), limits::FIELD_ID_BYTES_MAX)?;
        check_length("a field's value", value.len(), limits::VALUE_BYTES_MAX)?;
    }
    let mut sorted: Vec<(&str, &Secret)> = fields.iter().map(|(id, value)| (*id, value)).collect();
    sorted.sort_unstable_by_key(|(id, _)| *id);
    if sorted.windows(2).any(|pair| matches!(pair, [left, right] if left.0 == right.0)) {
        return Err(Error::FieldTwice);
    }
    Ok(sorted)
}

fn check_length(what: &'static str, len: usize, max: usize) -> Result<(), Error> {
    if (1..=max).contains(&len) {
        Ok(())
    } else {
        Err(Error::OutOfBounds { what, min: 1, max, unit: "bytes" })
    }
}

//! Bodies that someone else compressed: told by their first bytes or a header, opened up to a limit.
//!
//! A kilobyte can hold a gigabyte of zeros, so nothing here reserves what a header claims, and a zstd frame whose
//! window is above 8 MiB is refused, as RFC 9659 has it for HTTP.

use std::borrow::Cow;
use std::io::{self, BufRead, BufReader, Read};

use flate2::bufread::MultiGzDecoder;
use ruzstd::decoding::errors::FrameDecoderError;
use ruzstd::decoding::{BlockDecodingStrategy, FrameDecoder};

/// Largest zstd window in bytes that an HTTP body may ask for.
pub const HTTP_WINDOW_BYTES_MAX: u64 = 8 * 1024 * 1024;
/// Largest zstd window in bytes that a file may ask for: `zstd --long=26`.
pub const FILE_WINDOW_BYTES_MAX: u64 = 64 * 1024 * 1024;

/// How bytes are compressed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Encoding {
    /// Not at all.
    Identity,
    /// gzip (RFC 1952), one member or several.
    Gzip,
    /// Zstandard (RFC 8878), one frame or several.
    Zstd,
}

impl Encoding {
    /// From the value of `Content-Encoding`; `None` for one that is not read here, or several at once.
    #[must_use]
    pub fn from_header(value: &str) -> Option<Self> {
        let value = value.trim_ascii();
        [
            ("", Self::Identity),
            ("identity", Self::Identity),
            ("gzip", Self::Gzip),
            ("x-gzip", Self::Gzip),
            ("zstd", Self::Zstd),
        ]
        .into_iter()
        .find_map(|(name, encoding)| value.eq_ignore_ascii_case(name).then_some(encoding))
    }

    /// From the first bytes of a file.
    #[must_use]
    pub fn from_first_bytes(bytes: &[u8]) -> Self {
        match bytes {
            [0x1f, 0x8b, ..] => Self::Gzip,
            [0x28, 0xb5, 0x2f, 0xfd, ..] | [0x50..=0x5f, 0x2a, 0x4d, 0x18, ..] => Self::Zstd,
            _ => Self::Identity,
        }
    }
}

/// Why a body could not be opened.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DecodeError {
    /// There is more than the limit.
    #[error("the body is over {bytes_max} bytes when opened: send smaller batches")]
    TooLarge {
        /// The limit.
        bytes_max: usize,
    },
    /// The compressed bytes are cut or damaged, or use what is not read here.
    #[error("the body does not open: it is cut, damaged, or compressed in a way that is not read here")]
    Damaged,
}

/// The opened body, at most `bytes_max` bytes.
///
/// # Errors
/// `TooLarge` as soon as one byte more than `bytes_max` comes out, `Damaged` when the body does not open.
pub fn decoded(encoding: Encoding, body: &[u8], bytes_max: usize) -> Result<Cow<'_, [u8]>, DecodeError> {
    let too_large = DecodeError::TooLarge { bytes_max };
    if encoding == Encoding::Identity {
        return if body.len() > bytes_max { Err(too_large) } else { Ok(Cow::Borrowed(body)) };
    }
    let mut out = Vec::new();
    let read = opened(encoding, body, HTTP_WINDOW_BYTES_MAX)
        .take((bytes_max as u64).saturating_add(1))
        .read_to_end(&mut out);
    match read {
        // What came out before the damage may already be over the limit; either way nothing of it is used.
        Err(_) => Err(DecodeError::Damaged),
        Ok(_) if out.len() > bytes_max => Err(too_large),
        Ok(_) => Ok(Cow::Owned(out)),
    }
}

/// A reader of the opened bytes; what it keeps in memory is bounded by the window.
pub(crate) fn opened<'r>(
    encoding: Encoding,
    source: impl Read + Send + 'r,
    window_bytes_max: u64,
) -> Box<dyn Read + Send + 'r> {
    let source = BufReader::with_capacity(64 * 1024, source);
    match encoding {
        Encoding::Identity => Box::new(source),
        Encoding::Gzip => Box::new(MultiGzDecoder::new(source)),
        Encoding::Zstd => {
            Box::new(ZstdFrames { source, frame: FrameDecoder::new(), inside: false, window_bytes_max })
        }
    }
}

/// All frames of a stream, one after the other; the decoder itself reads a single one.
struct ZstdFrames<R> {
    source: BufReader<R>,
    frame: FrameDecoder,
    inside: bool,
    window_bytes_max: u64,
}

impl<R: Read> ZstdFrames<R> {
    /// Begins the next frame; `false` at the end of the stream.
    fn begin(&mut self) -> io::Result<bool> {
        loop {
            if self.source.fill_buf()?.is_empty() {
                return Ok(false);
            }
            let mut magic = [0; 4];
            self.source.read_exact(&mut magic)?;
            if let [0x50..=0x5f, 0x2a, 0x4d, 0x18] = magic {
                self.skip()?;
                continue;
            }
            let header = FrameHeader::read(magic, &mut self.source)?;
            if header.window_bytes() > self.window_bytes_max {
                return Err(io::Error::other("the zstd window is over the limit"));
            }
            self.frame.reset(header.bytes().chain(&mut self.source)).map_err(damaged)?;
            self.inside = true;
            return Ok(true);
        }
    }

    fn skip(&mut self) -> io::Result<()> {
        let mut length = [0; 4];
        self.source.read_exact(&mut length)?;
        let length = u64::from(u32::from_le_bytes(length));
        let skipped = io::copy(&mut self.source.by_ref().take(length), &mut io::sink())?;
        if skipped < length { Err(io::ErrorKind::UnexpectedEof.into()) } else { Ok(()) }
    }
}

impl<R: Read> Read for ZstdFrames<R> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        if out.is_empty() {
            return Ok(0);
        }
        while self.inside || self.begin()? {
            while self.frame.can_collect() < out.len() && !self.frame.is_finished() {
                let missing = BlockDecodingStrategy::UptoBytes(out.len() - self.frame.can_collect());
                self.frame.decode_blocks(&mut self.source, missing).map_err(damaged)?;
            }
            let read = self.frame.read(out)?;
            if read > 0 {
                return Ok(read);
            }
            // The decoder only computes the checksum; comparing is left to the caller.
            if let (Some(said), Some(found)) =
                (self.frame.get_checksum_from_data(), self.frame.get_calculated_checksum())
                && said != found
            {
                return Err(io::Error::other("the zstd checksum differs"));
            }
            self.inside = false;
        }
        Ok(0)
    }
}

fn damaged(error: FrameDecoderError) -> io::Error {
    io::Error::other(error.to_string())
}

/// Magic and header of one frame, exactly as long as they are.
struct FrameHeader {
    bytes: [u8; 18],
    len: usize,
}

impl FrameHeader {
    fn read(magic: [u8; 4], source: &mut impl Read) -> io::Result<Self> {
        let mut descriptor = [0; 1];
        source.read_exact(&mut descriptor)?;
        let [descriptor] = descriptor;
        let dictionary = match descriptor & 3 {
            0 => 0,
            1 => 1,
            2 => 2,
            _ => 4,
        };
        let mut header = Self { bytes: [0; 18], len: 5 };
        header.len += usize::from(!single(descriptor)) + dictionary + content_size_bytes(descriptor);
        let (head, rest) = header.bytes.split_at_mut(5);
        head.copy_from_slice(&[magic[0], magic[1], magic[2], magic[3], descriptor]);
        let rest = rest.get_mut(..header.len - 5).ok_or(io::ErrorKind::InvalidData)?;
        source.read_exact(rest)?;
        Ok(header)
    }

    fn bytes(&self) -> &[u8] {
        self.bytes.get(..self.len).unwrap_or_default()
    }

    /// How much the decoder will want to keep.
    fn window_bytes(&self) -> u64 {
        let [_, _, _, _, descriptor, window, ..] = self.bytes;
        if !single(descriptor) {
            let base = 1_u64 << (10 + (window >> 3));
            return base + base / 8 * u64::from(window & 7);
        }
        let size = self.bytes().len() - content_size_bytes(descriptor);
        let mut bytes = [0; 8];
        for (to, from) in bytes.iter_mut().zip(self.bytes().iter().skip(size)) {
            *to = *from;
        }
        u64::from_le_bytes(bytes)
    }
}

fn single(descriptor: u8) -> bool {
    descriptor & 0x20 != 0
}

fn content_size_bytes(descriptor: u8) -> usize {
    match descriptor >> 6 {
        0 => usize::from(single(descriptor)),
        1 => 2,
        2 => 4,
        _ => 8,
    }
}

//! Request bodies: read within bounds, decompressed within bounds.
//!
//! A body's bytes are counted against one pool for the whole process *as they arrive*, so ten thousand clients
//! that announce large bodies and send nothing cost nothing, and a compressed bomb stops at its endpoint's bound.

use std::io::Read;
use std::sync::Arc;

use axum::body::{Bytes, HttpBody};
use axum::http::{HeaderMap, header};
use http_body_util::BodyExt;
use serde::de::DeserializeOwned;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::problem::{self, Problem};

/// The pool's unit: one permit is one KiB.
const PERMIT_BYTES: usize = 1024;
/// Largest zstd window that is opened: what the format asks every decoder to support.
const ZSTD_WINDOW_BYTES_MAX: u64 = 8 * 1024 * 1024;

/// Memory for request bodies, shared by all connections.
#[derive(Clone, Debug)]
pub(crate) struct Pool(Arc<Semaphore>);

impl Pool {
    pub(crate) fn new(bytes: usize) -> Self {
        Self(Arc::new(Semaphore::new((bytes / PERMIT_BYTES).min(Semaphore::MAX_PERMITS))))
    }

    /// Takes room for `bytes` more, on top of what `held` has.
    fn take(&self, held: &mut Option<OwnedSemaphorePermit>, bytes: usize) -> Result<(), Problem> {
        let permits = u32::try_from(bytes.div_ceil(PERMIT_BYTES)).unwrap_or(u32::MAX);
        match Arc::clone(&self.0).try_acquire_many_owned(permits) {
            Ok(more) => match held {
                Some(held) => held.merge(more),
                None => *held = Some(more),
            },
            Err(_) => return Err(Problem::busy("bodies_bytes_max")),
        }
        Ok(())
    }
}

/// How a body is coded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Coding {
    Identity,
    Gzip,
    Zstd,
}

/// A body that has arrived whole, still coded as it was sent.
#[derive(Debug)]
pub(crate) struct Taken {
    pub(crate) bytes: Bytes,
    pub(crate) coding: Coding,
    pool: Pool,
    // Given back when the body is dropped.
    held: Option<OwnedSemaphorePermit>,
}

/// Which bodies an endpoint takes.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Accepts {
    /// Media types without parameters, the first one is named in messages.
    pub(crate) types: &'static [&'static str],
    /// Bytes as sent.
    pub(crate) bytes_max: usize,
    /// Time for the whole body.
    pub(crate) within: std::time::Duration,
}

/// Reads a whole body, or says why not. The content type is checked before a byte is read.
pub(crate) async fn take(
    headers: &HeaderMap,
    body: impl HttpBody<Data = Bytes>,
    accepts: Accepts,
    pool: &Pool,
) -> Result<Taken, Problem> {
    check_type(headers, accepts.types)?;
    let coding = coding(headers)?;
    if let Some(length) = headers.get(header::CONTENT_LENGTH)
        && length
            .to_str()
            .ok()
            .and_then(|text| text.parse::<u64>().ok())
            .is_none_or(|length| length > accepts.bytes_max as u64)
    {
        return Err(too_large(accepts.bytes_max));
    }
    match tokio::time::timeout(accepts.within, collect(body, accepts.bytes_max, pool)).await {
        Ok(Ok((bytes, held))) => Ok(Taken { bytes, coding, pool: pool.clone(), held }),
        Ok(Err(problem)) => Err(problem),
        Err(_) => Err(Problem::new(
            &problem::TOO_SLOW,
            format!("the body was not complete after {} s", accepts.within.as_secs()),
        )
        .header(header::CONNECTION, axum::http::HeaderValue::from_static("close"))),
    }
}

async fn collect(
    body: impl HttpBody<Data = Bytes>,
    bytes_max: usize,
    pool: &Pool,
) -> Result<(Bytes, Option<OwnedSemaphorePermit>), Problem> {
    let mut body = std::pin::pin!(body);
    let announced = body.size_hint().exact().and_then(|bytes| usize::try_from(bytes).ok());
    let mut held = None;
    let mut first = Bytes::new();
    let mut rest: Vec<u8> = Vec::new();
    let mut length = 0_usize;
    let mut paid = 0_usize;
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|_| Problem::new(&problem::BAD_BODY, "the body ended before its end"))?;
        let Ok(data) = frame.into_data() else { continue };
        length = length.saturating_add(data.len());
        if length > bytes_max {
            return Err(too_large(bytes_max));
        }
        if length > paid {
            // Paid in steps: single permits for each small frame would cost more than the frames.
            let step = (length - paid).max(4 * PERMIT_BYTES);
            pool.take(&mut held, step)?;
            paid += step;
        }
        if first.is_empty() && rest.is_empty() {
            first = data;
        } else {
            if rest.is_empty() {
                // What was announced is not always sent: room for all of it is made once a quarter is there.
                rest.extend_from_slice(&first);
            }
            if let Some(all) = announced.filter(|all| rest.capacity() < *all && *all / 4 <= length) {
                rest.reserve_exact(all - rest.len());
            }
            rest.extend_from_slice(&data);
        }
    }
    Ok((if rest.is_empty() { first } else { Bytes::from(rest) }, held))
}

fn too_large(bytes_max: usize) -> Problem {
    Problem::new(&problem::TOO_LARGE, format!("this endpoint takes at most {bytes_max} bytes"))
}

fn check_type(headers: &HeaderMap, types: &'static [&'static str]) -> Result<(), Problem> {
    let wanted = types.first().copied().unwrap_or_default();
    let fits = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).is_some_and(|value| {
        let (essence, parameters) = value.split_once(';').unwrap_or((value, ""));
        let charset = parameters.trim();
        types.iter().any(|known| essence.trim().eq_ignore_ascii_case(known))
            && (charset.is_empty() || charset.eq_ignore_ascii_case("charset=utf-8"))
    });
    if fits {
        Ok(())
    } else {
        Err(Problem::new(&problem::UNSUPPORTED_TYPE, format!("send `Content-Type: {wanted}`")))
    }
}

fn coding(headers: &HeaderMap) -> Result<Coding, Problem> {
    let mut all = headers.get_all(header::CONTENT_ENCODING).iter();
    let (Some(value), None) = (all.next(), all.next()) else {
        return match headers.contains_key(header::CONTENT_ENCODING) {
            true => Err(Problem::new(&problem::UNSUPPORTED_TYPE, "send one `Content-Encoding`")),
            false => Ok(Coding::Identity),
        };
    };
    let value = value.as_bytes();
    if value.eq_ignore_ascii_case(b"identity") || value.is_empty() {
        Ok(Coding::Identity)
    } else if value.eq_ignore_ascii_case(b"gzip") {
        Ok(Coding::Gzip)
    } else if value.eq_ignore_ascii_case(b"zstd") {
        Ok(Coding::Zstd)
    } else {
        Err(Problem::new(&problem::UNSUPPORTED_TYPE, "send `Content-Encoding: gzip`, `zstd` or none"))
    }
}

impl Taken {
    /// The body after decompression, at most `bytes_max` bytes of it.
    pub(crate) fn expand(&mut self, bytes_max: usize) -> Result<Bytes, Problem> {
        if self.coding == Coding::Identity {
            return Ok(self.bytes.clone());
        }
        let mut out = Vec::new();
        let mut reader = reader(&self.bytes, self.coding)?;
        let mut chunk = vec![0_u8; 64 * 1024];
        loop {
            let read = reader.read(&mut chunk).map_err(broken_coding)?;
            if read == 0 {
                break;
            }
            if out.len() + read > bytes_max {
                return Err(too_large(bytes_max));
            }
            self.pool.take(&mut self.held, read)?;
            out.extend_from_slice(chunk.get(..read).unwrap_or_default());
        }
        Ok(Bytes::from(out))
    }

    /// The body as JSON of type `T`.
    pub(crate) fn json<T: DeserializeOwned>(&mut self, bytes_max: usize) -> Result<T, Problem> {
        let bytes = self.expand(bytes_max)?;
        crate::json::parse(&bytes)
    }
}

/// A reader that decompresses as it goes.
pub(crate) fn reader(bytes: &Bytes, coding: Coding) -> Result<Box<dyn Read + Send>, Problem> {
    Ok(match coding {
        Coding::Identity => Box::new(Cursor::new(bytes.clone())),
        Coding::Gzip => Box::new(flate2::bufread::MultiGzDecoder::new(std::io::BufReader::with_capacity(
            64 * 1024,
            Cursor::new(bytes.clone()),
        ))),
        Coding::Zstd => Box::new(Zstd { left: bytes.clone(), frame: None }),
    })
}

type Cursor = std::io::Cursor<Bytes>;

/// What is said when a compressed body breaks off; the decoder's own words stay inside.
pub(crate) fn broken_coding(_: std::io::Error) -> Problem {
    Problem::new(&problem::BAD_BODY, "the body's compression is broken or cut")
}

/// One zstd frame after the other; a frame that wants a large window is refused before it is given memory.
struct Zstd {
    left: Bytes,
    frame: Option<Box<ruzstd::decoding::StreamingDecoder<Cursor, ruzstd::decoding::FrameDecoder>>>,
}

impl Read for Zstd {
    fn read(&mut self, out: &mut [u8]) -> std::io::Result<usize> {
        loop {
            if let Some(frame) = &mut self.frame {
                let read = frame.read(out)?;
                if read > 0 || out.is_empty() {
                    return Ok(read);
                }
                let Some(done) = self.frame.take() else { continue };
                let rest = done.into_inner();
                let at = usize::try_from(rest.position()).unwrap_or(usize::MAX);
                let bytes = rest.into_inner();
                self.left = if at >= bytes.len() { Bytes::new() } else { bytes.slice(at..) };
            }
            if self.left.is_empty() {
                return Ok(0);
            }
            if zstd_window(&self.left).is_none_or(|window| window > ZSTD_WINDOW_BYTES_MAX) {
                return Err(std::io::Error::new(std::io::ErrorKind::InvalidData, "zstd window"));
            }
            let decoder =
                ruzstd::decoding::StreamingDecoder::new(Cursor::new(std::mem::take(&mut self.left)))
                    .map_err(|_| std::io::Error::new(std::io::ErrorKind::InvalidData, "zstd frame"))?;
            self.frame = Some(Box::new(decoder));
        }
    }
}

/// Window size that a zstd frame asks for (RFC 8878, 3.1.1.1); `None` when this is no such frame.
fn zstd_window(frame: &[u8]) -> Option<u64> {
    if frame.get(..4)? != [0x28, 0xb5, 0x2f, 0xfd] {
        return None;
    }
    let descriptor = *frame.get(4)?;
    let single_segment = descriptor & 0x20 != 0;
    if !single_segment {
        let window = *frame.get(5)?;
        let base = 1_u64 << (10 + (window >> 3));
        return Some(base + base / 8 * u64::from(window & 7));
    }
    let dictionary = [0_usize, 1, 2, 4][usize::from(descriptor & 3)];
    let size_bytes = match descriptor >> 6 {
        0 => 1,
        1 => 2,
        2 => 4,
        _ => 8,
    };
    let field = frame.get(5 + dictionary..5 + dictionary + size_bytes)?;
    let mut size = 0_u64;
    for (index, byte) in field.iter().enumerate() {
        size |= u64::from(*byte) << (8 * index);
    }
    Some(if size_bytes == 2 { size + 256 } else { size })
}

#[cfg(test)]
mod tests {
    use std::io::Write;
    use std::time::Duration;

    use axum::body::Body;

    use super::*;

    fn gzip(bytes: &[u8]) -> Vec<u8> {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
        encoder.write_all(bytes).unwrap();
        encoder.finish().unwrap()
    }

    fn zstd(bytes: &[u8]) -> Vec<u8> {
        ruzstd::encoding::compress_to_vec(bytes, ruzstd::encoding::CompressionLevel::Fastest)
    }

    async fn taken(coding: &str, bytes: Vec<u8>) -> Taken {
        let mut headers = HeaderMap::new();
        headers.insert(header::CONTENT_TYPE, "application/json".parse().unwrap());
        headers.insert(header::CONTENT_ENCODING, coding.parse().unwrap());
        let accepts =
            Accepts { types: &["application/json"], bytes_max: 1 << 20, within: Duration::from_secs(5) };
        take(&headers, Body::from(bytes), accepts, &Pool::new(64 << 20)).await.unwrap()
    }

    #[tokio::test]
    async fn both_codings_open_to_the_same_bytes() {
        let text = b"one line\nanother line\n".repeat(1000);
        let twice = [zstd(&text), zstd(b"end")].concat();
        for (coding, bytes, expected) in [
            ("gzip", gzip(&text), text.clone()),
            ("zstd", zstd(&text), text.clone()),
            ("zstd", twice, [text.clone(), b"end".to_vec()].concat()),
            ("identity", text.clone(), text.clone()),
        ] {
            assert_eq!(taken(coding, bytes).await.expand(1 << 20).unwrap(), expected, "{coding}");
        }
    }

    #[tokio::test]
    async fn a_bomb_stops_at_the_bound() {
        let zeros = vec![0_u8; 64 << 20];
        for (coding, bytes) in [("gzip", gzip(&zeros)), ("zstd", zstd(&zeros))] {
            assert!(bytes.len() < 1 << 20, "{coding} did not compress");
            let problem = taken(coding, bytes).await.expand(1 << 20).unwrap_err();
            assert_eq!(problem.kind.slug, "too-large", "{coding}");
        }
    }

    #[tokio::test]
    async fn a_cut_body_is_a_bad_body() {
        let text = b"some text that is long enough to be cut".repeat(50);
        for (coding, mut bytes) in [("gzip", gzip(&text)), ("zstd", zstd(&text))] {
            bytes.truncate(bytes.len() - 9);
            let problem = taken(coding, bytes).await.expand(1 << 20).unwrap_err();
            assert_eq!(problem.kind.slug, "bad-body", "{coding}");
        }
    }

    #[test]
    fn a_large_window_is_seen_before_it_is_opened() {
        // Window descriptor 0xb0: 2^(10 + 22) = 4 GiB.
        assert_eq!(zstd_window(&[0x28, 0xb5, 0x2f, 0xfd, 0x00, 0xb0]), Some(1 << 32));
        assert_eq!(zstd_window(b"not zstd"), None);
        let frame = Bytes::from_static(&[0x28, 0xb5, 0x2f, 0xfd, 0x00, 0xb0, 0, 0, 0, 0, 0]);
        assert!(reader(&frame, Coding::Zstd).unwrap().read(&mut [0; 16]).is_err());
    }

    #[tokio::test]
    async fn the_pool_is_shared_and_given_back() {
        let pool = Pool::new(64 * 1024);
        let mut headers = HeaderMap::new();
        headers.insert(header::CONTENT_TYPE, "application/json".parse().unwrap());
        let accepts =
            Accepts { types: &["application/json"], bytes_max: 1 << 20, within: Duration::from_secs(5) };
        let first = take(&headers, Body::from(vec![0; 48 * 1024]), accepts, &pool).await.unwrap();
        let problem = take(&headers, Body::from(vec![0; 48 * 1024]), accepts, &pool).await.unwrap_err();
        assert_eq!(problem.kind.slug, "busy");
        drop(first);
        assert!(take(&headers, Body::from(vec![0; 48 * 1024]), accepts, &pool).await.is_ok());
    }
}

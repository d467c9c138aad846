//! Length-prefixed parts: how contexts become bytes that cannot be read two ways.

/// Starts every context, so that no ciphertext of another program or version fits.
pub(crate) const DOMAIN: &[u8] = b"nameplate/vault/v1";

/// Each part as a little-endian u32 length and its bytes: `("ab", "c")` and `("a", "bc")` differ.
pub(crate) fn framed(parts: &[&[u8]]) -> Vec<u8> {
    let mut out = Vec::with_capacity(parts.iter().map(|part| part.len() + 4).sum());
    for part in parts {
        // Every part is bounded far below 4 GiB by `limits`; a longer one would saturate and fail to open.
        let len = u32::try_from(part.len()).unwrap_or(u32::MAX);
        out.extend_from_slice(&len.to_le_bytes());
        out.extend_from_slice(part);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::framed;

    #[test]
    fn moving_a_byte_between_parts_changes_the_frame() {
        assert_ne!(framed(&[b"ab", b"c"]), framed(&[b"a", b"bc"]));
        assert_ne!(framed(&[b"ab"]), framed(&[b"ab", b""]));
        assert_eq!(framed(&[b"ab", b""]), b"\x02\0\0\0ab\0\0\0\0");
    }
}

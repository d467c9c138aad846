//! Cursors: where a list goes on, as two numbers. Clients hand back what they got; any cursor of the form is taken.

/// What a cursor must be.
pub(crate) const MUST: &str = "must be a `next` of an earlier answer";

/// A cursor's text.
pub(crate) fn write(major: u64, minor: u32) -> String {
    format!("{major}-{minor}")
}

/// The numbers of a cursor; `None` when it has another form.
pub(crate) fn read(text: &str) -> Option<(u64, u32)> {
    let (major, minor) = text.split_once('-')?;
    let digits =
        |part: &str, max| (1..=max).contains(&part.len()) && part.bytes().all(|byte| byte.is_ascii_digit());
    if digits(major, 18) && digits(minor, 9) {
        Some((major.parse().ok()?, minor.parse().ok()?))
    } else {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_reads_back_and_another_form_does_not() {
        for (major, minor) in [(0, 0), (1, 2), (999_999_999_999_999_999, 999_999_999)] {
            assert_eq!(read(&write(major, minor)), Some((major, minor)));
        }
        for text in
            ["", "-", "1", "1-", "-1", "1-+1", "1-1-1", "1 -1", "9999999999999999999-0", "0-9999999999"]
        {
            assert_eq!(read(text), None, "{text}");
        }
    }
}

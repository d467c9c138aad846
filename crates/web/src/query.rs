//! Query strings: every parameter is known, given once, and decoded strictly.

use std::borrow::Cow;

use crate::problem::{self, Problem};

/// Parameters that an endpoint knows at most.
const KNOWN_MAX: usize = 8;

/// The parameters of one request. They stand in place: a lookup allocates nothing for its query.
#[derive(Debug)]
pub(crate) struct Query<'a> {
    known: &'a [&'static str],
    // The value of each known parameter, in their order.
    values: [Option<Cow<'a, str>>; KNOWN_MAX],
}

fn bad(name: &str, detail: &str) -> Problem {
    Problem::new(&problem::BAD_QUERY, "a query parameter does not fit").at(name, detail)
}

impl<'a> Query<'a> {
    /// Reads a raw query string against the parameters that the endpoint knows.
    pub(crate) fn parse(raw: Option<&'a str>, known: &'a [&'static str]) -> Result<Self, Problem> {
        debug_assert!(known.len() <= KNOWN_MAX, "a query's slots are `KNOWN_MAX`");
        let mut values: [Option<Cow<'a, str>>; KNOWN_MAX] = Default::default();
        for pair in raw.unwrap_or_default().split('&').filter(|pair| !pair.is_empty()) {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            let name = decode(name).ok_or_else(|| bad("?", "the name is not UTF-8"))?;
            // Unknown names are not repeated: they came from outside.
            let Some((slot, name)) = values.iter_mut().zip(known).find(|(_, known)| **known == name) else {
                return Err(bad("?", "there is no such parameter here"));
            };
            if slot.is_some() {
                return Err(bad(name, "must be given once"));
            }
            *slot = Some(decode(value).ok_or_else(|| bad(name, "must be UTF-8"))?);
        }
        Ok(Self { known, values })
    }

    /// The parameter's text, if it was given.
    pub(crate) fn get(&self, name: &str) -> Option<&str> {
        let at = self.known.iter().position(|known| *known == name)?;
        self.values.get(at)?.as_deref()
    }

    /// The parameter through `parse`, if it was given.
    pub(crate) fn parsed<T>(
        &self,
        name: &'static str,
        must: &str,
        parse: impl Fn(&str) -> Option<T>,
    ) -> Result<Option<T>, Problem> {
        match self.get(name) {
            None => Ok(None),
            Some(text) => parse(text).map(Some).ok_or_else(|| bad(name, must)),
        }
    }

    /// Like [`parsed`](Self::parsed), for a parameter that must be there.
    pub(crate) fn required<T>(
        &self,
        name: &'static str,
        must: &str,
        parse: impl Fn(&str) -> Option<T>,
    ) -> Result<T, Problem> {
        self.parsed(name, must, parse)?.ok_or_else(|| bad(name, must))
    }

    /// A whole number within bounds.
    pub(crate) fn number(
        &self,
        name: &'static str,
        bounds: std::ops::RangeInclusive<u64>,
    ) -> Result<Option<u64>, Problem> {
        self.parsed(
            name,
            &format!("must be a whole number from {} to {}", bounds.start(), bounds.end()),
            |text| whole(text).filter(|number| bounds.contains(number)),
        )
    }

    /// `true` or `false`.
    pub(crate) fn flag(&self, name: &'static str) -> Result<bool, Problem> {
        Ok(self
            .parsed(name, "must be `true` or `false`", |text| match text {
                "true" => Some(true),
                "false" => Some(false),
                _ => None,
            })?
            .unwrap_or(false))
    }
}

/// A whole number without sign or spaces.
pub(crate) fn whole(text: &str) -> Option<u64> {
    let digits = !text.is_empty() && text.len() <= 20 && text.bytes().all(|byte| byte.is_ascii_digit());
    if digits { text.parse().ok() } else { None }
}

/// Percent-decoding of a query, where `+` is a space.
fn decode(text: &str) -> Option<Cow<'_, str>> {
    if text.contains('+') {
        return unescape(&text.replace('+', " ")).map(|text| Cow::Owned(text.into_owned()));
    }
    unescape(text)
}

/// Percent-decoding; `None` when the result is not UTF-8 or an escape is broken.
pub(crate) fn unescape(text: &str) -> Option<Cow<'_, str>> {
    if !text.contains('%') {
        return Some(Cow::Borrowed(text));
    }
    let mut out = Vec::with_capacity(text.len());
    let mut bytes = text.bytes();
    while let Some(byte) = bytes.next() {
        out.push(match byte {
            b'%' => {
                let high = char::from(bytes.next()?).to_digit(16)?;
                let low = char::from(bytes.next()?).to_digit(16)?;
                u8::try_from(high * 16 + low).ok()?
            }
            byte => byte,
        });
    }
    String::from_utf8(out).ok().map(Cow::Owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parameters_are_known_single_and_decoded() {
        let query =
            Query::parse(Some("viewer=verified&surface=a%2Fb+c&explain="), &["viewer", "surface", "explain"]);
        let query = query.unwrap();
        assert_eq!(query.get("viewer"), Some("verified"));
        assert_eq!(query.get("surface"), Some("a/b c"));
        assert_eq!(query.get("explain"), Some(""));
        assert!(query.flag("explain").is_err());
        for raw in ["other=1", "viewer=a&viewer=b", "viewer=%ff", "viewer=%4", "viewer=%zz", "%ff=1"] {
            assert!(Query::parse(Some(raw), &["viewer"]).is_err(), "{raw}");
        }
    }

    #[test]
    fn numbers_have_no_sign_and_stay_in_bounds() {
        for (text, fits) in [
            ("1", true),
            ("100", true),
            ("0", false),
            ("101", false),
            ("+1", false),
            ("1.0", false),
            ("", false),
        ] {
            let raw = format!("limit={}", text.replace('+', "%2B"));
            let query = Query::parse(Some(&raw), &["limit"]).unwrap();
            assert_eq!(query.number("limit", 1..=100).is_ok(), fits, "{text}");
        }
    }
}

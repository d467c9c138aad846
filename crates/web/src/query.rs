//! Query strings: every parameter is known, given once, and decoded strictly.

use std::borrow::Cow;

use crate::problem::{self, Problem};

/// The parameters of one request, at most as many as the endpoint knows.
#[derive(Debug)]
pub(crate) struct Query<'a> {
    pairs: Vec<(&'static str, Cow<'a, str>)>,
}

fn bad(name: &str, detail: &str) -> Problem {
    Problem::new(&problem::BAD_QUERY, "a query parameter does not fit").at(name, detail)
}

impl<'a> Query<'a> {
    /// Reads a raw query string against the parameters that the endpoint knows.
    pub(crate) fn parse(raw: Option<&'a str>, known: &[&'static str]) -> Result<Self, Problem> {
        let mut pairs: Vec<(&'static str, Cow<'a, str>)> = Vec::new();
        for pair in raw.unwrap_or_default().split('&').filter(|pair| !pair.is_empty()) {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            let name = decode(name).ok_or_else(|| bad("?", "the name is not UTF-8"))?;
            // Unknown names are not repeated: they came from outside.
            let name = known
                .iter()
                .copied()
                .find(|known| *known == name)
                .ok_or_else(|| bad("?", "there is no such parameter here"))?;
            if pairs.iter().any(|(given, _)| *given == name) {
                return Err(bad(name, "must be given once"));
            }
            let value = decode(value).ok_or_else(|| bad(name, "must be UTF-8"))?;
            pairs.push((name, value));
        }
        Ok(Self { pairs })
    }

    /// The parameter's text, if it was given.
    pub(crate) fn get(&self, name: &str) -> Option<&str> {
        self.pairs.iter().find(|(given, _)| *given == name).map(|(_, value)| &**value)
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

/// Percent-decoding with `+` as a space; `None` when the result is not UTF-8 or an escape is broken.
fn decode(text: &str) -> Option<Cow<'_, str>> {
    if !text.bytes().any(|byte| matches!(byte, b'%' | b'+')) {
        return Some(Cow::Borrowed(text));
    }
    let mut out = Vec::with_capacity(text.len());
    let mut bytes = text.bytes();
    while let Some(byte) = bytes.next() {
        out.push(match byte {
            b'+' => b' ',
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

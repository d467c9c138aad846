//! One JSON object on one line, field by field, without a tree.
//!
//! Values that are wanted are texts or whole numbers; anything else is only told to be something else. A line in the plain
//! form that programs write is read in one pass; every other line, and every refusal, is left to the JSON parser.

use std::borrow::Cow;
use std::fmt;

use serde::de::{DeserializeSeed, Error, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::Deserializer;
use state::AccountKey;

use crate::refusal::{Column, Why};

/// A value of a wanted field.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Value<'a> {
    Number(u64),
    Text(Cow<'a, str>),
    Other,
}

impl Value<'_> {
    /// The account that the value names.
    pub(crate) fn account(&self, column: Column) -> Result<AccountKey<'_>, Why> {
        match self {
            Value::Number(number) => Ok(AccountKey::Number(*number)),
            Value::Text(text) => {
                AccountKey::parse(text).map_err(|error| Why::AccountIsRefused(column, error))
            }
            Value::Other => Err(Why::FieldHasAnotherKind(column)),
        }
    }
}

/// What to do with a field of some name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Place {
    Wanted(Column),
    Skip,
    Refuse,
}

/// The wanted values of one object.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Fields<'a> {
    values: [Option<Value<'a>>; Column::ALL.len()],
}

impl<'a> Fields<'a> {
    /// Reads the object of one line; `place` says what each name is.
    pub(crate) fn read(line: &'a str, place: &dyn Fn(&str) -> Place) -> Result<Self, Why> {
        match Self::plain(line, place) {
            Some(fields) => Ok(fields),
            None => Self::parsed(line, place),
        }
    }

    /// Reads an object of wanted fields, each once, whose values are texts without escapes and whole numbers.
    fn plain(line: &'a str, place: &dyn Fn(&str) -> Place) -> Option<Self> {
        let mut fields = Self::default();
        let mut rest = line.strip_prefix('{')?;
        loop {
            let name;
            (name, rest) = text(spaces(rest))?;
            let Place::Wanted(column) = place(name) else { return None };
            let value;
            (value, rest) = value_of(spaces(spaces(rest).strip_prefix(':')?))?;
            if fields.slot(column).replace(value).is_some() {
                return None;
            }
            rest = spaces(rest);
            match rest.strip_prefix(',') {
                Some(more) => rest = more,
                None => return (rest == "}").then_some(fields),
            }
        }
    }

    fn parsed(line: &'a str, place: &dyn Fn(&str) -> Place) -> Result<Self, Why> {
        let mut object = Object { fields: Self::default(), place, why: None };
        let mut json = Deserializer::from_str(line);
        let read = Reading(&mut object).deserialize(&mut json).and_then(|()| json.end());
        match (read, object.why) {
            (Ok(()), _) => Ok(object.fields),
            (Err(_), Some(why)) => Err(why),
            (Err(_), None) => Err(Why::LineIsNotAnObject),
        }
    }

    pub(crate) fn get(&self, column: Column) -> Option<&Value<'a>> {
        self.values.get(column as usize)?.as_ref()
    }

    pub(crate) fn need(&self, column: Column) -> Result<&Value<'a>, Why> {
        self.get(column).ok_or(Why::FieldIsMissing(column))
    }

    fn slot(&mut self, column: Column) -> &mut Option<Value<'a>> {
        #[expect(clippy::indexing_slicing, reason = "one slot for each column")]
        &mut self.values[column as usize]
    }
}

fn spaces(rest: &str) -> &str {
    rest.trim_start_matches(' ')
}

/// A text without escapes at the start, and what follows it.
fn text(rest: &str) -> Option<(&str, &str)> {
    let rest = rest.strip_prefix('"')?;
    let end = rest.bytes().position(|byte| byte == b'"' || byte == b'\\' || byte < b' ')?;
    let (text, rest) = rest.split_at_checked(end)?;
    Some((text, rest.strip_prefix('"')?))
}

/// A text or a whole number of at most 19 digits at the start, and what follows it.
fn value_of(rest: &str) -> Option<(Value<'_>, &str)> {
    if let Some((text, rest)) = text(rest) {
        return Some((Value::Text(Cow::Borrowed(text)), rest));
    }
    let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
    let (number, rest) = rest.split_at_checked(digits)?;
    let good = (1..=19).contains(&digits) && (digits == 1 || !number.starts_with('0'));
    // A fraction or an exponent may follow, and then it is another number.
    let ends = rest.starts_with([',', '}', ' ']);
    let number =
        number.bytes().fold(0, |sum: u64, digit| sum.wrapping_mul(10).wrapping_add(u64::from(digit - b'0')));
    (good && ends).then_some((Value::Number(number), rest))
}

struct Object<'a, 'p> {
    fields: Fields<'a>,
    place: &'p dyn Fn(&str) -> Place,
    /// Says more than the parser's own error.
    why: Option<Why>,
}

struct Reading<'o, 'a, 'p>(&'o mut Object<'a, 'p>);

impl<'a> DeserializeSeed<'a> for Reading<'_, 'a, '_> {
    type Value = ();

    fn deserialize<D: serde::Deserializer<'a>>(self, json: D) -> Result<(), D::Error> {
        json.deserialize_map(self)
    }
}

impl<'a> Visitor<'a> for Reading<'_, 'a, '_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<M: MapAccess<'a>>(self, mut map: M) -> Result<(), M::Error> {
        let object = self.0;
        while let Some(place) = map.next_key_seed(Name(object.place))? {
            match place {
                Place::Skip => drop(map.next_value::<IgnoredAny>()?),
                Place::Refuse => {
                    object.why = Some(Why::FieldIsUnknown);
                    return Err(M::Error::custom("unknown"));
                }
                Place::Wanted(column) => {
                    let value = map.next_value_seed(Scalar)?;
                    if object.fields.slot(column).replace(value).is_some() {
                        object.why = Some(Why::FieldIsTwice(column));
                        return Err(M::Error::custom("twice"));
                    }
                }
            }
        }
        Ok(())
    }
}

struct Name<'p>(&'p dyn Fn(&str) -> Place);

impl<'a> DeserializeSeed<'a> for Name<'_> {
    type Value = Place;

    fn deserialize<D: serde::Deserializer<'a>>(self, json: D) -> Result<Place, D::Error> {
        json.deserialize_str(self)
    }
}

impl Visitor<'_> for Name<'_> {
    type Value = Place;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a name")
    }

    fn visit_str<E>(self, name: &str) -> Result<Place, E> {
        Ok((self.0)(name))
    }
}

struct Scalar;

impl<'a> DeserializeSeed<'a> for Scalar {
    type Value = Value<'a>;

    fn deserialize<D: serde::Deserializer<'a>>(self, json: D) -> Result<Value<'a>, D::Error> {
        json.deserialize_any(self)
    }
}

impl<'a> Visitor<'a> for Scalar {
    type Value = Value<'a>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value")
    }

    fn visit_borrowed_str<E>(self, text: &'a str) -> Result<Value<'a>, E> {
        Ok(Value::Text(Cow::Borrowed(text)))
    }

    fn visit_str<E>(self, text: &str) -> Result<Value<'a>, E> {
        Ok(Value::Text(Cow::Owned(text.to_owned())))
    }

    fn visit_u64<E>(self, number: u64) -> Result<Value<'a>, E> {
        Ok(Value::Number(number))
    }

    fn visit_i64<E>(self, _: i64) -> Result<Value<'a>, E> {
        Ok(Value::Other)
    }

    fn visit_f64<E>(self, _: f64) -> Result<Value<'a>, E> {
        Ok(Value::Other)
    }

    fn visit_bool<E>(self, _: bool) -> Result<Value<'a>, E> {
        Ok(Value::Other)
    }

    fn visit_unit<E>(self) -> Result<Value<'a>, E> {
        Ok(Value::Other)
    }

    fn visit_seq<S: SeqAccess<'a>>(self, mut seq: S) -> Result<Value<'a>, S::Error> {
        while seq.next_element::<IgnoredAny>()?.is_some() {}
        Ok(Value::Other)
    }

    fn visit_map<M: MapAccess<'a>>(self, mut map: M) -> Result<Value<'a>, M::Error> {
        while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
        Ok(Value::Other)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place(name: &str) -> Place {
        match name {
            "skip" => Place::Skip,
            _ => Column::parse(name).map_or(Place::Refuse, Place::Wanted),
        }
    }

    #[test]
    fn a_plain_line_says_what_the_parser_says_or_is_left_to_it() {
        let values = [
            "0",
            "7",
            "07",
            "00",
            "-1",
            "1.5",
            "1e3",
            "1 ",
            " 12",
            "9999999999999999999",
            "18446744073709551615",
            "18446744073709551616",
            "99999999999999999999999999999",
            "\"a\"",
            "\"\"",
            "\"\u{9c8d}\"",
            "\"a\\u0062\"",
            "\"a\tb\"",
            "\"a",
            "true",
            "null",
            "[1]",
            "{}",
            "",
            "1x",
        ];
        let mut plain = 0;
        for value in values {
            for line in [
                format!("{{\"at\":{value}}}"),
                format!("{{ \"at\" : {value} , \"id\":1 }}"),
                format!("{{\"at\":{value},\"at\":1}}"),
                format!("{{\"at\":1,\"id\":{value},}}"),
                format!("{{\"skip\":{value},\"at\":1}}"),
                format!("{{\"other\":{value}}}"),
                format!("{{\"at\":{value}}} "),
                format!("{{\"at\":{value}}}}}"),
                format!("{{\"a\\u0074\":{value}}}"),
                format!("{{{value}}}"),
                value.to_owned(),
            ] {
                if let Some(fields) = Fields::plain(&line, &place) {
                    assert_eq!(Ok(fields), Fields::parsed(&line, &place), "{line}");
                    plain += 1;
                }
            }
        }
        assert!(plain >= 16, "only {plain} lines were plain");
    }
}

//! From an address to where it speaks from; the address goes no further than this call.
//!
//! The built-in table is the registries' own: it names the country a block is *assigned* to, which is not always
//! where it is used. A table in the MaxMind format that the operator brings knows provinces and beats it; the operator's own
//! lines (RFC 8805: `prefix,country,region`) beat both, longest prefix first.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::net::IpAddr;

use ipnet::IpNet;
use maxminddb::Reader;
use serde::Deserialize;
use sha2::{Digest, Sha256};
use state::{Country, Millis, RegionName};

/// Lines of an operator's table at most.
pub const OVERRIDES_MAX: usize = 1_000_000;

/// Where an address speaks from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// Country, two letters.
    pub country: Country,
    /// Province or state, when the operator's table knows it.
    pub region: Option<RegionName>,
}

/// The tables a sighting is looked up in.
#[derive(Debug, Default)]
pub struct Regions {
    overrides: HashMap<IpNet, Option<Place>, foldhash::fast::RandomState>,
    // The prefix lengths that occur, longest first, for IPv4 and IPv6.
    lengths: [Vec<u8>; 2],
    table: Option<Table>,
    /// What the licence of the data wants said beside a region.
    attribution: Option<String>,
}

/// A table in the MaxMind format.
struct Table {
    reader: Reader<Vec<u8>>,
    about: TableAbout,
    language: String,
}

impl std::fmt::Debug for Table {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.about.fmt(f)
    }
}

/// Which table it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TableAbout {
    /// What it calls itself, as in `GeoLite2-City`.
    pub name: String,
    /// When it was built.
    pub built_at: Millis,
    /// SHA-256 of the file.
    pub sha256: [u8; 32],
}

/// The parts of a record that count; tables of cities, of countries and flat ones spell them differently.
#[derive(Deserialize)]
struct Record<'a> {
    #[serde(borrow)]
    country: Option<CountryOf<'a>>,
    #[serde(borrow)]
    subdivisions: Option<Vec<Names<'a>>>,
    country_code: Option<&'a str>,
    state1: Option<&'a str>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum CountryOf<'a> {
    Nested {
        #[serde(borrow)]
        iso_code: Option<&'a str>,
    },
    Flat(&'a str),
}

#[derive(Deserialize)]
struct Names<'a> {
    #[serde(borrow, default)]
    names: BTreeMap<&'a str, &'a str>,
}

/// Why an operator's table is refused; it names the line, never the line's contents.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RegionsError {
    /// The line is not `prefix,country,region`.
    #[error("line {line} of the region table: {what}, expected `prefix,country,region` as in RFC 8805")]
    Line {
        /// From 1.
        line: usize,
        /// Which part.
        what: &'static str,
    },
    /// The file is no table in the MaxMind format, or damaged.
    #[error("the file is not a sound table in the MaxMind format (`.mmdb`)")]
    Table,
    /// More lines than [`OVERRIDES_MAX`].
    #[error("the region table has more than {OVERRIDES_MAX} lines")]
    TooLong,
}

impl Regions {
    /// The built-in country table alone.
    pub fn builtin() -> Self {
        Self::default()
    }

    /// Reads an operator's table. Empty lines and lines with `#` are passed over; an empty country means
    /// "unknown, whatever the built-in table says"; columns after the third are not read.
    ///
    /// # Errors
    /// With the number of the first line that does not fit.
    pub fn with_overrides(text: &str) -> Result<Self, RegionsError> {
        let mut regions = Self::default();
        let mut lengths = [BTreeSet::new(), BTreeSet::new()];
        for (index, line) in text.lines().enumerate() {
            let line = line.trim();
            if line.is_empty() || line.starts_with('#') {
                continue;
            }
            if regions.overrides.len() >= OVERRIDES_MAX {
                return Err(RegionsError::TooLong);
            }
            let wrong = |what| RegionsError::Line { line: index + 1, what };
            let mut columns = line.split(',').map(str::trim);
            let net: IpNet =
                columns.next().unwrap_or_default().parse().map_err(|_| wrong("the prefix is not one"))?;
            let country = columns.next().unwrap_or_default();
            let region = columns.next().unwrap_or_default();
            let place = if country.is_empty() {
                None
            } else {
                let country = Country::new(country).map_err(|_| wrong("the country is not two letters"))?;
                let region = match region {
                    "" => None,
                    text => Some(RegionName::new(text).map_err(|_| wrong("the region does not fit"))?),
                };
                Some(Place { country, region })
            };
            lengths[usize::from(matches!(net, IpNet::V6(_)))].insert(std::cmp::Reverse(net.prefix_len()));
            regions.overrides.insert(net.trunc(), place);
        }
        regions.lengths = lengths.map(|set| set.into_iter().map(|length| length.0).collect());
        Ok(regions)
    }

    /// The same with a table in the MaxMind format. Provinces get the name they have in `language` (`en`, `zh-CN`), or in
    /// English. The whole file is looked through once.
    ///
    /// # Errors
    /// When the file is damaged or something else.
    pub fn with_table(mut self, file: Vec<u8>, language: &str) -> Result<Self, RegionsError> {
        let sha256 = Sha256::digest(&file).into();
        let reader = Reader::from_source(file).map_err(|_| RegionsError::Table)?;
        reader.verify().map_err(|_| RegionsError::Table)?;
        let metadata = reader.metadata();
        let built_at = i64::try_from(metadata.build_epoch).unwrap_or(i64::MAX).saturating_mul(1_000);
        let about = TableAbout { name: metadata.database_type.clone(), built_at: Millis(built_at), sha256 };
        self.table = Some(Table { reader, about, language: language.to_owned() });
        Ok(self)
    }

    /// The same, with what the licence of the data wants said beside a region.
    #[must_use]
    pub fn with_attribution(mut self, text: Option<String>) -> Self {
        self.attribution = text;
        self
    }

    /// What the licence of the data wants said beside a region.
    pub(crate) fn attribution(&self) -> Option<&str> {
        self.attribution.as_deref()
    }

    /// Which table is in use, if there is one beside the built-in one.
    pub fn table(&self) -> Option<&TableAbout> {
        self.table.as_ref().map(|table| &table.about)
    }

    /// Lines of the operator's own.
    pub(crate) fn overrides(&self) -> usize {
        self.overrides.len()
    }

    /// Where the address speaks from; `None` when no table knows it.
    pub fn place(&self, address: IpAddr) -> Option<Place> {
        // An IPv4 client of an IPv6 socket.
        let address = address.to_canonical();
        for length in &self.lengths[usize::from(address.is_ipv6())] {
            if let Ok(net) = IpNet::new(address, *length)
                && let Some(place) = self.overrides.get(&net.trunc())
            {
                return place.clone();
            }
        }
        if let Some(place) = self.table.as_ref().and_then(|table| table.place(address)) {
            return Some(place);
        }
        let country = Country::new(iptocc::country_code(address)?).ok()?;
        Some(Place { country, region: None })
    }
}

impl Table {
    fn place(&self, address: IpAddr) -> Option<Place> {
        let record: Record<'_> = self.reader.lookup(address).ok()?.decode().ok()??;
        let code = match record.country {
            Some(CountryOf::Nested { iso_code }) => iso_code,
            Some(CountryOf::Flat(code)) => Some(code),
            None => record.country_code,
        };
        let country = Country::new(code?).ok()?;
        let names = record.subdivisions.as_ref().and_then(|parts| parts.first()).map(|part| &part.names);
        let named = names.and_then(|names| names.get(self.language.as_str()).or_else(|| names.get("en")));
        // A name that does not fit is as good as none: the country stands.
        let region = named.copied().or(record.state1).and_then(|name| RegionName::new(name).ok());
        Some(Place { country, region })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A table in the MaxMind format (<https://maxmind.github.io/MaxMind-DB/>) with one network of IPv4, written by hand.
    fn table(network: [u8; 3], record: &[u8]) -> Vec<u8> {
        const NODES: u32 = 24;
        let mut out = Vec::new();
        for bit in 0..NODES {
            let set = network[bit as usize / 8] >> (7 - bit % 8) & 1 == 1;
            // The next node, or behind the last one the record, past the 16 bytes between the tree and the data.
            let next = if bit + 1 == NODES { NODES + 16 } else { bit + 1 };
            for side in [false, true] {
                out.extend_from_slice(&(if side == set { next } else { NODES }).to_be_bytes()[1..]);
            }
        }
        out.extend_from_slice(&[0; 16]);
        out.extend_from_slice(record);
        out.extend_from_slice(b"\xab\xcd\xefMaxMind.com");
        let number =
            |name: &str, value: u32| [text(name), vec![6 << 5 | 4], value.to_be_bytes().to_vec()].concat();
        let short =
            |name: &str, value: u16| [text(name), vec![5 << 5 | 2], value.to_be_bytes().to_vec()].concat();
        let epoch = [text("build_epoch"), vec![8, 2], 1_700_000_000_u64.to_be_bytes().to_vec()].concat();
        out.push(7 << 5 | 9);
        for part in [
            short("binary_format_major_version", 2),
            short("binary_format_minor_version", 0),
            short("ip_version", 4),
            short("record_size", 24),
            number("node_count", NODES),
            epoch,
            [text("database_type"), text("Made-up")].concat(),
            [text("languages"), vec![0, 4]].concat(),
            [text("description"), map(&[("en", text("made up"))])].concat(),
        ] {
            out.extend_from_slice(&part);
        }
        out
    }

    fn text(text: &str) -> Vec<u8> {
        assert!(text.len() < 29);
        [&[2 << 5 | text.len() as u8], text.as_bytes()].concat()
    }

    fn map(parts: &[(&str, Vec<u8>)]) -> Vec<u8> {
        let mut out = vec![7 << 5 | parts.len() as u8];
        for (key, value) in parts {
            out.extend(text(key));
            out.extend_from_slice(value);
        }
        out
    }

    fn city() -> Vec<u8> {
        let names = map(&[("en", text("Zhejiang")), ("zh-CN", text("\u{6d59}\u{6c5f}"))]);
        let subdivisions = [vec![1, 4], map(&[("names", names)])].concat();
        map(&[("country", map(&[("iso_code", text("CN"))])), ("subdivisions", subdivisions)])
    }

    #[test]
    fn a_table_of_the_operator_knows_provinces_and_its_own_lines_beat_it() {
        let lines = "203.0.113.9/32,JP,\n";
        for (language, expected) in
            [("en", "CN/Zhejiang"), ("zh-CN", "CN/\u{6d59}\u{6c5f}"), ("fr", "CN/Zhejiang")]
        {
            let regions = Regions::with_overrides(lines).unwrap();
            let regions = regions.with_table(table([203, 0, 113], &city()), language).unwrap();
            assert_eq!(place(&regions, "203.0.113.1").as_deref(), Some(expected));
            assert_eq!(place(&regions, "203.0.113.9").as_deref(), Some("JP"));
            assert_eq!(
                place(&regions, "8.8.8.8").as_deref(),
                Some("US"),
                "what it does not know the registries do"
            );
            let about = regions.table().unwrap();
            assert_eq!((about.name.as_str(), about.built_at), ("Made-up", Millis(1_700_000_000_000)));
        }
        for flat in [
            map(&[("country_code", text("CN")), ("state1", text("Zhejiang"))]),
            map(&[("country", text("CN")), ("state1", text("Zhejiang"))]),
        ] {
            let regions = Regions::builtin().with_table(table([203, 0, 113], &flat), "en").unwrap();
            assert_eq!(place(&regions, "203.0.113.1").as_deref(), Some("CN/Zhejiang"));
        }
    }

    #[test]
    fn a_damaged_table_is_refused_and_no_part_of_it_is_used() {
        let whole = table([203, 0, 113], &city());
        for end in 0..whole.len() {
            // What is cut off its end may leave a table without its last words; it never gives another place.
            if let Ok(regions) = Regions::builtin().with_table(whole[..end].to_vec(), "en") {
                let place = place(&regions, "203.0.113.1");
                assert!(matches!(place.as_deref(), None | Some("CN/Zhejiang")), "{end}: {place:?}");
            }
        }
        assert_eq!(
            Regions::builtin().with_table(b"no table".to_vec(), "en").unwrap_err(),
            RegionsError::Table
        );
    }

    fn place(regions: &Regions, address: &str) -> Option<String> {
        let place = regions.place(address.parse().unwrap())?;
        Some(match place.region {
            Some(region) => format!("{}/{region}", place.country),
            None => place.country.to_string(),
        })
    }

    #[test]
    fn the_longest_prefix_of_the_operator_beats_the_registries() {
        let regions = Regions::with_overrides(
            "# operator\n8.8.0.0/16,CN\n8.8.8.0/24,CN,Zhejiang,Hangzhou,\n\n8.8.8.9/32,,\n2001:4860::/32,cn,Beijing\n",
        )
        .unwrap();
        for (address, expected) in [
            ("8.8.8.8", Some("CN/Zhejiang")),
            ("8.8.8.9", None),
            ("8.8.4.4", Some("CN")),
            ("8.9.4.4", Some("US")),
            ("::ffff:8.8.8.8", Some("CN/Zhejiang")),
            ("2001:4860:4860::8888", Some("CN/Beijing")),
            ("10.0.0.1", None),
        ] {
            assert_eq!(place(&regions, address).as_deref(), expected, "{address}");
        }
        assert_eq!(place(&Regions::builtin(), "8.8.8.8").as_deref(), Some("US"));
    }

    #[test]
    fn a_bad_line_is_named_by_its_number_only() {
        for (text, line) in
            [("8.8.8.8/33,CN", 1), ("\n8.8.8.0/24,China", 2), ("8.8.8.0/24,CN,203.0.113.9", 1)]
        {
            let error = Regions::with_overrides(text).unwrap_err();
            assert!(matches!(error, RegionsError::Line { line: at, .. } if at == line), "{error}");
            assert!(!error.to_string().contains("8.8"), "{error}");
        }
    }
}

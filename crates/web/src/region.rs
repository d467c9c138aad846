//! From an address to where it speaks from; the address goes no further than this call.
//!
//! The built-in table is the registries' own: it names the country a block is *assigned* to, which is not always
//! where it is used. An operator's table (RFC 8805: `prefix,country,region`) beats it, longest prefix first.

use std::collections::{BTreeSet, HashMap};
use std::net::IpAddr;

use ipnet::IpNet;
use state::{Country, RegionName};

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
        let country = Country::new(iptocc::country_code(address)?).ok()?;
        Some(Place { country, region: None })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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

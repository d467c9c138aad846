//! Which addresses may be connected to: the internet, and what the operator names besides.
//!
//! An endpoint is chosen by somebody with a key of one platform, and the server stands where its neighbours trust it. The
//! name is looked up once, and the address that was checked is the one that is connected to.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use ipnet::IpNet;
use url::{Host, Url};

/// What may be connected to besides the internet.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Guard {
    /// Networks that are allowed although they are not public.
    pub networks: Vec<IpNet>,
    /// Whether `http` is allowed. What is sent has no names in it, but whoever listens sees who is restricted.
    pub plain_http: bool,
}

/// Why an address is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// Not an absolute address with a host.
    #[error("this is no absolute address: write it like `https://example.com/effects`")]
    NotAnAddress,
    /// A scheme other than those that are allowed.
    #[error("only `https` is allowed here; `webhooks.plain_http` allows `http`")]
    Scheme,
    /// A user or a password in the address.
    #[error("the address has a user or a password in it: leave them out, messages are signed")]
    Credentials,
    /// `#...`
    #[error("the address has a fragment, which is never sent: leave it out")]
    Fragment,
    /// Inside of a network that is not public.
    #[error("the address is inside of a network that is not public; `webhooks.networks` allows it")]
    NotPublic,
}

impl Guard {
    /// The address, if it may be connected to as far as can be seen without looking up its name.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn url(&self, text: &str) -> Result<Url, Refused> {
        let url = Url::parse(text).map_err(|_| Refused::NotAnAddress)?;
        let host = url.host().ok_or(Refused::NotAnAddress)?;
        match url.scheme() {
            "https" => {}
            "http" if self.plain_http => {}
            _ => return Err(Refused::Scheme),
        }
        if !url.username().is_empty() || url.password().is_some() {
            return Err(Refused::Credentials);
        }
        if url.fragment().is_some() {
            return Err(Refused::Fragment);
        }
        let allowed = match host {
            Host::Ipv4(ip) => self.allows(ip.into()),
            Host::Ipv6(ip) => self.allows(ip.into()),
            // Seen when it is looked up.
            Host::Domain(_) => true,
        };
        if allowed { Ok(url) } else { Err(Refused::NotPublic) }
    }

    /// May this address be connected to?
    #[must_use]
    pub fn allows(&self, ip: IpAddr) -> bool {
        let ip = ip.to_canonical();
        self.networks.iter().any(|network| network.contains(&ip))
            || match ip {
                IpAddr::V4(ip) => is_public_v4(ip),
                IpAddr::V6(ip) => is_public_v6(ip),
            }
    }
}

/// By the IANA registry of special-purpose addresses (<https://www.iana.org/assignments/iana-ipv4-special-registry>).
fn is_public_v4(ip: Ipv4Addr) -> bool {
    let [a, b, c, _] = ip.octets();
    let special = match (a, b, c) {
        // This network, private use, shared space, loopback, link-local.
        (0 | 10 | 127, ..) | (100, 64..=127, _) | (169, 254, _) | (172, 16..=31, _) | (192, 168, _) => true,
        // Protocol assignments, documentation, 6to4 relays, benchmarks.
        (192, 0, 0 | 2) | (192, 88, 99) | (198, 18 | 19, _) | (198, 51, 100) | (203, 0, 113) => true,
        // Multicast, reserved, broadcast.
        (224.., ..) => true,
        _ => false,
    };
    !special
}

/// By the IANA registry of special-purpose addresses (<https://www.iana.org/assignments/iana-ipv6-special-registry>).
fn is_public_v6(ip: Ipv6Addr) -> bool {
    let [a, b, c, d, e, f, g, h] = ip.segments();
    let v4 = |high: u16, low: u16| {
        let ([a, b], [c, d]) = (high.to_be_bytes(), low.to_be_bytes());
        is_public_v4(Ipv4Addr::new(a, b, c, d))
    };
    match (a, b) {
        // Translated to IPv4 on the way.
        (0x64, 0xff9b) => (c, d, e, f) == (0, 0, 0, 0) && v4(g, h),
        (0x2002, _) => v4(b, c),
        // Protocol assignments (Teredo, ORCHID and others) and documentation.
        (0x2001, 0..=0x1ff) | (0x2001, 0xdb8) | (0x3fff, 0..=0xfff) => false,
        // Nothing else outside of 2000::/3 is given out for the internet.
        (0x2000..=0x3fff, _) => true,
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(guard: &Guard, url: &str, expected: Result<(), Refused>) {
        assert_eq!(guard.url(url).map(drop), expected, "{url}");
    }

    #[test]
    fn an_address_is_absolute_public_and_has_no_secrets_in_it() {
        let guard = Guard::default();
        check(&guard, "https://example.com/effects?shop=1", Ok(()));
        check(&guard, "https://93.184.215.14/", Ok(()));
        check(&guard, "https://[2606:2800:21f:cb07:6820:80da:af6b:8b2c]/", Ok(()));
        check(&guard, "effects", Err(Refused::NotAnAddress));
        check(&guard, "mailto:a@example.com", Err(Refused::NotAnAddress));
        check(&guard, "http://example.com/", Err(Refused::Scheme));
        check(&guard, "ftp://example.com/", Err(Refused::Scheme));
        check(&guard, "https://me@example.com/", Err(Refused::Credentials));
        check(&guard, "https://:pass@example.com/", Err(Refused::Credentials));
        check(&guard, "https://example.com/#here", Err(Refused::Fragment));
        // Every spelling of an address that a browser takes.
        for host in ["127.0.0.1", "2130706433", "0x7f.1", "017700000001", "[::1]", "[::ffff:127.0.0.1]"] {
            check(&guard, &format!("https://{host}/"), Err(Refused::NotPublic));
        }
    }

    #[test]
    fn networks_and_plain_http_are_allowed_by_name() {
        let guard = Guard { networks: vec!["127.0.0.0/8".parse().unwrap()], plain_http: true };
        check(&guard, "http://127.0.0.1:9/", Ok(()));
        check(&guard, "http://[::ffff:127.0.0.1]/", Ok(()));
        check(&guard, "http://[::1]/", Err(Refused::NotPublic));
        check(&guard, "http://10.0.0.1/", Err(Refused::NotPublic));
    }

    #[test]
    fn what_is_not_the_internet_is_refused() {
        let inside = "0.0.0.0 10.1.2.3 100.64.0.1 100.127.255.255 127.1.2.3 169.254.169.254 172.16.0.1 172.31.255.255 \
                      192.0.0.1 192.0.2.1 192.88.99.1 192.168.1.1 198.18.0.1 198.19.255.255 198.51.100.1 203.0.113.9 \
                      224.0.0.1 240.0.0.1 255.255.255.255 :: ::1 ::127.0.0.1 ::ffff:10.0.0.1 64:ff9b::10.0.0.1 \
                      64:ff9b:1::1 100::1 2001::1 2001:10::1 2001:db8::1 2002:a00:1:: 3fff::1 fc00::1 fd00::1 fe80::1 \
                      fec0::1 ff02::1 5f00::1";
        for ip in inside.split_whitespace() {
            assert!(!Guard::default().allows(ip.parse().unwrap()), "{ip}");
        }
        let outside = "1.1.1.1 100.63.255.255 100.128.0.1 172.15.0.1 172.32.0.1 198.17.0.1 198.20.0.1 223.255.255.255 \
                       2606:4700::1111 2001:4860:4860::8888 2400:cb00::1 64:ff9b::1.1.1.1 2002:101:101::1 ::ffff:8.8.8.8";
        for ip in outside.split_whitespace() {
            assert!(Guard::default().allows(ip.parse().unwrap()), "{ip}");
        }
    }
}

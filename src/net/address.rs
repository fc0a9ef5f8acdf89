//! Address ranges, and which addresses outgoing requests may reach.
use std::net::IpAddr;

/// An address range, `10.0.0.0/8`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Range {
    base: IpAddr,
    bits: u32,
}

impl std::str::FromStr for Range {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (base, bits) = text.split_once('/').map_or((text, None), |(base, bits)| (base, Some(bits)));
        let base: IpAddr = base.trim().parse().map_err(|_| format!("{text:?} is no address range"))?;
        let width = if base.is_ipv4() { 32 } else { 128 };
        let bits = bits.map_or(Ok(width), |bits| bits.trim().parse()).ok().filter(|bits| *bits <= width);
        Ok(Self { base, bits: bits.ok_or_else(|| format!("{text:?} is no address range"))? })
    }
}

impl Range {
    /// Whether an address is in it.
    pub fn contains(&self, address: IpAddr) -> bool {
        let common = match (self.base, address) {
            (IpAddr::V4(base), IpAddr::V4(address)) => (base.to_bits() ^ address.to_bits()).leading_zeros(),
            (IpAddr::V6(base), IpAddr::V6(address)) => (base.to_bits() ^ address.to_bits()).leading_zeros(),
            _ => return false,
        };
        common >= self.bits
    }
}

/// Ranges that are not of the public internet (IANA special-purpose registries, RFC 6890). Of IPv6 only 2000::/3 is.
const PRIVATE: &[&str] = &[
    "0.0.0.0/8",
    "10.0.0.0/8",
    "100.64.0.0/10",
    "127.0.0.0/8",
    "169.254.0.0/16",
    "172.16.0.0/12",
    "192.0.0.0/24",
    "192.0.2.0/24",
    "192.168.0.0/16",
    "198.18.0.0/15",
    "198.51.100.0/24",
    "203.0.113.0/24",
    "224.0.0.0/3",
    "2001::/23",
    "2001:db8::/32",
    "2002::/16",
    "3fff::/20",
];
const PUBLIC_V6: &str = "2000::/3";

/// Which addresses may be reached: those of the public internet, and what the operator allows besides.
#[derive(Debug, Clone)]
pub struct Guard {
    allowed: Vec<Range>,
    private: Vec<Range>,
    public_v6: Vec<Range>,
    is_closed: bool,
}

/// Whether a web address is one of this machine.
pub fn is_loopback_url(url: &str) -> bool {
    let host = url.parse::<http::Uri>().ok().and_then(|uri| uri.host().map(str::to_owned));
    host.is_some_and(|host| {
        let host = host.trim_matches(['[', ']']);
        host.eq_ignore_ascii_case("localhost")
            || host.parse().is_ok_and(|address: IpAddr| address.is_loopback())
    })
}

impl Guard {
    /// The public internet and `allowed`.
    pub fn new(allowed: Vec<Range>) -> Self {
        let read = |ranges: &[&str]| ranges.iter().filter_map(|range| range.parse().ok()).collect();
        Self { allowed, private: read(PRIVATE), public_v6: read(&[PUBLIC_V6]), is_closed: false }
    }

    /// Without the public internet: only what is named.
    pub fn closed(self) -> Self {
        Self { is_closed: true, ..self }
    }

    /// Whether only what is named may be reached.
    pub fn is_closed(&self) -> bool {
        self.is_closed
    }

    /// Whether the operator has named the address. Such a one may also be reached without TLS.
    pub fn is_named(&self, address: IpAddr) -> bool {
        let address = address.to_canonical();
        self.allowed.iter().any(|range| range.contains(address))
    }

    /// Whether the address may be reached.
    pub fn admits(&self, address: IpAddr) -> bool {
        let address = address.to_canonical();
        let within = |ranges: &[Range]| ranges.iter().any(|range| range.contains(address));
        let is_public = !within(&self.private) && (address.is_ipv4() || within(&self.public_v6));
        (is_public && !self.is_closed) || self.is_named(address)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_public_internet_and_what_is_named() {
        let guard = Guard::new(vec!["127.0.0.0/8".parse().unwrap(), "fd00::/8".parse().unwrap()]);
        for public in ["8.8.8.8", "140.82.112.5", "2606:4700::1", "127.0.0.1", "fd12::1", "::ffff:127.0.0.1"]
        {
            assert!(guard.admits(public.parse().unwrap()), "{public}");
        }
        for private in [
            "10.1.2.3",
            "169.254.169.254",
            "172.31.0.1",
            "192.168.1.1",
            "100.64.0.1",
            "0.0.0.0",
            "255.255.255.255",
            "224.0.0.1",
            "::1",
            "fe80::1",
            "fc00::1",
            "::ffff:10.0.0.1",
            "2002:a00:1::",
            "64:ff9b::a00:1",
            "::",
        ] {
            assert!(!guard.admits(private.parse().unwrap()), "{private}");
        }
        assert!(!guard.is_named("8.8.8.8".parse().unwrap()));
        let closed = guard.closed();
        assert!(!closed.admits("8.8.8.8".parse().unwrap()) && closed.admits("127.0.0.1".parse().unwrap()));
    }

    #[test]
    fn addresses_of_this_machine() {
        for url in ["http://127.0.0.1:8600", "https://localhost/x", "http://[::1]:1", "http://127.3.2.1"] {
            assert!(is_loopback_url(url), "{url}");
        }
        for url in
            ["https://acme.okta.com", "http://localhost.example.com", "http://127.0.0.1.example.com", "x", ""]
        {
            assert!(!is_loopback_url(url), "{url}");
        }
    }
}

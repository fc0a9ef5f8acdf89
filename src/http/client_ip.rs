//! Whose request it is, behind proxies that are trusted by address.
use std::net::IpAddr;

use http::HeaderMap;

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
    fn contains(&self, address: IpAddr) -> bool {
        let common = match (self.base, address) {
            (IpAddr::V4(base), IpAddr::V4(address)) => (base.to_bits() ^ address.to_bits()).leading_zeros(),
            (IpAddr::V6(base), IpAddr::V6(address)) => (base.to_bits() ^ address.to_bits()).leading_zeros(),
            _ => return false,
        };
        common >= self.bits
    }
}

/// The right-most address that no trusted proxy has: what is left of it may be forged.
pub fn client_ip(peer: IpAddr, headers: &HeaderMap, trusted: &[Range]) -> IpAddr {
    let is_trusted = |address: IpAddr| trusted.iter().any(|range| range.contains(address));
    if !is_trusted(peer) {
        return peer;
    }
    let forwarded: Vec<&str> = headers
        .get_all("x-forwarded-for")
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .collect();
    let mut client = peer;
    for hop in forwarded.into_iter().rev() {
        let Ok(address) = hop.trim().parse::<IpAddr>() else { break };
        client = address.to_canonical();
        if !is_trusted(client) {
            break;
        }
    }
    client
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_trusted_proxies_are_believed() {
        let trusted: Vec<Range> = ["10.0.0.0/8", "::1"].iter().map(|text| text.parse().unwrap()).collect();
        let mut headers = HeaderMap::new();
        headers.insert("x-forwarded-for", "9.9.9.9, 8.8.8.8, 10.1.1.1".parse().unwrap());
        let from = |peer: &str| client_ip(peer.parse().unwrap(), &headers, &trusted).to_string();
        assert_eq!(from("10.2.3.4"), "8.8.8.8");
        assert_eq!(from("::1"), "8.8.8.8");
        assert_eq!(from("203.0.113.7"), "203.0.113.7");
        assert!("10.0.0.0/40".parse::<Range>().is_err() && "x".parse::<Range>().is_err());
    }
}

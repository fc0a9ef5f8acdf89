//! Whose request it is, behind proxies that are trusted by address.
use std::net::IpAddr;

use http::{HeaderMap, HeaderName};

use super::Proxy;
use crate::net::address::Range;

const FORWARDED: HeaderName = HeaderName::from_static("x-forwarded-for");

/// The right-most address that no trusted proxy has: what is left of it may be forged. And who stands in between.
pub fn client_ip(peer: IpAddr, headers: &HeaderMap, trusted: &[Range]) -> (IpAddr, Proxy) {
    let is_trusted = |address: IpAddr| trusted.iter().any(|range| range.contains(address));
    if !is_trusted(peer) {
        let proxy = if headers.contains_key(FORWARDED) { Proxy::Ignored } else { Proxy::None };
        return (peer, proxy);
    }
    let forwarded: Vec<&str> = headers
        .get_all(FORWARDED)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .collect();
    let proxy = if forwarded.is_empty() { Proxy::None } else { Proxy::Believed };
    let mut client = peer;
    for hop in forwarded.into_iter().rev() {
        let Ok(address) = hop.trim().parse::<IpAddr>() else { break };
        client = address.to_canonical();
        if !is_trusted(client) {
            break;
        }
    }
    (client, proxy)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_trusted_proxies_are_believed() {
        let trusted: Vec<Range> = ["10.0.0.0/8", "::1"].iter().map(|text| text.parse().unwrap()).collect();
        let mut headers = HeaderMap::new();
        headers.insert("x-forwarded-for", "9.9.9.9, 8.8.8.8, 10.1.1.1".parse().unwrap());
        let from = |peer: &str| client_ip(peer.parse().unwrap(), &headers, &trusted).0.to_string();
        assert_eq!(from("10.2.3.4"), "8.8.8.8");
        assert_eq!(from("::1"), "8.8.8.8");
        assert_eq!(from("203.0.113.7"), "203.0.113.7");
        let proxy = |peer: &str| client_ip(peer.parse().unwrap(), &headers, &trusted).1;
        assert_eq!((proxy("::1"), proxy("203.0.113.7")), (Proxy::Believed, Proxy::Ignored));
        assert!("10.0.0.0/40".parse::<Range>().is_err() && "x".parse::<Range>().is_err());
    }
}

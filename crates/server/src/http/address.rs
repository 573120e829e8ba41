//! The client's **address**: what limits are counted by. Headers that claim
//! one count only when they come from a proxy that the server's owner named.

use axum::http::HeaderMap;
use ipnet::IpNet;
use std::net::IpAddr;

/// Header read from proxies; any other that claims an address is ignored.
const HEADER: &str = "x-forwarded-for";

/// Proxies whose word counts.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Proxies(Vec<IpNet>);

impl Proxies {
    /// Trusts these networks. An empty list trusts nobody.
    pub fn new(networks: Vec<IpNet>) -> Self {
        Self(networks)
    }

    fn contain(&self, address: IpAddr) -> bool {
        self.0.iter().any(|network| network.contains(&address))
    }

    /// The client's address: the connection's, or where that is one of our
    /// proxies, the last one in `X-Forwarded-For` that is none of them. What a
    /// client writes itself stands further left and is never reached. An entry
    /// that is no address ends the search at the last one we believe.
    pub fn client(&self, connection: IpAddr, headers: &HeaderMap) -> IpAddr {
        let mut believed = connection.to_canonical();
        let values: Vec<_> = headers.get_all(HEADER).iter().filter_map(|value| value.to_str().ok()).collect();
        let mut entries = values.iter().rev().flat_map(|value| value.rsplit(','));
        while self.contain(believed) {
            match entries.next().and_then(|entry| entry.trim().parse::<IpAddr>().ok()) {
                Some(address) => believed = address.to_canonical(),
                None => break,
            }
        }
        believed
    }
}

/// What limits count an address by: IPv4 whole, of IPv6 the /64 that one
/// customer usually has.
pub fn bucket(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V4(address) => IpAddr::V4(address),
        IpAddr::V6(address) => {
            let mut segments = address.segments();
            segments[4..].fill(0);
            IpAddr::from(segments)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn client(proxies: &[&str], connection: &str, headers: &[(&str, &str)]) -> String {
        let proxies = Proxies::new(proxies.iter().map(|network| network.parse().unwrap()).collect());
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            map.append(axum::http::HeaderName::from_bytes(name.as_bytes()).unwrap(), value.parse().unwrap());
        }
        proxies.client(connection.parse().unwrap(), &map).to_string()
    }

    #[test]
    fn only_our_proxies_are_believed() {
        let ours = ["10.0.0.0/8"];
        assert_eq!(client(&[], "192.0.2.1", &[("x-forwarded-for", "1.1.1.1")]), "192.0.2.1");
        assert_eq!(client(&ours, "192.0.2.1", &[("x-forwarded-for", "1.1.1.1")]), "192.0.2.1");
        assert_eq!(client(&ours, "10.0.0.1", &[("x-forwarded-for", "1.1.1.1, 192.0.2.7")]), "192.0.2.7");
        assert_eq!(client(&ours, "10.0.0.1", &[("x-forwarded-for", "6.6.6.6, 192.0.2.7, 10.0.0.2")]), "192.0.2.7");
        assert_eq!(client(&ours, "::ffff:10.0.0.1", &[("x-forwarded-for", "6.6.6.6"), ("x-forwarded-for", "192.0.2.7")]), "192.0.2.7");
        assert_eq!(client(&ours, "10.0.0.1", &[("x-forwarded-for", "192.0.2.7, nonsense")]), "10.0.0.1");
        let others = [("x-real-ip", "1.1.1.1"), ("true-client-ip", "1.1.1.1"), ("forwarded", "for=1.1.1.1")];
        assert_eq!(client(&ours, "10.0.0.1", &others), "10.0.0.1");
        assert_eq!(bucket("2001:db8:1:2:3:4:5:6".parse().unwrap()).to_string(), "2001:db8:1:2::");
        assert_eq!(bucket("::ffff:192.0.2.1".parse().unwrap()).to_string(), "192.0.2.1");
    }
}

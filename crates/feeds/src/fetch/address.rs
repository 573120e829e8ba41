//! Which addresses may be asked: the rules that keep a hostile feed, redirect
//! or name server from turning the fetcher against the inside of a network.
//!
//! Scheme, user information, host and literal address are checked for every
//! request and every redirect; resolved addresses are checked by the resolver
//! that also hands them to the connection, so that no second answer of the
//! name server counts.

use plimsoll_core::model::problem::Problem;
use std::collections::BTreeSet;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;
use ureq::unversioned::resolver::{DefaultResolver, ResolvedSocketAddrs, Resolver};
use ureq::unversioned::transport::NextTimeout;
use url::{Host, Url};

/// A host with its port, as the operator named it.
pub(crate) type Named = (String, u16);

/// The hosts one source may be fetched from.
#[derive(Clone, Debug, Default)]
pub(crate) struct Scope {
    pub(crate) hosts: BTreeSet<String>,
}

/// The rules of one run.
#[derive(Clone, Debug)]
pub(crate) struct AddressRules {
    /// Host and port pairs the operator's own configuration names: mirrors,
    /// own sources, proxies. Only these may be private or loopback.
    pub(crate) named: Arc<BTreeSet<Named>>,
    /// Whether plain http is allowed anywhere.
    pub(crate) allow_http: bool,
}

impl AddressRules {
    /// Checks one address before it is asked.
    pub(crate) fn permit(&self, url: &Url, scope: &Scope) -> Result<(), Problem> {
        let named = named_of(url).is_some_and(|named| self.named.contains(&named));
        match url.scheme() {
            "https" => {}
            "http" if self.allow_http || (named && is_loopback(url)) => {}
            "http" => {
                return Err(blocked(url, "is plain http", "use https, or allow http with --allow-http"));
            }
            other => return Err(blocked(url, &format!("has the scheme {other}"), "only https is fetched")),
        }
        if !url.username().is_empty() || url.password().is_some() {
            return Err(blocked(url, "carries a user name or password", "take it out of the address"));
        }
        let Some(host) = url.host() else {
            return Err(blocked(url, "names no host", "write the whole address"));
        };
        let reason = match host {
            Host::Ipv4(address) => not_public(IpAddr::V4(address)),
            Host::Ipv6(address) => not_public(IpAddr::V6(address)),
            Host::Domain(_) => None,
        };
        if let (Some(reason), false) = (reason, named) {
            return Err(blocked(url, &format!("is {reason}"), NAME_IT));
        }
        let name = host_name(url).unwrap_or_default();
        if !named && !scope.hosts.contains(&name) {
            return Err(blocked(
                url,
                "is not on a host this source is allowed",
                "if the address is right, add the host to allow_hosts in sources.toml",
            ));
        }
        Ok(())
    }

    /// Checks a redirect: the same rules, and never from https to http.
    pub(crate) fn permit_redirect(&self, from: &Url, to: &Url, scope: &Scope) -> Result<(), Problem> {
        if from.scheme() == "https" && to.scheme() == "http" {
            return Err(blocked(to, "is a redirect from https to http", "tell whoever runs the server"));
        }
        self.permit(to, scope)
    }
}

const NAME_IT: &str = "if it is a server of your own, name it in sources.toml (a mirror, a source's url, or allow_hosts)";

fn blocked(url: &Url, why: &str, next: &str) -> Problem {
    Problem::new("E-URL-BLOCKED", shown(url), format!("the address {why}"), next)
}

/// An address as it may be shown: without user, password, query and fragment,
/// where secrets hide.
pub(crate) fn shown(url: &Url) -> String {
    let mut clean = url.clone();
    let _ = clean.set_username("");
    let _ = clean.set_password(None);
    if clean.query().is_some() {
        clean.set_query(Some("…"));
    }
    clean.set_fragment(None);
    clean.to_string().replace("%E2%80%A6", "…")
}

/// Host name in lower case without a trailing dot; brackets for IPv6.
pub(crate) fn host_name(url: &Url) -> Option<String> {
    url.host_str().map(|host| host.trim_end_matches('.').to_ascii_lowercase())
}

/// Host and port of an address.
pub(crate) fn named_of(url: &Url) -> Option<Named> {
    Some((host_name(url)?, url.port_or_known_default()?))
}

fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        Some(Host::Domain(name)) => name == "localhost" || name.ends_with(".localhost"),
        None => false,
    }
}

fn not_public(address: IpAddr) -> Option<String> {
    inward(address).map(|reason| format!("{address}, which is {reason}"))
}

/// Why an address is not a public one, `loopback`, `link-local`; none when it
/// is.
///
/// Source: IANA's special-purpose registries. An IPv6 address that carries an
/// IPv4 one is judged by the one inside.
pub fn inward(address: IpAddr) -> Option<&'static str> {
    match address {
        IpAddr::V4(address) => not_public_v4(address),
        IpAddr::V6(address) => not_public_v6(address),
    }
}

fn not_public_v4(address: Ipv4Addr) -> Option<&'static str> {
    let [a, b, c, _] = address.octets();
    Some(match (a, b, c) {
        (0, ..) => "unspecified",
        (127, ..) => "loopback",
        (169, 254, _) => "link-local",
        (10, ..) | (172, 16..=31, _) | (192, 168, _) => "private",
        (100, 64..=127, _) => "shared (carrier NAT)",
        (192, 0, 0) | (192, 0, 2) | (192, 88, 99) | (198, 51, 100) | (203, 0, 113) | (198, 18..=19, _) => "reserved",
        (224..=239, ..) => "multicast",
        (240.., ..) => "reserved",
        _ => return None,
    })
}

fn not_public_v6(address: Ipv6Addr) -> Option<&'static str> {
    if address.is_unspecified() {
        return Some("unspecified");
    }
    if address.is_loopback() {
        return Some("loopback");
    }
    let [a, b, c, d, e, f, g, h] = address.segments();
    let inner = |high: u16, low: u16| {
        let [w, x] = high.to_be_bytes();
        let [y, z] = low.to_be_bytes();
        not_public_v4(Ipv4Addr::new(w, x, y, z))
    };
    match (a, b, c, d, e, f) {
        (0, 0, 0, 0, 0, 0xffff | 0) | (0x64, 0xff9b, 0, 0, 0, 0) => return inner(g, h),
        (0x2002, ..) => return inner(b, c),
        (0x64, 0xff9b, 1, ..) | (0x100, ..) | (0x2001, 0xdb8, ..) | (0x2001, 0, ..) | (0x5f00, ..) => return Some("reserved"),
        _ => {}
    }
    match a {
        0xfc00..=0xfdff => Some("private"),
        0xfe80..=0xfebf => Some("link-local"),
        0xfec0..=0xfeff => Some("private"),
        0xff00.. => Some("multicast"),
        _ => None,
    }
}

/// An address the resolver refused.
#[derive(Debug)]
pub(crate) struct Refused {
    pub(crate) reason: String,
}

impl std::fmt::Display for Refused {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str(&self.reason)
    }
}

impl std::error::Error for Refused {}

/// Resolves as the system does and refuses a host that has any address that
/// is not public, unless the operator named it.
///
/// The connection uses exactly these answers: a name server that changes its
/// mind between check and use gains nothing.
#[derive(Debug)]
pub(crate) struct CheckedResolver {
    pub(crate) inner: DefaultResolver,
    pub(crate) named: Arc<BTreeSet<Named>>,
}

impl Resolver for CheckedResolver {
    fn resolve(
        &self,
        uri: &ureq::http::Uri,
        config: &ureq::config::Config,
        timeout: NextTimeout,
    ) -> Result<ResolvedSocketAddrs, ureq::Error> {
        let answers = self.inner.resolve(uri, config, timeout)?;
        let host = uri.host().unwrap_or_default().trim_end_matches('.').to_ascii_lowercase();
        let addresses: Vec<SocketAddr> = answers.iter().copied().collect();
        for address in addresses {
            if self.named.contains(&(host.clone(), address.port())) {
                continue;
            }
            if let Some(reason) = not_public(address.ip()) {
                return Err(ureq::Error::Other(Box::new(Refused { reason: format!("{host} is {reason}") })));
            }
        }
        Ok(answers)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rules(named: &[(&str, u16)]) -> AddressRules {
        AddressRules {
            named: Arc::new(named.iter().map(|(host, port)| ((*host).to_owned(), *port)).collect()),
            allow_http: false,
        }
    }

    #[test]
    fn inward_addresses_are_refused_in_every_spelling() {
        let scope = Scope {
            hosts: ["127.0.0.1", "169.254.169.254", "10.1.2.3", "[::1]", "[::ffff:127.0.0.1]", "[::ffff:7f00:1]", "[fe80::1]", "[64:ff9b::a9fe:a9fe]", "[2002:7f00:1::]", "feeds.example"]
                .map(str::to_owned)
                .into(),
        };
        let rules = rules(&[]);
        for address in [
            "https://127.0.0.1/",
            "https://2130706433/",
            "https://0177.0.0.1/",
            "https://0x7f.1/",
            "https://169.254.169.254/latest/meta-data/",
            "https://10.1.2.3/",
            "https://[::1]/",
            "https://[::ffff:127.0.0.1]/",
            "https://[fe80::1]/",
            "https://[64:ff9b::169.254.169.254]/",
            "https://[2002:7f00:0001::]/",
            "https://user:secret@feeds.example/",
            "http://feeds.example/",
            "ftp://feeds.example/",
            "file:///etc/passwd",
            "https://other.example/",
        ] {
            let url = Url::parse(address).expect("a parsable address");
            let problem = rules.permit(&url, &scope).expect_err(address);
            assert_eq!(problem.code, "E-URL-BLOCKED", "{address}");
            assert!(!format!("{problem:?}").contains("secret"), "{problem:?}");
        }
        let fine = Url::parse("https://Feeds.example./x").expect("a parsable address");
        rules.permit(&fine, &scope).expect("a public host of this source");
    }

    #[test]
    fn only_what_the_operator_named_may_be_inside() {
        let rules = rules(&[("127.0.0.1", 8080)]);
        let scope = Scope::default();
        let mirror = Url::parse("http://127.0.0.1:8080/osv").expect("a parsable address");
        rules.permit(&mirror, &scope).expect("named mirror on loopback");
        let other_port = Url::parse("http://127.0.0.1:22/").expect("a parsable address");
        assert!(rules.permit(&other_port, &scope).is_err());
    }
}

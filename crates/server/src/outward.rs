//! The guard for **outbound requests** whose address somebody typed: webhooks,
//! identity providers. Without it, whoever may name an address could make the
//! server ask things that only it can reach.
//!
//! The name is resolved once; every answer must be public or explicitly
//! allowed; the connection goes to exactly these answers, so that a name
//! server which changes its mind gains nothing. Redirects are not followed,
//! proxies of the environment not used. Behind a proxy that the settings name,
//! names are the proxy's to resolve and to refuse; addresses written as numbers
//! are checked here all the same.

use crate::http::problem::Refusal;
use axum::http::{HeaderMap, Method, StatusCode};
use plimsoll_feeds::fetch::inward;
use std::collections::BTreeSet;
use std::fmt;
use std::io::Read;
use std::net::{IpAddr, SocketAddr, ToSocketAddrs};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Semaphore;
use ureq::tls::TlsConfig;
use ureq::unversioned::resolver::{ResolvedSocketAddrs, Resolver};
use ureq::unversioned::transport::{DefaultConnector, NextTimeout};
use url::{Host, Url};

/// Requests under way at once.
const AT_ONCE: usize = 32;

/// Answers of a name server that are looked at; the client keeps no more.
const ANSWERS: usize = 16;

/// Longest address, in bytes.
const LONGEST: usize = 2_048;

/// How a name becomes addresses; a parameter, so that tests can lie.
pub type Lookup = Arc<dyn Fn(&str, u16) -> std::io::Result<Vec<SocketAddr>> + Send + Sync>;

/// What the server's owner allows beyond public addresses over https.
#[derive(Clone, PartialEq, Eq, Default)]
pub struct Allowed {
    /// Host and port, as they stand in the address, that may be inward and
    /// may be plain http: `("idp.corp.example", 443)`, `("127.0.0.1", 9000)`.
    pub inward: BTreeSet<(String, u16)>,
    /// Certificate authorities beside the system's, PEM files.
    pub authorities: Vec<PathBuf>,
    /// Proxy for everything but what is inward, `http://user:password@host:3128`.
    pub proxy: Option<String>,
}

impl fmt::Debug for Allowed {
    /// Leaves the proxy's password out.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let proxy = self.proxy.as_deref().map(|proxy| proxy.rsplit('@').next().unwrap_or_default());
        formatter.debug_struct("Allowed").field("inward", &self.inward).field("authorities", &self.authorities).field("proxy", &proxy).finish()
    }
}

/// Reads `HOST:PORT`.
pub fn host_and_port(text: &str) -> Option<(String, u16)> {
    let (host, port) = text.rsplit_once(':')?;
    Some((host.to_owned(), port.parse().ok()?)).filter(|(host, _)| !host.is_empty())
}

/// A request to be sent.
#[derive(Clone, Debug)]
pub struct Outbound {
    /// Method.
    pub method: Method,
    /// Address, from [`Outward::check`].
    pub url: Url,
    /// Headers.
    pub headers: HeaderMap,
    /// Body; none of a GET.
    pub body: Vec<u8>,
    /// Bytes of the answer that are read.
    pub limit: u64,
    /// How long it may take altogether.
    pub time: Duration,
}

impl Outbound {
    /// A GET of at most `limit` bytes within ten seconds.
    pub fn get(url: Url, limit: u64) -> Self {
        Self { method: Method::GET, url, headers: HeaderMap::new(), body: Vec::new(), limit, time: Duration::from_secs(10) }
    }

    /// A POST of `body`, as [`Outbound::get`] otherwise.
    pub fn post(url: Url, body: Vec<u8>, limit: u64) -> Self {
        Self { method: Method::POST, body, ..Self::get(url, limit) }
    }
}

/// What came back; a redirect is an answer like any other.
#[derive(Clone, Debug)]
pub struct Inbound {
    /// Status.
    pub status: StatusCode,
    /// Headers.
    pub headers: HeaderMap,
    /// Body, whole.
    pub body: Vec<u8>,
}

/// Sends requests to addresses that somebody typed.
#[derive(Clone)]
pub struct Outward {
    agent: ureq::Agent,
    allowed: Arc<Allowed>,
    places: Arc<Semaphore>,
}

impl fmt::Debug for Outward {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Outward").field("allowed", &self.allowed).finish_non_exhaustive()
    }
}

impl Outward {
    /// Puts it together with the system's resolver.
    ///
    /// # Errors
    /// In words: a certificate file does not read, the proxy is none.
    pub fn new(allowed: Allowed) -> Result<Self, String> {
        Self::with_lookup(allowed, Arc::new(|host, port| (host, port).to_socket_addrs().map(Iterator::collect)))
    }

    /// Puts it together with another resolver.
    ///
    /// # Errors
    /// As [`Outward::new`].
    pub fn with_lookup(mut allowed: Allowed, lookup: Lookup) -> Result<Self, String> {
        allowed.inward = allowed.inward.into_iter().map(|(host, port)| (plain(&host), port)).collect();
        let roots = plimsoll_feeds::fetch::roots(&allowed.authorities).map_err(|problem| format!("{}: {}", problem.place, problem.text))?;
        let proxy = allowed.proxy.as_deref().map(|text| proxy(text, &allowed.inward)).transpose()?;
        let resolver = Guard { proxy: proxy.as_ref().map(|proxy| (plain(proxy.host()), proxy.port())), allowed: Arc::new(allowed), lookup };
        let allowed = Arc::clone(&resolver.allowed);
        let config = ureq::Agent::config_builder()
            .http_status_as_error(false)
            .max_redirects(0)
            .max_redirects_will_error(false)
            .proxy(proxy)
            .tls_config(TlsConfig::builder().root_certs(roots).build())
            .user_agent(concat!("plimsoll/", env!("CARGO_PKG_VERSION")))
            .max_response_header_size(32 << 10)
            // A kept connection would outlive the check of its address.
            .max_idle_connections(0)
            .build();
        let agent = ureq::Agent::with_parts(config, DefaultConnector::default(), resolver);
        Ok(Self { agent, allowed, places: Arc::new(Semaphore::new(AT_ONCE)) })
    }

    /// Checks an address when it is typed: scheme, no user in it, and where it
    /// is a number, that it is not inward in whatever spelling. A name is
    /// checked when it is used.
    ///
    /// # Errors
    /// 400 `E-URL` for what is no address, `E-URL-BLOCKED` for what is not
    /// allowed.
    pub fn check(&self, text: &str) -> Result<Url, Refusal> {
        if text.len() > LONGEST {
            return Err(unreadable(format!("the address has {} bytes, the limit is {LONGEST}", text.len())));
        }
        let url = Url::parse(text.trim()).map_err(|error| unreadable(format!("the address does not read: {error}")))?;
        self.permit(&url).map_err(|blocked| blocked.refusal())?;
        Ok(url)
    }

    fn permit(&self, url: &Url) -> Result<(), Blocked> {
        let host = plain(url.host_str().unwrap_or_default());
        let named = url.port_or_known_default().is_some_and(|port| self.allowed.inward.contains(&(host.clone(), port)));
        match url.scheme() {
            "https" => {}
            "http" if named => {}
            scheme => return Err(Blocked(format!("{scheme}: is not https"))),
        }
        if !url.username().is_empty() || url.password().is_some() {
            return Err(Blocked(format!("{host} comes with a user name or password")));
        }
        let number = match url.host() {
            Some(Host::Ipv4(address)) => Some(IpAddr::V4(address)),
            Some(Host::Ipv6(address)) => Some(IpAddr::V6(address)),
            Some(Host::Domain(_)) => None,
            None => return Err(Blocked("the address names no host".to_owned())),
        };
        match number.and_then(|address| Some((address, inward(address)?))) {
            Some((address, reason)) if !named => Err(Blocked(format!("{address} is {reason}"))),
            _ => Ok(()),
        }
    }

    /// Sends a request off the event loop.
    ///
    /// # Errors
    /// 400 `E-URL-BLOCKED` naming the address, 502 `E-OUTBOUND` for what did
    /// not work, 503 `E-BUSY`.
    pub async fn send(&self, request: Outbound) -> Result<Inbound, Refusal> {
        self.permit(&request.url).map_err(|blocked| blocked.refusal())?;
        let Ok(place) = Arc::clone(&self.places).try_acquire_owned() else {
            return Err(Refusal::new(
                StatusCode::SERVICE_UNAVAILABLE,
                "E-BUSY",
                format!("{AT_ONCE} outbound requests are under way"),
                "try again shortly",
            )
            .retry_after(5));
        };
        let agent = self.agent.clone();
        let host = plain(request.url.host_str().unwrap_or_default());
        let done = tokio::task::spawn_blocking(move || {
            let _place = place;
            exchange(&agent, request)
        });
        match done.await {
            Ok(Ok(answer)) => Ok(answer),
            Ok(Err(error)) => Err(failed(&host, error)),
            Err(_) => Err(failed(&host, ureq::Error::ConnectionFailed)),
        }
    }
}

fn exchange(agent: &ureq::Agent, request: Outbound) -> Result<Inbound, ureq::Error> {
    let mut builder = ureq::http::Request::builder().method(request.method).uri(request.url.as_str());
    if let Some(headers) = builder.headers_mut() {
        headers.extend(request.headers);
    }
    let built = builder.body(request.body)?;
    let configured = agent.configure_request(built).timeout_global(Some(request.time)).build();
    let (parts, body) = agent.run(configured)?.into_parts();
    let mut bytes = Vec::new();
    body.into_with_config().limit(request.limit).reader().read_to_end(&mut bytes)?;
    Ok(Inbound { status: parts.status, headers: parts.headers, body: bytes })
}

/// The proxy, for all but the hosts that are inward.
fn proxy(text: &str, inward: &BTreeSet<(String, u16)>) -> Result<ureq::Proxy, String> {
    // Neither shows the address: a password may stand in it.
    let wrong = |_| "the proxy's address does not read".to_owned();
    let read = ureq::Proxy::new(text).map_err(wrong)?;
    if !matches!(read.protocol(), ureq::ProxyProtocol::Http | ureq::ProxyProtocol::Https) {
        return Err("the proxy is none for http or https".to_owned());
    }
    let mut builder = ureq::Proxy::builder(read.protocol()).host(read.host()).port(read.port()).resolve_target(false);
    if let Some(user) = read.username() {
        builder = builder.username(user);
    }
    if let Some(password) = read.password() {
        builder = builder.password(password);
    }
    for (host, _) in inward {
        builder = builder.no_proxy(host);
    }
    builder.build().map_err(wrong)
}

/// Resolves and refuses what has any inward answer, unless it was allowed.
struct Guard {
    allowed: Arc<Allowed>,
    /// Asked for only where a request goes through it.
    proxy: Option<(String, u16)>,
    lookup: Lookup,
}

impl fmt::Debug for Guard {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Guard").field("allowed", &self.allowed).finish_non_exhaustive()
    }
}

impl Resolver for Guard {
    fn resolve(
        &self,
        uri: &ureq::http::Uri,
        _: &ureq::config::Config,
        _: NextTimeout,
    ) -> Result<ResolvedSocketAddrs, ureq::Error> {
        let host = plain(uri.host().unwrap_or_default());
        let port = uri.port_u16().unwrap_or(if uri.scheme_str() == Some("http") { 80 } else { 443 });
        let answers = (self.lookup)(&host, port)?;
        let asked = (host, port);
        let named = self.allowed.inward.contains(&asked) || self.proxy.as_ref() == Some(&asked);
        let mut kept = self.empty();
        for address in answers.into_iter().take(ANSWERS) {
            if let (Some(reason), false) = (inward(address.ip()), named) {
                let blocked = Blocked(format!("{} is {reason}", address.ip().to_canonical()));
                return Err(ureq::Error::Other(Box::new(blocked)));
            }
            kept.push(address);
        }
        if kept.is_empty() { Err(ureq::Error::HostNotFound) } else { Ok(kept) }
    }
}

/// Why an address is not asked.
#[derive(Debug)]
struct Blocked(String);

impl Blocked {
    fn refusal(&self) -> Refusal {
        Refusal::new(
            StatusCode::BAD_REQUEST,
            "E-URL-BLOCKED",
            &self.0,
            "use a public https address, or let the server's owner allow this host and port with `--allow-inward HOST:PORT`",
        )
    }
}

impl fmt::Display for Blocked {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

impl std::error::Error for Blocked {}

fn failed(host: &str, error: ureq::Error) -> Refusal {
    let error = match error {
        ureq::Error::Other(inner) => match inner.downcast::<Blocked>() {
            Ok(blocked) => return blocked.refusal(),
            Err(other) => ureq::Error::Other(other),
        },
        other => other,
    };
    Refusal::new(
        StatusCode::BAD_GATEWAY,
        "E-OUTBOUND",
        format!("{host} could not be asked: {error}"),
        "check the address, the certificate and the network, then try again",
    )
}

fn unreadable(detail: String) -> Refusal {
    Refusal::new(StatusCode::BAD_REQUEST, "E-URL", detail, "write a whole address: https://host/path")
}

/// A host as it is compared: lower case, no dot at the end, no brackets.
fn plain(host: &str) -> String {
    host.trim_end_matches('.').trim_start_matches('[').trim_end_matches(']').to_ascii_lowercase()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;
    use std::net::TcpListener;
    use std::sync::atomic::{AtomicUsize, Ordering};

    fn guard(inward: &[(&str, u16)], lookup: Lookup) -> Outward {
        let inward = inward.iter().map(|(host, port)| ((*host).to_owned(), *port)).collect();
        Outward::with_lookup(Allowed { inward, ..Allowed::default() }, lookup).unwrap()
    }

    fn nothing() -> Lookup {
        Arc::new(|_, _| Err(std::io::Error::other("nothing must be looked up")))
    }

    /// C15, what can be told from the address itself.
    #[test]
    fn typed_addresses() {
        let guard = guard(&[("127.0.0.1", 9000)], nothing());
        let cases = [
            "https://hooks.example/plimsoll",
            "https://8.8.8.8/",
            "http://127.0.0.1:9000/hook",
            "http://127.0.0.1:9001/hook",
            "https://127.0.0.1/",
            "https://169.254.169.254/latest/meta-data/",
            "https://[::1]/",
            "https://[::ffff:127.0.0.1]/",
            "https://[fe80::1]/",
            "https://[fd00:ec2::254]/",
            "https://[64:ff9b::7f00:1]/",
            "https://2130706433/",
            "https://0177.0.0.1/",
            "https://0x7f.1/",
            "https://127.1/",
            "https://10.0.0.1/",
            "https://224.0.0.1/",
            "https://0.0.0.0/",
            "https://１２７.0.0.1/",
            "https://hooks.example@169.254.169.254/",
            "https://user:secret@hooks.example/",
            "http://hooks.example/",
            "file:///etc/passwd",
            "gopher://hooks.example/",
            "hooks.example",
            "",
        ];
        let answers: Vec<_> = cases
            .iter()
            .map(|text| match guard.check(text) {
                Ok(url) => format!("{text} → {url}"),
                Err(refusal) => format!("{text} → {} {}", refusal.code(), refusal.detail()),
            })
            .collect();
        insta::assert_snapshot!(answers.join("\n"), @r"
        https://hooks.example/plimsoll → https://hooks.example/plimsoll
        https://8.8.8.8/ → https://8.8.8.8/
        http://127.0.0.1:9000/hook → http://127.0.0.1:9000/hook
        http://127.0.0.1:9001/hook → E-URL-BLOCKED http: is not https
        https://127.0.0.1/ → E-URL-BLOCKED 127.0.0.1 is loopback
        https://169.254.169.254/latest/meta-data/ → E-URL-BLOCKED 169.254.169.254 is link-local
        https://[::1]/ → E-URL-BLOCKED ::1 is loopback
        https://[::ffff:127.0.0.1]/ → E-URL-BLOCKED ::ffff:127.0.0.1 is loopback
        https://[fe80::1]/ → E-URL-BLOCKED fe80::1 is link-local
        https://[fd00:ec2::254]/ → E-URL-BLOCKED fd00:ec2::254 is private
        https://[64:ff9b::7f00:1]/ → E-URL-BLOCKED 64:ff9b::7f00:1 is loopback
        https://2130706433/ → E-URL-BLOCKED 127.0.0.1 is loopback
        https://0177.0.0.1/ → E-URL-BLOCKED 127.0.0.1 is loopback
        https://0x7f.1/ → E-URL-BLOCKED 127.0.0.1 is loopback
        https://127.1/ → E-URL-BLOCKED 127.0.0.1 is loopback
        https://10.0.0.1/ → E-URL-BLOCKED 10.0.0.1 is private
        https://224.0.0.1/ → E-URL-BLOCKED 224.0.0.1 is multicast
        https://0.0.0.0/ → E-URL-BLOCKED 0.0.0.0 is unspecified
        https://１２７.0.0.1/ → E-URL-BLOCKED 127.0.0.1 is loopback
        https://hooks.example@169.254.169.254/ → E-URL-BLOCKED 169.254.169.254 comes with a user name or password
        https://user:secret@hooks.example/ → E-URL-BLOCKED hooks.example comes with a user name or password
        http://hooks.example/ → E-URL-BLOCKED http: is not https
        file:///etc/passwd → E-URL-BLOCKED file: is not https
        gopher://hooks.example/ → E-URL-BLOCKED gopher: is not https
        hooks.example → E-URL the address does not read: relative URL without a base
         → E-URL the address does not read: relative URL without a base
        ");
    }

    /// A server on loopback that counts who comes and redirects everyone.
    fn server() -> (SocketAddr, Arc<AtomicUsize>) {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let count = Arc::new(AtomicUsize::new(0));
        let seen = Arc::clone(&count);
        std::thread::spawn(move || {
            for stream in listener.incoming().take(10) {
                let mut stream = stream.unwrap();
                seen.fetch_add(1, Ordering::SeqCst);
                let mut buffer = [0; 4096];
                let _ = stream.read(&mut buffer);
                let _ = stream.write_all(
                    b"HTTP/1.1 302 Found\r\nLocation: http://169.254.169.254/\r\nContent-Length: 5\r\nConnection: close\r\n\r\nhello",
                );
            }
        });
        (address, count)
    }

    /// Through a proxy the name goes unresolved to the proxy, which may be
    /// inward, as may hosts that are named so and asked without it.
    #[tokio::test]
    async fn behind_a_proxy() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let heard = std::thread::spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            let mut heard = String::new();
            while !heard.ends_with("\r\n\r\n") {
                let mut buffer = [0; 1024];
                let count = stream.read(&mut buffer).unwrap();
                assert!(count > 0, "{heard}");
                heard.push_str(&String::from_utf8_lossy(&buffer[..count]));
            }
            let _ = stream.write_all(b"HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n");
            heard
        });
        let lookup: Lookup = Arc::new(|host, port| match host {
            "proxy.corp.example" => Ok(vec![SocketAddr::new("127.0.0.1".parse().unwrap(), port)]),
            other => Err(std::io::Error::other(format!("{other} is not ours to look up"))),
        });
        let proxy = Some(format!("http://user:hidden@proxy.corp.example:{port}"));
        let inward = BTreeSet::from([("127.0.0.1".to_owned(), 1)]);
        let allowed = Allowed { inward, proxy, ..Allowed::default() };
        assert!(!format!("{allowed:?}").contains("hidden"));
        let outward = Outward::with_lookup(allowed, lookup).unwrap();
        let refusal = outward.send(Outbound::get(outward.check("https://idp.example/x").unwrap(), 100)).await.unwrap_err();
        assert!(refusal.code() == "E-OUTBOUND" && !refusal.detail().contains("hidden"), "{refusal}");
        let heard = heard.join().unwrap();
        assert!(heard.starts_with("CONNECT idp.example:443 HTTP/1.1\r\n") && heard.contains("dXNlcjpoaWRkZW4="), "{heard}");
        // Written as a number it is refused here, and what is inward is asked directly.
        assert_eq!(outward.check("https://10.0.0.1/").unwrap_err().code(), "E-URL-BLOCKED");
        let direct = outward.send(Outbound::get(Url::parse("https://127.0.0.1:1/").unwrap(), 100)).await.unwrap_err();
        assert!(direct.detail().contains("127.0.0.1 is not ours to look up"), "{direct}");
        for text in ["gopher://user:hidden@proxy", "socks5://user:hidden@proxy:1080", ""] {
            let error = Outward::new(Allowed { proxy: Some(text.to_owned()), ..Allowed::default() }).unwrap_err();
            assert!(!error.contains("hidden"), "{error}");
        }
    }

    /// C15, what only resolving shows: inward answers, mixed answers, a name
    /// server that changes its mind, a redirect inward.
    #[tokio::test]
    async fn resolved_addresses() {
        let (address, count) = server();
        let port = address.port();
        let url = |host: &str| Url::parse(&format!("https://{host}:{port}/")).unwrap();
        let answers = move |all: &[&str]| -> Lookup {
            let all: Vec<SocketAddr> = all.iter().map(|ip| SocketAddr::new(ip.parse().unwrap(), port)).collect();
            Arc::new(move |_, _| Ok(all.clone()))
        };
        for (all, said) in [
            (&["127.0.0.1"][..], "127.0.0.1 is loopback"),
            (&["::ffff:127.0.0.1"], "127.0.0.1 is loopback"),
            (&["169.254.169.254"], "169.254.169.254 is link-local"),
            (&["8.8.8.8", "127.0.0.1"], "127.0.0.1 is loopback"),
            (&["fd00::1"], "fd00::1 is private"),
        ] {
            let refusal = guard(&[], answers(all)).send(Outbound::get(url("rebind.example"), 100)).await.unwrap_err();
            assert_eq!((refusal.code(), refusal.detail()), ("E-URL-BLOCKED", said), "{all:?}");
        }
        // A name server that answers with a public address first and an
        // inward one then: looked up once for each connection, and each
        // answer checked; the first is not reachable from here.
        let asked = Arc::new(AtomicUsize::new(0));
        let turns = Arc::clone(&asked);
        let turning: Lookup = Arc::new(move |_, _| {
            let ip = if turns.fetch_add(1, Ordering::SeqCst) == 0 { "240.0.0.1" } else { "127.0.0.1" };
            Ok(vec![SocketAddr::new(ip.parse().unwrap(), port)])
        });
        let rebinding = guard(&[], turning);
        for _ in 0..2 {
            let refusal = rebinding.send(Outbound::get(url("rebind.example"), 100)).await.unwrap_err();
            assert_eq!(refusal.code(), "E-URL-BLOCKED");
        }
        assert_eq!((asked.load(Ordering::SeqCst), count.load(Ordering::SeqCst)), (2, 0), "no inward connection was made");

        // The same server, allowed by name and port: its redirect inward is
        // not followed, and its body is bounded.
        let allowed = guard(&[("hooks.example", port)], answers(&["127.0.0.1"]));
        let url = allowed.check(&format!("http://hooks.example:{port}/")).unwrap();
        let answer = allowed.send(Outbound::get(url.clone(), 100)).await.unwrap();
        assert_eq!((answer.status.as_u16(), answer.body.as_slice()), (302, b"hello".as_slice()));
        assert_eq!(allowed.send(Outbound::post(url, b"x".to_vec(), 3)).await.unwrap_err().code(), "E-OUTBOUND");
        assert_eq!(count.load(Ordering::SeqCst), 2);
    }
}

//! The HTTP client: certificates, proxies, time-outs, redirects under the
//! rules of [`super::address`].
//!
//! `ureq` with `rustls` and `ring`. Redirects are followed here and not by the
//! library, because each has to be checked; bodies are never decoded by the
//! library, because a partial one must stay resumable.

use super::address::{AddressRules, CheckedResolver, Refused, Scope, host_name, named_of, shown};
use plimsoll_core::model::problem::{Problem, printable};
use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};
use ureq::tls::{Certificate, PemItem, RootCerts, TlsConfig};
use ureq::unversioned::transport::DefaultConnector;
use url::Url;

/// Most redirects followed for one request.
const REDIRECTS: usize = 5;
/// Largest certificate file read.
const CA_LIMIT: u64 = 16 << 20;

/// How the network is reached.
#[derive(Clone, Debug, Default)]
pub struct NetworkOptions {
    /// One mirror for everything: `https://host/path` is asked for at
    /// `BASE/host/path`.
    pub mirror: Option<String>,
    /// Mirrors of single hosts: `https://HOST/path` is asked for at
    /// `BASE/path`.
    pub host_mirrors: BTreeMap<String, String>,
    /// More certificate authorities, PEM files, beside the system's.
    pub ca_files: Vec<PathBuf>,
    /// Proxies; see [`ProxySettings::from_environment`].
    pub proxy: ProxySettings,
    /// Whether plain http is allowed for hosts other than loopback.
    pub allow_http: bool,
    /// Hosts (`host` or `host:port`) any source may redirect or point to; they
    /// may be private.
    pub allow_hosts: Vec<String>,
    /// Time and size limits.
    pub limits: NetworkLimits,
}

/// Time and size limits of fetching.
#[derive(Clone, Copy, Debug)]
pub struct NetworkLimits {
    /// Longest time to connect, TLS included.
    pub connect: Duration,
    /// Longest time without a byte.
    pub stall: Duration,
    /// Bytes a second that must come on average over one `stall` period.
    pub least_rate: u64,
    /// Most bytes of any one fetch, whatever the catalogue says.
    pub absolute: u64,
    /// Tries after the first one.
    pub retries: u32,
    /// Pause before the first retry; doubled each time.
    pub pause: Duration,
    /// Longest `Retry-After` that is waited for.
    pub longest_pause: Duration,
    /// Most bytes a second over all connections of a run; none leaves it to
    /// the line.
    pub most_rate: Option<u64>,
}

impl Default for NetworkLimits {
    /// 15 s to connect; 30 s without a byte; 1 KiB a second, which the worst
    /// satellite line reaches and a trickling server does not; 4 GiB; three
    /// retries after 1, 2 and 4 s; two minutes of `Retry-After`.
    fn default() -> Self {
        Self {
            connect: Duration::from_secs(15),
            stall: Duration::from_secs(30),
            least_rate: 1024,
            absolute: 4 << 30,
            retries: 3,
            pause: Duration::from_secs(1),
            longest_pause: Duration::from_secs(120),
            most_rate: None,
        }
    }
}

/// Proxies in the manner of the usual environment variables.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct ProxySettings {
    /// For https addresses.
    pub https: Option<String>,
    /// For http addresses.
    pub http: Option<String>,
    /// Hosts reached without a proxy, comma-separated.
    pub no_proxy: String,
}

impl std::fmt::Debug for ProxySettings {
    /// Shows no credentials.
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let show = |proxy: &Option<String>| proxy.as_deref().map(without_credentials);
        formatter
            .debug_struct("ProxySettings")
            .field("https", &show(&self.https))
            .field("http", &show(&self.http))
            .field("no_proxy", &self.no_proxy)
            .finish()
    }
}

impl ProxySettings {
    /// Reads `HTTPS_PROXY`, `HTTP_PROXY`, `ALL_PROXY` and `NO_PROXY` (lower
    /// case first) of this process.
    pub fn from_environment() -> Self {
        Self::from_variables(|name| std::env::var(name).ok())
    }

    /// The same from any set of variables.
    ///
    /// Upper-case `HTTP_PROXY` is not read where `REQUEST_METHOD` is set: in a
    /// CGI it comes from a request header ("httpoxy").
    pub fn from_variables(variable: impl Fn(&str) -> Option<String>) -> Self {
        let get = |name: &str| {
            variable(&name.to_ascii_lowercase()).or_else(|| variable(name)).filter(|value| !value.trim().is_empty())
        };
        let all = get("ALL_PROXY");
        let http = match variable("REQUEST_METHOD") {
            Some(_) => variable("http_proxy"),
            None => get("HTTP_PROXY"),
        };
        Self {
            https: get("HTTPS_PROXY").or_else(|| all.clone()),
            http: http.or(all),
            no_proxy: get("NO_PROXY").unwrap_or_default(),
        }
    }

    /// One proxy for everything, as an option names it.
    pub fn only(proxy: &str) -> Self {
        Self { https: Some(proxy.to_owned()), http: Some(proxy.to_owned()), no_proxy: String::new() }
    }
}

/// A failed request, and whether trying again can help.
#[derive(Debug)]
pub(crate) struct Failure {
    pub(crate) problem: Problem,
    pub(crate) retry: bool,
    /// What the server asked to wait.
    pub(crate) after: Option<Duration>,
}

impl Failure {
    pub(crate) fn fatal(problem: Problem) -> Self {
        Self { problem, retry: false, after: None }
    }

    pub(crate) fn passing(problem: Problem) -> Self {
        Self { problem, retry: true, after: None }
    }
}

/// An answer whose status is not an error for the caller yet.
pub(crate) struct Reply {
    pub(crate) status: u16,
    pub(crate) url: Url,
    headers: ureq::http::HeaderMap,
    pub(crate) body: ureq::Body,
}

impl Reply {
    /// A header as text; none when missing or not ASCII.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).and_then(|value| value.to_str().ok())
    }

    pub(crate) fn length(&self) -> Option<u64> {
        self.header("content-length").and_then(|value| value.trim().parse().ok())
    }
}

/// The client of one run.
#[derive(Debug)]
pub(crate) struct Client {
    https: ureq::Agent,
    http: ureq::Agent,
    pub(crate) rules: AddressRules,
    mirror: Option<Url>,
    host_mirrors: BTreeMap<String, Url>,
    allow_hosts: BTreeSet<String>,
    pub(crate) limits: NetworkLimits,
    pace: Mutex<Option<Instant>>,
    /// Hosts that could not be reached at all in this run: one time-out for
    /// each of sixty sources helps nobody.
    unreachable: Mutex<BTreeSet<String>>,
}

impl Client {
    /// Makes a client; `own` are the addresses of the operator's own sources.
    pub(crate) fn new<'a>(options: &NetworkOptions, own: impl Iterator<Item = &'a str>) -> Result<Self, Problem> {
        let mut named = BTreeSet::new();
        let mirror = options.mirror.as_deref().map(|base| parse("--mirror", base)).transpose()?;
        let mut host_mirrors = BTreeMap::new();
        for (host, base) in &options.host_mirrors {
            host_mirrors.insert(host.to_ascii_lowercase(), parse("mirrors", base)?);
        }
        for url in mirror.iter().chain(host_mirrors.values()) {
            named.extend(named_of(url));
        }
        for address in own {
            named.extend(Url::parse(address).ok().as_ref().and_then(named_of));
        }
        let mut allow_hosts = BTreeSet::new();
        for entry in &options.allow_hosts {
            let url = parse("allow_hosts", &format!("https://{entry}/"))?;
            named.extend(named_of(&url));
            allow_hosts.extend(host_name(&url));
        }
        let roots = roots(&options.ca_files)?;
        let proxies = [&options.proxy.https, &options.proxy.http].map(|proxy| match proxy {
            None => Ok(None),
            Some(text) => proxy_of(text, &options.proxy.no_proxy).map(Some),
        });
        let [https_proxy, http_proxy] = proxies;
        let (https_proxy, http_proxy) = (https_proxy?, http_proxy?);
        for proxy in [&https_proxy, &http_proxy].into_iter().flatten() {
            named.insert((proxy.host().to_ascii_lowercase(), proxy.port()));
        }
        let named = Arc::new(named);
        let agent = |proxy| agent(&options.limits, &roots, proxy, named.clone());
        Ok(Self {
            https: agent(https_proxy),
            http: agent(http_proxy),
            rules: AddressRules { named: named.clone(), allow_http: options.allow_http },
            mirror,
            host_mirrors,
            allow_hosts,
            limits: options.limits,
            pace: Mutex::default(),
            unreachable: Mutex::default(),
        })
    }

    /// The hosts that a source at this address may be fetched from.
    pub(crate) fn scope(&self, url: &Url, more: &[String]) -> Scope {
        let mut hosts = self.allow_hosts.clone();
        hosts.extend(host_name(url));
        hosts.extend(more.iter().map(|host| host.to_ascii_lowercase()));
        Scope { hosts }
    }

    /// Where an address is really asked for, mirrors considered.
    pub(crate) fn route(&self, url: &Url) -> Url {
        let own = named_of(url).is_some_and(|named| self.rules.named.contains(&named));
        let host = host_name(url).unwrap_or_default();
        let (base, path) = match (self.host_mirrors.get(&host), &self.mirror) {
            (Some(base), _) => (base, url.path().to_owned()),
            (None, Some(base)) if !own => (base, format!("/{host}{}", url.path())),
            _ => return url.clone(),
        };
        let mut routed = base.clone();
        routed.set_path(&format!("{}{path}", base.path().trim_end_matches('/')));
        routed.set_query(url.query());
        routed
    }

    /// Asks for an address and follows redirects.
    pub(crate) fn get(&self, url: &Url, headers: &[(&str, String)], scope: &Scope) -> Result<Reply, Failure> {
        let mut url = self.route(url);
        self.rules.permit(&url, scope).map_err(Failure::fatal)?;
        for _ in 0..=REDIRECTS {
            let reply = self.ask(&url, headers)?;
            if !matches!(reply.status, 301 | 302 | 303 | 307 | 308) {
                return Ok(reply);
            }
            let target = reply.header("location").map(|location| url.join(location));
            let Some(Ok(target)) = target else {
                return Err(Failure::fatal(Problem::new(
                    "E-HTTP",
                    shown(&url),
                    format!("answered {} without a readable address to go to", reply.status),
                    "tell whoever runs the server, or use a mirror",
                )));
            };
            self.rules.permit_redirect(&url, &target, scope).map_err(Failure::fatal)?;
            url = target;
        }
        Err(Failure::fatal(Problem::new(
            "E-HTTP",
            shown(&url),
            format!("redirected more than {REDIRECTS} times"),
            "check the address",
        )))
    }

    fn ask(&self, url: &Url, headers: &[(&str, String)]) -> Result<Reply, Failure> {
        let host = host_name(url).unwrap_or_default();
        if self.unreachable.lock().unwrap_or_else(PoisonError::into_inner).contains(&host) {
            return Err(Failure::fatal(Problem::new(
                "E-NETWORK",
                shown(url),
                format!("{host} could not be reached earlier in this run; not tried again"),
                "check the network, proxy or mirror and update again",
            )));
        }
        let agent = if url.scheme() == "https" { &self.https } else { &self.http };
        let mut request = agent.get(url.as_str());
        for (name, value) in headers {
            request = request.header(*name, value);
        }
        let response = request.call().map_err(|error| failure(url, error))?;
        let (parts, body) = response.into_parts();
        Ok(Reply { status: parts.status.as_u16(), url: url.clone(), headers: parts.headers, body })
    }

    /// How long to wait after so many bytes, so that all connections together
    /// stay below the greatest rate.
    pub(crate) fn breath(&self, bytes: u64) -> Option<Duration> {
        let rate = self.limits.most_rate.filter(|rate| *rate > 0)?;
        let now = Instant::now();
        let mut free_at = self.pace.lock().unwrap_or_else(PoisonError::into_inner);
        let from = free_at.filter(|at| *at > now).unwrap_or(now);
        let until = from + Duration::from_secs_f64(bytes as f64 / rate as f64);
        *free_at = Some(until);
        Some(until - now)
    }

    /// Remembers that a host cannot be reached at all.
    pub(crate) fn give_up_on(&self, url: &Url) {
        if let Some(host) = host_name(&self.route(url)) {
            self.unreachable.lock().unwrap_or_else(PoisonError::into_inner).insert(host);
        }
    }
}

fn agent(
    limits: &NetworkLimits,
    roots: &RootCerts,
    proxy: Option<ureq::Proxy>,
    named: Arc<BTreeSet<(String, u16)>>,
) -> ureq::Agent {
    let config = ureq::Agent::config_builder()
        .http_status_as_error(false)
        .max_redirects(0)
        .max_redirects_will_error(false)
        .proxy(proxy)
        .tls_config(TlsConfig::builder().root_certs(roots.clone()).build())
        .user_agent(concat!("plimsoll/", env!("CARGO_PKG_VERSION")))
        .max_response_header_size(64 << 10)
        .timeout_resolve(Some(limits.connect))
        .timeout_connect(Some(limits.connect))
        .timeout_recv_response(Some(limits.stall))
        .timeout_per_read(Some(limits.stall))
        .build();
    let resolver = CheckedResolver { inner: Default::default(), named };
    ureq::Agent::with_parts(config, DefaultConnector::default(), resolver)
}

/// The system's certificate authorities and the operator's own.
///
/// Where the system has none (a bare container), Mozilla's list that comes
/// with this program is used instead.
pub fn roots(files: &[PathBuf]) -> Result<RootCerts, Problem> {
    let mut certificates: Vec<Certificate<'static>> = rustls_native_certs::load_native_certs()
        .certs
        .iter()
        .map(|certificate| Certificate::from_der(certificate.as_ref()).to_owned())
        .collect();
    if certificates.is_empty() && files.is_empty() {
        return Ok(RootCerts::WebPki);
    }
    for file in files {
        let place = file.to_string_lossy();
        let unreadable = |why: String| {
            Problem::new("E-CONFIG", &place, why, "give a PEM file with the certificate of your certificate authority")
        };
        let size = std::fs::metadata(file).map_err(|error| unreadable(error.to_string()))?.len();
        if size > CA_LIMIT {
            return Err(unreadable(format!("has {size} bytes, the limit for certificates is {CA_LIMIT}")));
        }
        let pem = std::fs::read(file).map_err(|error| unreadable(error.to_string()))?;
        let before = certificates.len();
        for item in ureq::tls::parse_pem(&pem) {
            if let Ok(PemItem::Certificate(certificate)) = item {
                certificates.push(certificate);
            }
        }
        if certificates.len() == before {
            return Err(unreadable("holds no certificate in PEM form".to_owned()));
        }
    }
    Ok(RootCerts::from(certificates))
}

/// Makes a proxy; only http and https ones are supported.
fn proxy_of(text: &str, no_proxy: &str) -> Result<ureq::Proxy, Problem> {
    let bad = || {
        Problem::new(
            "E-CONFIG",
            without_credentials(text),
            "is not the address of an http or https proxy",
            "write it as http://host:port",
        )
    };
    let whole = if text.contains("://") { text.to_owned() } else { format!("http://{text}") };
    let url = Url::parse(&whole).map_err(|_| bad())?;
    let protocol = match url.scheme() {
        "http" => ureq::ProxyProtocol::Http,
        "https" => ureq::ProxyProtocol::Https,
        _ => return Err(bad()),
    };
    // ureq reads the credentials with their escapes from a whole address; the
    // builder is needed for the list of exceptions.
    let plain = ureq::Proxy::new(&whole).map_err(|_| bad())?;
    let mut builder = ureq::Proxy::builder(protocol).host(plain.host()).port(plain.port());
    if let Some(user) = plain.username() {
        builder = builder.username(user);
    }
    if let Some(password) = plain.password() {
        builder = builder.password(password);
    }
    for exception in no_proxy.split(',').map(str::trim).filter(|exception| !exception.is_empty()) {
        builder = builder.no_proxy(exception);
    }
    builder.build().map_err(|_| bad())
}

/// A proxy's address without its user and password.
fn without_credentials(text: &str) -> String {
    match text.rsplit_once('@') {
        Some((before, host)) => {
            let scheme = before.split_once("://").map_or(String::new(), |(scheme, _)| format!("{scheme}://"));
            format!("{scheme}…@{host}")
        }
        None => text.to_owned(),
    }
}

fn parse(place: &str, text: &str) -> Result<Url, Problem> {
    match Url::parse(text) {
        Ok(url) if url.host().is_some() && matches!(url.scheme(), "http" | "https") => Ok(url),
        _ => Err(Problem::new(
            "E-CONFIG",
            place,
            format!("\u{201c}{}\u{201d} is not an http or https address", printable(&without_credentials(text))),
            "write it as https://host/path",
        )),
    }
}

/// Says what a request ran into, and whether it may pass.
pub(crate) fn failure(url: &Url, error: ureq::Error) -> Failure {
    let place = shown(url);
    match error {
        ureq::Error::Other(inner) => match inner.downcast::<Refused>() {
            Ok(refused) => Failure::fatal(Problem::new(
                "E-URL-BLOCKED",
                place,
                format!("the address leads inside: {}", printable(&refused.reason)),
                "if it is a server of your own, name it in sources.toml (a mirror, a source's url, or allow_hosts)",
            )),
            Err(other) => Failure::passing(network(&place, &other.to_string())),
        },
        ureq::Error::Rustls(error) => Failure::fatal(tls(&place, &error.to_string())),
        ureq::Error::Tls(what) => Failure::fatal(tls(&place, what)),
        ureq::Error::Io(error) => match error.get_ref().and_then(|inner| inner.downcast_ref::<rustls::Error>()) {
            Some(inner) => Failure::fatal(tls(&place, &inner.to_string())),
            None => Failure::passing(network(&place, &error.to_string())),
        },
        ureq::Error::Timeout(which) => Failure::passing(network(&place, &format!("took too long ({which})"))),
        ureq::Error::ConnectProxyFailed(why) => Failure::passing(Problem::new(
            "E-PROXY",
            place,
            format!("the proxy refused: {}", printable(&why)),
            "check HTTPS_PROXY and its credentials",
        )),
        error => Failure::passing(network(&place, &error.to_string())),
    }
}

fn network(place: &str, what: &str) -> Problem {
    Problem::new("E-NETWORK", place, printable(what), "check the network, or give a proxy or mirror")
}

fn tls(place: &str, what: &str) -> Problem {
    Problem::new(
        "E-TLS",
        place,
        format!("the server's certificate or connection was not accepted: {}", printable(what)),
        "for a private certificate authority give its certificate with --ca FILE",
    )
}

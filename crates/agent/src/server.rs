//! HTTP to the server: certificates, proxies, time-outs, refusals.

use crate::options::Options;
use jiff::Timestamp;
use plimsoll_core::model::problem::{Problem, printable};
use plimsoll_formats::protocol::{Refusal, headers};
use std::io::Read;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use ureq::Body;
use ureq::http::{Response, Uri};
use ureq::tls::{Certificate, ClientCert, PemItem, PrivateKey, RootCerts, TlsConfig};

/// Longest wait for a connection, names and TLS included.
const CONNECT: Duration = Duration::from_secs(15);
/// Longest whole exchange: 8 MiB at 30 kB a second.
const EXCHANGE: Duration = Duration::from_secs(300);
/// Longest time without a byte of the answer.
const STALL: Duration = Duration::from_secs(60);
/// Most bytes of an answer; a root document is the largest part of any.
pub(crate) const ANSWER: u64 = 256 << 10;
/// Largest certificate file.
const CA_LIMIT: u64 = 16 << 20;

/// A server that can be spoken to.
#[derive(Debug)]
pub(crate) struct Server {
    agent: ureq::Agent,
    /// Address without a slash at its end.
    base: String,
    ports: Vec<u16>,
}

/// What goes with a body.
pub(crate) struct Head<'a> {
    pub(crate) host: &'a str,
    pub(crate) date: &'a str,
    pub(crate) sequence: u64,
    pub(crate) digest: &'a str,
    pub(crate) signature: &'a str,
    /// Whether the body is zstd.
    pub(crate) compressed: bool,
}

/// An answer that is no refusal.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    /// Seconds until the next check-in, from the header.
    pub(crate) next: Option<u32>,
    pub(crate) body: Vec<u8>,
}

/// Why there is no answer.
#[derive(Debug)]
pub(crate) struct Failure {
    /// For the log; its code is the server's, where the server said one.
    pub(crate) problem: Problem,
    /// How long the server asked to be left alone.
    pub(crate) after: Option<Duration>,
    /// Status of the refusal; none where nothing was answered.
    pub(crate) status: Option<u16>,
}

impl From<Problem> for Failure {
    fn from(problem: Problem) -> Self {
        Self { problem, after: None, status: None }
    }
}

impl Server {
    /// Prepares to speak to `address`.
    ///
    /// # Errors
    ///
    /// `E-ADDRESS` for an address that is none, or is plain http to another
    /// machine; `E-CA`, `E-CERTIFICATE`, `E-PROXY` for settings that cannot be used.
    pub(crate) fn new(address: &str, options: &Options) -> Result<Self, Problem> {
        let base = address.trim_end_matches('/').to_owned();
        let uri = check(&base, options.allow_http)?;
        let proxy = proxy(options)?.filter(|proxy| !proxy.is_no_proxy(&uri));
        let mut ports = vec![port(&uri)];
        ports.extend(proxy.as_ref().map(ureq::Proxy::port));
        let roots = if uri.scheme_str() == Some("https") { Some(roots(options.ca_file.as_deref())?) } else { None };
        let tls = roots.map_or_else(TlsConfig::builder, |roots| TlsConfig::builder().root_certs(roots));
        let tls = tls.client_cert(own_certificate(options)?);
        let agent = ureq::Agent::config_builder()
            .http_status_as_error(false)
            // Nobody but the server that the host pins is told anything.
            .max_redirects(0)
            .max_redirects_will_error(false)
            .proxy(proxy)
            .tls_config(tls.build())
            .user_agent(concat!("plimsoll-agent/", env!("CARGO_PKG_VERSION")))
            .max_response_header_size(32 << 10)
            // The next exchange is a minute away: no server keeps it open.
            .max_idle_connections(0)
            .input_buffer_size(16 << 10)
            .output_buffer_size(16 << 10)
            .timeout_resolve(Some(CONNECT))
            .timeout_connect(Some(CONNECT))
            .timeout_recv_response(Some(STALL))
            .timeout_per_read(Some(STALL))
            .timeout_global(Some(EXCHANGE))
            .build()
            .new_agent();
        Ok(Self { agent, base, ports })
    }

    /// Ports that a connection to it may go to: its own and the proxy's.
    pub(crate) fn ports(&self) -> &[u16] {
        &self.ports
    }

    /// The address.
    pub(crate) fn address(&self) -> &str {
        &self.base
    }

    /// Sends one request; the answer may have `limit` bytes.
    pub(crate) fn post(&self, path: &str, head: &Head<'_>, body: &[u8], limit: u64) -> Result<Answer, Failure> {
        let mut response = self.send(path, head, body)?;
        let status = response.status().as_u16();
        let next = header(&response, headers::NEXT).and_then(|text| text.trim().parse().ok());
        let body = response.body_mut().with_config().limit(limit).read_to_vec();
        Ok(Answer { status, next, body: body.map_err(|error| self.unreached(&error))? })
    }

    /// Sends one request and hands the answer's bytes on as they come; stops
    /// after `most`, however many there are.
    pub(crate) fn stream(&self, path: &str, head: &Head<'_>, body: &[u8], most: u64, each: &mut dyn FnMut(&[u8]) -> std::io::Result<()>) -> Result<(), Failure> {
        let broken = |error: std::io::Error| Problem::new("E-NETWORK", &self.base, printable(&error.to_string()), "the agent goes on from there");
        let mut response = self.send(path, head, body)?;
        let mut reader = response.body_mut().as_reader().take(most);
        let mut chunk = vec![0; 64 << 10];
        loop {
            let read = reader.read(&mut chunk).map_err(broken)?;
            match chunk.get(..read).filter(|part| !part.is_empty()) {
                Some(part) => each(part).map_err(broken)?,
                None => return Ok(()),
            }
        }
    }

    /// Sends one request; what is no success is a failure.
    fn send(&self, path: &str, head: &Head<'_>, body: &[u8]) -> Result<Response<Body>, Failure> {
        let mut request = self
            .agent
            .post(format!("{}{path}", self.base))
            .content_type("application/json")
            .header(headers::HOST, head.host)
            .header(headers::DATE, head.date)
            .header(headers::SEQUENCE, head.sequence.to_string())
            .header(headers::DIGEST, head.digest)
            .header(headers::SIGNATURE, head.signature);
        if head.compressed {
            request = request.header("content-encoding", "zstd");
        }
        let mut response = request.send(body).map_err(|error| self.unreached(&error))?;
        let status = response.status().as_u16();
        if (200..=299).contains(&status) {
            return Ok(response);
        }
        let after = header(&response, "retry-after").and_then(|text| retry_after(&text, Timestamp::now()));
        let body = response.body_mut().with_config().limit(ANSWER).read_to_vec();
        let refusal = Refusal::read(status, &body.unwrap_or_default());
        Err(Failure { problem: refusal.problem(&self.base), after, status: Some(status) })
    }

    fn unreached(&self, error: &ureq::Error) -> Failure {
        let (code, next) = match error {
            ureq::Error::Rustls(_) | ureq::Error::Tls(_) => ("E-TLS", "for a private certificate authority name its certificate with ca_file"),
            ureq::Error::ConnectProxyFailed(_) => ("E-PROXY", "check the proxy's address and credentials"),
            ureq::Error::BodyExceedsLimit(_) => ("E-LIMIT", "look at what answers at that address"),
            _ => ("E-NETWORK", "check the network; the agent tries again by itself"),
        };
        Problem::new(code, &self.base, printable(&error.to_string()), next).into()
    }
}

fn header(response: &Response<Body>, name: &str) -> Option<String> {
    response.headers().get(name).and_then(|value| value.to_str().ok()).map(str::to_owned)
}

/// Takes an address that may be spoken to.
fn check(base: &str, allow_http: bool) -> Result<Uri, Problem> {
    let wrong = |text: &str, next: &str| Problem::new("E-ADDRESS", base, text, next);
    const FORM: &str = "write it as https://plimsoll.example";
    let uri: Uri = base.parse().map_err(|_| wrong("is no address", FORM))?;
    let (Some(scheme), Some(authority)) = (uri.scheme_str(), uri.authority()) else {
        return Err(wrong("has no scheme or no host", FORM));
    };
    if authority.as_str().contains('@') || uri.query().is_some() {
        return Err(wrong("carries credentials or a query", FORM));
    }
    match scheme {
        "https" => Ok(uri),
        "http" if allow_http || loopback(authority.host()) => Ok(uri),
        "http" => Err(wrong(
            "is plain http to another machine: anybody between could read the host's inventory",
            "use https, or set allow_http where the way there is protected by other means",
        )),
        _ => Err(wrong("is neither https nor http", FORM)),
    }
}

fn loopback(host: &str) -> bool {
    let host = host.trim_start_matches('[').trim_end_matches(']');
    host == "localhost" || host.parse::<std::net::IpAddr>().is_ok_and(|address| address.is_loopback())
}

fn port(uri: &Uri) -> u16 {
    uri.port_u16().unwrap_or(if uri.scheme_str() == Some("https") { 443 } else { 80 })
}

/// The proxy of the settings, or of the environment.
fn proxy(options: &Options) -> Result<Option<ureq::Proxy>, Problem> {
    let Some(text) = &options.proxy else { return Ok(ureq::Proxy::try_from_env()) };
    let wrong = || {
        // The password, if any, stays out of the log.
        let shown = text.rsplit('@').next().unwrap_or_default();
        Problem::new("E-PROXY", shown, "is not the address of an http or https proxy", "write it as http://host:port")
    };
    let plain = ureq::Proxy::new(text).map_err(|_| wrong())?;
    let mut builder = ureq::Proxy::builder(plain.protocol()).host(plain.host()).port(plain.port());
    if let Some(user) = plain.username() {
        builder = builder.username(user);
    }
    if let Some(password) = plain.password() {
        builder = builder.password(password);
    }
    let environment = ["no_proxy", "NO_PROXY"].into_iter().find_map(|name| std::env::var(name).ok()).unwrap_or_default();
    let exceptions = options.no_proxy.iter().map(String::as_str).chain([environment.as_str()]).flat_map(|list| list.split(','));
    for exception in exceptions.map(str::trim).filter(|exception| !exception.is_empty()) {
        builder = builder.no_proxy(exception);
    }
    builder.build().map(Some).map_err(|_| wrong())
}

/// The certificate authorities that count: the file's alone where one is
/// named, so that no public one can vouch for a server of the organisation's.
fn roots(file: Option<&Path>) -> Result<RootCerts, Problem> {
    let Some(file) = file else {
        let found = rustls_native_certs::load_native_certs().certs;
        let certificates: Vec<_> = found.iter().map(|der| Certificate::from_der(der.as_ref()).to_owned()).collect();
        return Ok(if certificates.is_empty() { RootCerts::WebPki } else { RootCerts::Specific(Arc::new(certificates)) });
    };
    let wrong = |text: &str| Problem::new("E-CA", file.to_string_lossy(), text, "name a PEM file with the certificate of your authority");
    let pem = crate::state::read(file, CA_LIMIT)?.ok_or_else(|| wrong("is not there"))?;
    let certificates: Vec<_> = ureq::tls::parse_pem(&pem)
        .filter_map(|item| match item {
            Ok(PemItem::Certificate(certificate)) => Some(certificate),
            _ => None,
        })
        .collect();
    if certificates.is_empty() { Err(wrong("holds no certificate in PEM form")) } else { Ok(RootCerts::Specific(Arc::new(certificates))) }
}

/// The certificate that this host shows, where its settings name one.
fn own_certificate(options: &Options) -> Result<Option<ClientCert>, Problem> {
    let (file, key_file) = match (&options.client_certificate_file, &options.client_key_file) {
        (None, None) => return Ok(None),
        (Some(file), Some(key_file)) => (file, key_file),
        (Some(one), None) | (None, Some(one)) => {
            return Err(Problem::new("E-CERTIFICATE", one.to_string_lossy(), "comes alone", "name both client_certificate_file and client_key_file"));
        }
    };
    let read = |file: &Path| {
        let wrong = |text: &str| Problem::new("E-CERTIFICATE", file.to_string_lossy(), text, "name PEM files that the agent's user may read");
        crate::state::read(file, CA_LIMIT)?.ok_or_else(|| wrong("is not there"))
    };
    let wrong = |file: &Path, text: &str| Problem::new("E-CERTIFICATE", file.to_string_lossy(), text, "name a certificate in PEM form and its key, which is not encrypted");
    let (pem, key_pem) = (read(file)?, read(key_file)?);
    let certificates: Vec<_> = ureq::tls::parse_pem(&pem)
        .filter_map(|item| match item {
            Ok(PemItem::Certificate(certificate)) => Some(certificate),
            _ => None,
        })
        .collect();
    if certificates.is_empty() {
        return Err(wrong(file, "holds no certificate"));
    }
    let key = PrivateKey::from_pem(&key_pem).map_err(|_| wrong(key_file, "holds no private key"))?;
    Ok(Some(ClientCert::new_with_certs(&certificates, key)))
}

/// Reads `Retry-After`: seconds, or an HTTP date (RFC 9110, 10.2.3).
fn retry_after(text: &str, now: Timestamp) -> Option<Duration> {
    let text = text.trim();
    if let Ok(seconds) = text.parse::<u64>() {
        return Some(Duration::from_secs(seconds));
    }
    let date = jiff::fmt::rfc2822::parse(text).ok()?.timestamp();
    Duration::try_from(date.duration_since(now)).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plain_http_stays_on_this_machine() {
        let ok = |address: &str, allow: bool| check(address, allow).is_ok();
        for address in ["https://plimsoll.example", "https://10.0.0.1:8443/prefix", "http://localhost:1", "http://127.8.0.1", "http://[::1]:80"] {
            assert!(ok(address, false), "{address}");
        }
        for address in ["http://plimsoll.example", "http://127.0.0.1.example", "http://10.0.0.1"] {
            assert!(!ok(address, false) && ok(address, true), "{address}");
        }
        for address in ["", "plimsoll.example", "/x", "ftp://x", "https://", "https://user:secret@x", "https://x?y", "https://a b"] {
            assert!(!ok(address, true), "{address}");
        }
    }

    #[test]
    fn retry_after_is_read_in_both_forms() {
        let now: Timestamp = "2026-11-22T08:00:00Z".parse().unwrap();
        assert_eq!(retry_after(" 30 ", now), Some(Duration::from_secs(30)));
        assert_eq!(retry_after("Sun, 22 Nov 2026 08:00:20 GMT", now), Some(Duration::from_secs(20)));
        assert_eq!(retry_after("Sun, 22 Nov 2026 07:00:00 GMT", now), None);
        assert_eq!(retry_after("soon", now), None);
    }

    #[test]
    fn a_proxy_is_used_unless_excepted_and_its_password_is_not_shown() {
        let options = Options { proxy: Some("http://u:secret@proxy:3128".into()), no_proxy: Some(".inside".into()), ..Options::default() };
        assert_eq!(Server::new("http://127.0.0.1:80", &options).unwrap().ports(), [80, 3128]);
        let allowed = Options { allow_http: true, ..options.clone() };
        assert_eq!(Server::new("http://a.inside", &allowed).unwrap().ports(), [80]);
        let wrong = Options { proxy: Some("gopher://u:secret@proxy".into()), ..options };
        let problem = Server::new("http://127.0.0.1:80", &wrong).unwrap_err();
        assert!(!format!("{problem:?}").contains("secret"), "{problem:?}");
    }
}

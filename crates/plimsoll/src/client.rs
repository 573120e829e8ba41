//! Asking a server: the API as the command line uses it.

use crate::arguments::Remote;
use crate::printer::Failure;
use plimsoll_core::model::problem::Problem;
use plimsoll_formats::protocol::Refusal;
use serde::de::DeserializeOwned;
use serde_json::Value;
use std::time::Duration;

/// Largest answer taken: a page of a thousand hosts has less than a mebibyte.
const LIMIT: u64 = 64 << 20;
/// How long a question may take; a server judges a host in milliseconds.
const PATIENCE: Duration = Duration::from_secs(60);

/// A key under which one request is done once.
fn key() -> Result<String, Failure> {
    let mut bytes = [0; 16];
    getrandom::fill(&mut bytes).map_err(|error| {
        Failure::unfinished(Problem::new("E-RUN", "this command", format!("the machine has no randomness to give: {error}"), "try again later"))
    })?;
    Ok(bytes.iter().map(|byte| format!("{byte:02x}")).collect())
}

/// A server and the right to ask it.
pub struct Client {
    server: String,
    token: String,
    agent: ureq::Agent,
}

fn with_query(path: &str, query: &[(&str, String)]) -> String {
    let query = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(query).finish();
    if query.is_empty() { path.to_owned() } else { format!("{path}?{query}") }
}

impl Client {
    /// Names the server and the token.
    ///
    /// # Errors
    ///
    /// `E-USAGE` for an address that is none, or one that would send the token
    /// in the open; `E-CONFIG` for a certificate file that cannot be used.
    pub fn new(remote: &Remote) -> Result<Self, Failure> {
        Self::patient(remote, PATIENCE)
    }

    /// As [`Self::new`], for questions that take longer.
    ///
    /// # Errors
    ///
    /// As [`Self::new`].
    pub fn patient(remote: &Remote, patience: Duration) -> Result<Self, Failure> {
        let Remote { server, token, ca } = remote;
        let bad = |text: &str| {
            Failure::input(Problem::new("E-USAGE", format!("--server {server}"), text, "name it as https://host[:port]"))
        };
        let url = url::Url::parse(server).map_err(|_| bad("is no web address"))?;
        let loopback = match url.host() {
            Some(url::Host::Ipv4(address)) => address.is_loopback(),
            Some(url::Host::Ipv6(address)) => address.is_loopback(),
            Some(url::Host::Domain(name)) => name == "localhost",
            None => false,
        };
        if url.scheme() != "https" && !(url.scheme() == "http" && loopback) {
            return Err(bad("would send the token in the open: plain http is taken for this machine only"));
        }
        let authorities: Vec<_> = ca.iter().cloned().collect();
        let roots = plimsoll_feeds::fetch::roots(&authorities).map_err(Failure::input)?;
        let configuration = ureq::Agent::config_builder()
            .tls_config(ureq::tls::TlsConfig::builder().root_certs(roots).build())
            .http_status_as_error(false)
            .max_redirects(0)
            .timeout_global(Some(patience))
            .build();
        Ok(Self {
            server: server.trim_end_matches('/').to_owned(),
            token: token.clone(),
            agent: configuration.new_agent(),
        })
    }

    /// Asks a question.
    ///
    /// # Errors
    ///
    /// What the server says, or why it could not be asked.
    pub fn get<T: DeserializeOwned>(&self, path: &str, query: &[(&str, String)]) -> Result<T, Failure> {
        let body = self.bytes(path, query)?;
        self.parsed(&body)
    }

    /// Asks for bytes of any kind.
    ///
    /// # Errors
    ///
    /// As [`Self::get`].
    pub fn bytes(&self, path: &str, query: &[(&str, String)]) -> Result<Vec<u8>, Failure> {
        let response = self.asking(path, query).call().map_err(|error| self.unreached(&error))?;
        self.body(response)
    }

    /// Asks for bytes without an end in sight, to be read as they come: only
    /// the answer's beginning is waited for no longer than for others.
    ///
    /// # Errors
    ///
    /// As [`Self::get`].
    pub fn open(&self, path: &str, query: &[(&str, String)]) -> Result<impl std::io::Read + use<>, Failure> {
        let request = self.asking(path, query).config().timeout_global(None).timeout_recv_response(Some(PATIENCE)).build();
        let response = request.call().map_err(|error| self.unreached(&error))?;
        if !response.status().is_success() {
            let status = response.status();
            return Err(self.refused(status, &self.read(response)?));
        }
        Ok(response.into_body().into_reader())
    }

    fn asking(&self, path: &str, query: &[(&str, String)]) -> ureq::RequestBuilder<ureq::typestate::WithoutBody> {
        let request = self.agent.get(format!("{}{path}", self.server)).header("authorization", &format!("Bearer {}", self.token));
        query.iter().fold(request, |request, (name, value)| request.query(name, value))
    }

    /// Asks for a change; nothing where the server answers with nothing.
    ///
    /// # Errors
    ///
    /// As [`Self::get`].
    pub fn change(&self, method: &str, path: &str, query: &[(&str, String)], body: &Value) -> Result<Value, Failure> {
        let text = if body.is_null() { String::new() } else { body.to_string() };
        self.send(method, &with_query(path, query), "application/json", text.as_bytes())
    }

    /// Sends a file of any kind, as [`Self::change`].
    ///
    /// # Errors
    ///
    /// As [`Self::get`].
    pub fn bring(&self, method: &str, path: &str, query: &[(&str, String)], bytes: &[u8]) -> Result<Value, Failure> {
        self.send(method, &with_query(path, query), "application/octet-stream", bytes)
    }

    /// Sends bytes, as [`Self::change`].
    ///
    /// The request carries a key of its own, so that it can be sent again when
    /// the line breaks before the answer, and is done once.
    ///
    /// # Errors
    ///
    /// As [`Self::get`].
    pub fn send(&self, method: &str, path: &str, kind: &str, bytes: &[u8]) -> Result<Value, Failure> {
        let key = key()?;
        let attempt = || {
            let request = ureq::http::Request::builder()
                .method(method)
                .uri(format!("{}{path}", self.server))
                .header("authorization", format!("Bearer {}", self.token))
                .header("content-type", kind)
                .header("idempotency-key", &key)
                .body(bytes)?;
            self.agent.run(request)
        };
        let answered = match attempt() {
            Err(ureq::Error::Io(_) | ureq::Error::ConnectionFailed) => attempt(),
            answered => answered,
        };
        let body = self.body(answered.map_err(|error| self.unreached(&error))?)?;
        self.parsed(&body)
    }

    fn unreached(&self, error: &ureq::Error) -> Failure {
        Failure::unfinished(Problem::new(
            "E-SERVER",
            &self.server,
            format!("cannot be asked: {error}"),
            "check the address, and that `plimsoll serve` runs there",
        ))
    }

    fn body(&self, response: ureq::http::Response<ureq::Body>) -> Result<Vec<u8>, Failure> {
        let status = response.status();
        let body = self.read(response)?;
        if status.is_success() { Ok(body) } else { Err(self.refused(status, &body)) }
    }

    fn read(&self, mut response: ureq::http::Response<ureq::Body>) -> Result<Vec<u8>, Failure> {
        response.body_mut().with_config().limit(LIMIT).read_to_vec().map_err(|error| self.unreached(&error))
    }

    fn refused(&self, status: ureq::http::StatusCode, body: &[u8]) -> Failure {
        let problem = Refusal::read(status.as_u16(), body).problem(&self.server);
        if status.is_server_error() { Failure::unfinished(problem) } else { Failure::input(problem) }
    }

    fn parsed<T: DeserializeOwned>(&self, body: &[u8]) -> Result<T, Failure> {
        serde_json::from_slice(if body.is_empty() { b"null" } else { body }).map_err(|error| {
            Failure::unfinished(Problem::new(
                "E-SERVER",
                &self.server,
                format!("answered in a form this release does not read: {error}"),
                "use the release of the server",
            ))
        })
    }
}

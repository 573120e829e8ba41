//! Asking a server: the API as the command line uses it.

use crate::arguments::Remote;
use crate::printer::Failure;
use plimsoll_core::model::problem::Problem;
use plimsoll_formats::protocol::Refusal;
use serde::de::DeserializeOwned;
use std::time::Duration;

/// Largest answer taken: a page of a thousand hosts has less than a mebibyte.
const LIMIT: u64 = 64 << 20;
/// How long a question may take; a server judges a host in milliseconds.
const PATIENCE: Duration = Duration::from_secs(60);

/// A server and the right to ask it.
pub struct Client {
    server: String,
    token: String,
    agent: ureq::Agent,
}

impl Client {
    /// Names the server and the token.
    ///
    /// # Errors
    ///
    /// `E-USAGE` for an address that is none, or one that would send the token
    /// in the open; `E-CONFIG` for a certificate file that cannot be used.
    pub fn new(remote: &Remote) -> Result<Self, Failure> {
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
            .timeout_global(Some(PATIENCE))
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
        let mut request = self.agent.get(format!("{}{path}", self.server)).header("authorization", &format!("Bearer {}", self.token));
        for (name, value) in query {
            request = request.query(name, value);
        }
        let response = request.call().map_err(|error| self.unreached(&error))?;
        self.read(response)
    }

    /// Asks for a change.
    ///
    /// # Errors
    ///
    /// As [`Self::get`].
    pub fn post<T: DeserializeOwned>(&self, path: &str, body: &serde_json::Value) -> Result<T, Failure> {
        let response = self
            .agent
            .post(format!("{}{path}", self.server))
            .header("authorization", &format!("Bearer {}", self.token))
            .content_type("application/json")
            .send(body.to_string())
            .map_err(|error| self.unreached(&error))?;
        self.read(response)
    }

    /// Puts something in the place of what is there.
    ///
    /// # Errors
    ///
    /// As [`Self::get`].
    pub fn put<T: DeserializeOwned>(&self, path: &str, body: &serde_json::Value) -> Result<T, Failure> {
        let response = self
            .agent
            .put(format!("{}{path}", self.server))
            .header("authorization", &format!("Bearer {}", self.token))
            .content_type("application/json")
            .send(body.to_string())
            .map_err(|error| self.unreached(&error))?;
        self.read(response)
    }

    /// Sends a file.
    ///
    /// # Errors
    ///
    /// As [`Self::get`].
    pub fn put_bytes<T: DeserializeOwned>(&self, path: &str, bytes: &[u8]) -> Result<T, Failure> {
        let response = self
            .agent
            .post(format!("{}{path}", self.server))
            .header("authorization", &format!("Bearer {}", self.token))
            .content_type("application/zstd")
            .send(bytes)
            .map_err(|error| self.unreached(&error))?;
        self.read(response)
    }

    fn unreached(&self, error: &ureq::Error) -> Failure {
        Failure::unfinished(Problem::new(
            "E-SERVER",
            &self.server,
            format!("cannot be asked: {error}"),
            "check the address, and that `plimsoll serve` runs there",
        ))
    }

    fn read<T: DeserializeOwned>(&self, mut response: ureq::http::Response<ureq::Body>) -> Result<T, Failure> {
        let status = response.status();
        let body = response
            .body_mut()
            .with_config()
            .limit(LIMIT)
            .read_to_vec()
            .map_err(|error| self.unreached(&error))?;
        if !status.is_success() {
            let refusal = Refusal::read(status.as_u16(), &body);
            let problem = refusal.problem(&self.server);
            return Err(if status.is_server_error() { Failure::unfinished(problem) } else { Failure::input(problem) });
        }
        serde_json::from_slice(&body).map_err(|error| {
            Failure::unfinished(Problem::new(
                "E-SERVER",
                &self.server,
                format!("answered in a form this release does not read: {error}"),
                "use the release of the server",
            ))
        })
    }
}

//! An error of the API as the agent reads it: problem+json (RFC 9457).

use plimsoll_core::model::problem::{Problem, printable};
use serde::{Deserialize, Serialize};

/// Stable codes of refusals that an agent acts upon.
pub mod code {
    /// The request's date is too far from the server's.
    pub const CLOCK: &str = "E-CLOCK";
    /// The sequence number is not greater than the newest seen.
    pub const REPLAY: &str = "E-REPLAY";
    /// No host of that id.
    pub const HOST: &str = "E-HOST";
    /// The host is retired.
    pub const RETIRED: &str = "E-RETIRED";
    /// The host waits for a person's decision.
    pub const PENDING: &str = "E-PENDING";
    /// The signature does not fit the host's key.
    pub const SIGNATURE: &str = "E-SIGNATURE";
    /// The body is not the one that was signed.
    pub const DIGEST: &str = "E-DIGEST";
    /// The base or the result of a delta is not the server's; send it whole.
    pub const BASE: &str = "E-BASE";
    /// The enrolment token is unknown, used, expired or of another group.
    pub const TOKEN: &str = "E-TOKEN";
    /// The root digest that the host pins is not the server's.
    pub const ROOT: &str = "E-ROOT";
}

/// A problem+json document.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Refusal {
    /// `about:blank` or a page that explains the code.
    #[serde(rename = "type", default)]
    pub kind: String,
    /// The status in words.
    #[serde(default)]
    pub title: String,
    /// HTTP status.
    pub status: u16,
    /// Stable code, [`code`].
    #[serde(default)]
    pub code: String,
    /// What is wrong, measured against limit.
    #[serde(default)]
    pub detail: String,
    /// What to do next.
    #[serde(default)]
    pub next: String,
    /// Where in what was sent: a line, a JSON path, a parameter.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub place: Option<String>,
}

impl Refusal {
    /// Media type of the document.
    pub const MEDIA_TYPE: &'static str = "application/problem+json";

    /// Makes it from a problem.
    pub fn new(status: u16, title: &str, problem: &Problem) -> Self {
        let detail =
            if problem.place.is_empty() { problem.text.clone() } else { format!("{} {}", problem.place, problem.text) };
        Self {
            kind: "about:blank".to_owned(),
            title: title.to_owned(),
            status,
            code: problem.code.clone(),
            detail,
            next: problem.next.clone(),
            place: None,
        }
    }

    /// Reads what a server answered with an error status; never fails, because
    /// a proxy between may answer with a page of its own.
    pub fn read(status: u16, body: &[u8]) -> Self {
        const LIMIT: usize = 64 << 10;
        let read = body.get(..body.len().min(LIMIT)).and_then(|body| serde_json::from_slice::<Self>(body).ok());
        let read = read.unwrap_or_else(|| Self {
            kind: String::new(),
            title: String::new(),
            status,
            code: "E-HTTP".to_owned(),
            detail: format!("the server, or a proxy before it, answered with status {status} and no reason"),
            next: String::new(),
            place: None,
        });
        Self {
            kind: printable(&read.kind),
            title: printable(&read.title),
            status,
            code: printable(&read.code),
            detail: printable(&read.detail),
            next: printable(&read.next),
            place: read.place.as_deref().map(printable).filter(|place| !place.is_empty()),
        }
    }

    /// The same as a problem of `server`, usually its address, and of the place
    /// in what was sent to it.
    pub fn problem(&self, server: &str) -> Problem {
        let code = if self.code.is_empty() { "E-HTTP" } else { &self.code };
        let place = self.place.as_ref().map_or_else(|| server.to_owned(), |place| format!("{server}: {place}"));
        Problem::new(code, place, format!("answered {}: {}", self.status, self.detail), self.next.clone())
    }
}

//! **Sign-in**, **search** and **trouble**.

use plimsoll_core::model::problem::Problem;

/// A sign-in page.
#[derive(Clone, Debug)]
pub struct SignIn {
    /// Where it stands.
    pub step: SignInStep,
    /// What was wrong with the last try; never says whether a name exists.
    pub trouble: Option<String>,
    /// Page to go to afterwards; the server takes only paths under `/console`.
    pub next: String,
}

/// Steps of signing in.
#[derive(Clone, Debug)]
pub enum SignInStep {
    /// Name and password, or another way.
    Password {
        /// Name typed before.
        name: String,
        /// Whether passkeys are offered.
        passkeys: bool,
        /// Providers offered.
        providers: Vec<OidcProvider>,
    },
    /// A second proof.
    Second {
        /// Sent back with the proof.
        ticket: String,
        /// Whether one-time or recovery codes will do.
        codes: bool,
        /// Options for `navigator.credentials.get` as JSON, where a passkey
        /// will do.
        passkey: Option<String>,
    },
    /// A one-time link was opened; the token is sent only by pressing the
    /// button, because mail scanners open links.
    Link {
        /// Secret of the link.
        token: String,
    },
}

/// One OIDC provider.
#[derive(Clone, Debug)]
pub struct OidcProvider {
    /// Id in addresses.
    pub id: String,
    /// Name shown.
    pub name: String,
}

/// What was found as somebody typed.
#[derive(Clone, Debug)]
pub struct Search {
    /// What was typed.
    pub text: String,
    /// Hosts, best first.
    pub hosts: Vec<SearchHit>,
    /// Packages.
    pub packages: Vec<SearchHit>,
    /// Advisories and CVEs.
    pub advisories: Vec<SearchHit>,
    /// Applications.
    pub applications: Vec<SearchHit>,
}

impl Search {
    /// Hits in all.
    pub fn hits(&self) -> usize {
        self.hosts.len() + self.packages.len() + self.advisories.len() + self.applications.len()
    }
}

/// One hit.
#[derive(Clone, Debug)]
pub struct SearchHit {
    /// Page inside the console.
    pub link: String,
    /// What it is called.
    pub name: String,
    /// One line about it, `3 overdue · Debian 12`.
    pub note: String,
}

/// An error page.
#[derive(Clone, Debug)]
pub struct Trouble {
    /// HTTP status.
    pub status: u16,
    /// What went wrong; its `next` says what to do.
    pub problem: Problem,
    /// Request id, to find it in the server's log.
    pub request: String,
}

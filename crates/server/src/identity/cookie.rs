//! The session **cookie**: bound to one host, never seen by scripts, never
//! sent along from a stranger's page.

use super::secret::Secret;
use axum::http::{HeaderMap, HeaderValue, header};
use url::Url;

/// What a cookie carries.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Kind {
    /// The session's key.
    Session,
    /// Ties the return from an identity provider to the browser that left.
    Return,
    /// Id of the client that its person wants to see; no secret, and it gives
    /// no right.
    Client,
}

impl Kind {
    /// Its name under an address of ours. `__Host-` makes browsers refuse it
    /// without `Secure`, from a sub-domain or for a path. It cannot be had
    /// over http on this machine; there the port stands in the name, because
    /// browsers share cookies between ports.
    fn name(self, own: &Url) -> String {
        let stem = match self {
            Self::Session => "plimsoll",
            Self::Return => "plimsoll-return",
            Self::Client => "plimsoll-client",
        };
        match own.scheme() {
            "https" => format!("__Host-{stem}"),
            _ => format!("{stem}-{}", own.port_or_known_default().unwrap_or_default()),
        }
    }

    /// Strict for the session. The return comes from the provider's page, so
    /// its cookie must be lax: sent on a top-level visit, with nothing to gain
    /// from it but the end of the sign-in that its browser began.
    fn same_site(self) -> &'static str {
        match self {
            Self::Session | Self::Client => "Strict",
            Self::Return => "Lax",
        }
    }

    /// Writes the `Set-Cookie` header for `seconds`; zero removes it.
    pub fn write(self, own: &Url, value: &str, seconds: i64) -> Option<HeaderValue> {
        let secure = if own.scheme() == "https" { "; Secure" } else { "" };
        let text = format!(
            "{}={value}; Path=/; HttpOnly{secure}; SameSite={}; Max-Age={seconds}",
            self.name(own),
            self.same_site()
        );
        HeaderValue::from_str(&text).ok()
    }

    /// Reads it from a request to `own`.
    pub fn read(self, own: &Url, headers: &HeaderMap) -> Option<Secret> {
        Secret::read("", self.text(own, headers)?)
    }

    /// Its text. The same name twice gives nothing: somebody planted one.
    pub fn text<'a>(self, own: &Url, headers: &'a HeaderMap) -> Option<&'a str> {
        let name = self.name(own);
        let mut found = headers
            .get_all(header::COOKIE)
            .iter()
            .filter_map(|value| value.to_str().ok())
            .flat_map(|value| value.split(';'))
            .filter_map(|pair| pair.trim().split_once('='))
            .filter(|(key, _)| *key == name);
        let (_, value) = found.next()?;
        if found.next().is_some() {
            return None;
        }
        Some(value)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cookies_are_bound_and_read_once() {
        let own = Url::parse("https://plimsoll.example").unwrap();
        let local = Url::parse("http://127.0.0.1:8443").unwrap();
        let secret = Secret::make("").unwrap();
        let value = secret.expose();
        assert_eq!(
            Kind::Session.write(&own, "x", 60).unwrap(),
            "__Host-plimsoll=x; Path=/; HttpOnly; Secure; SameSite=Strict; Max-Age=60"
        );
        assert_eq!(
            Kind::Return.write(&local, "x", 0).unwrap(),
            "plimsoll-return-8443=x; Path=/; HttpOnly; SameSite=Lax; Max-Age=0"
        );
        let read = |text: &str| {
            let mut headers = HeaderMap::new();
            headers.append(header::COOKIE, HeaderValue::from_str(text).unwrap());
            Kind::Session.read(&own, &headers)
        };
        assert_eq!(read(&format!("a=b; __Host-plimsoll={value}")), Some(secret.clone()));
        assert_eq!(read(&format!("__Host-plimsoll={value}; __Host-plimsoll={value}")), None);
        assert_eq!(read(&format!("plimsoll={value}")), None);
        assert_eq!(read("__Host-plimsoll=short"), None);
    }
}

//! The **origin** of a request: whether a browser sent it from a page of
//! ours. Without that, a stranger's page could act with a visitor's cookie.

use super::problem::Refusal;
use axum::http::request::Parts;
use axum::http::{HeaderMap, StatusCode, header};
use url::{Origin, Url};

/// Addresses under which people reach the console.
#[derive(Clone, Debug)]
pub struct Origins {
    urls: Vec<Url>,
}

impl Origins {
    /// Takes the addresses, the first being the one that links are made with:
    /// `https://plimsoll.example`, or `http://127.0.0.1:8443` on this machine.
    ///
    /// # Errors
    /// In words: none given, not http(s), with a path or user, or plain http
    /// to another machine, where cookies could be read on the way.
    pub fn new(urls: &[&str]) -> Result<Self, String> {
        let urls: Vec<Url> = urls.iter().map(|text| read(text)).collect::<Result<_, _>>()?;
        if urls.is_empty() {
            return Err("no address of the console was given, for instance https://plimsoll.example".to_owned());
        }
        Ok(Self { urls })
    }

    /// The address that links are made with, without a `/` at the end.
    pub fn canonical(&self) -> String {
        self.urls.first().map(|url| url.origin().ascii_serialization()).unwrap_or_default()
    }

    /// That address, parsed.
    pub fn canonical_url(&self) -> Option<&Url> {
        self.urls.first()
    }

    /// All of them, parsed.
    pub fn urls(&self) -> &[Url] {
        &self.urls
    }

    /// Which of ours a request was sent to by its `Host` header, if any. A
    /// name that merely resolves to us (DNS rebinding) is none of ours, and
    /// its cookies are not looked at.
    pub fn of_host(&self, headers: &HeaderMap) -> Option<&Url> {
        let mut hosts = headers.get_all(header::HOST).iter();
        let host = hosts.next()?.to_str().ok()?;
        if hosts.next().is_some() {
            return None;
        }
        self.urls.iter().find(|url| {
            let name = url.host_str().unwrap_or_default();
            match (url.port(), host.rsplit_once(':')) {
                (Some(port), Some((before, after))) => before.eq_ignore_ascii_case(name) && after == port.to_string(),
                (None, _) => {
                    let bare = host.strip_suffix(if url.scheme() == "https" { ":443" } else { ":80" }).unwrap_or(host);
                    bare.eq_ignore_ascii_case(name)
                }
                _ => false,
            }
        })
    }

    /// Checks that a changing request of a browser comes from a page of ours:
    /// `Sec-Fetch-Site` must say `same-origin` and `Origin` must be the very
    /// origin the request was sent to. A browser too old for the first must
    /// send the second; one that sends neither is refused.
    ///
    /// # Errors
    /// 403 `E-ORIGIN`.
    pub fn check(&self, request: &Parts) -> Result<(), Refusal> {
        let headers = &request.headers;
        let Some(own) = self.of_host(headers) else {
            let host = headers.get(header::HOST).and_then(|host| host.to_str().ok()).unwrap_or("nothing readable");
            return Err(refused(format!("the Host header says {host}, this server is {}", self.canonical())));
        };
        let text = |name: &str| -> Result<Option<String>, Refusal> {
            let mut values = headers.get_all(name).iter();
            match (values.next(), values.next()) {
                (None, _) => Ok(None),
                (Some(value), None) => value.to_str().map(|value| Some(value.to_owned())).map_err(|_| refused(format!("the {name} header is not text"))),
                _ => Err(refused(format!("the {name} header comes twice"))),
            }
        };
        let (site, origin) = (text("sec-fetch-site")?, text("origin")?);
        if let Some(site) = site.as_deref()
            && site != "same-origin"
        {
            return Err(refused(format!("Sec-Fetch-Site is {site}, not same-origin")));
        }
        match origin.as_deref() {
            Some(origin) if matches(origin, &own.origin()) => Ok(()),
            Some(origin) => Err(refused(format!("Origin is {origin}, not {}", own.origin().ascii_serialization()))),
            // Browsers send an Origin with every POST; one without comes from
            // something that only pretends, or from a page that hides it.
            None => Err(refused("the request has no Origin header".to_owned())),
        }
    }
}

fn matches(origin: &str, own: &Origin) -> bool {
    origin == own.ascii_serialization()
}

fn refused(detail: String) -> Refusal {
    Refusal::new(
        StatusCode::FORBIDDEN,
        "E-ORIGIN",
        detail,
        "repeat it from the console itself; scripts use an API token instead of a cookie",
    )
}

fn read(text: &str) -> Result<Url, String> {
    let url = Url::parse(text).map_err(|error| format!("{text} is no address: {error}"))?;
    let bare = url.path() == "/" && url.query().is_none() && url.fragment().is_none() && url.username().is_empty() && url.password().is_none();
    if !bare || url.host_str().is_none() {
        return Err(format!("{text} must be scheme, host and port only"));
    }
    match url.scheme() {
        "https" => Ok(url),
        "http" if is_loopback(&url) => Ok(url),
        "http" => Err(format!("{text} would send session cookies in clear: use https, or a TLS-ending proxy and its address here")),
        other => Err(format!("{text} has the scheme {other}; https is needed")),
    }
}

/// Whether an address is this very machine.
pub fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(url::Host::Domain(name)) => name == "localhost",
        Some(url::Host::Ipv4(address)) => address.is_loopback(),
        Some(url::Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::http::Request;

    fn check(headers: &[(&str, &str)]) -> Result<(), String> {
        let origins = Origins::new(&["https://plimsoll.example", "http://127.0.0.1:8443"]).unwrap();
        let mut request = Request::post("/x");
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        origins.check(&request.body(()).unwrap().into_parts().0).map_err(|refusal| refusal.code().to_owned())
    }

    /// C7.
    #[test]
    fn a_change_comes_from_our_own_page_or_is_refused() {
        let host = ("host", "plimsoll.example");
        let ours = ("origin", "https://plimsoll.example");
        let good: [&[(&str, &str)]; 4] = [
            &[host, ours, ("sec-fetch-site", "same-origin")],
            &[host, ours],
            &[("host", "plimsoll.example:443"), ours],
            &[("host", "127.0.0.1:8443"), ("origin", "http://127.0.0.1:8443"), ("sec-fetch-site", "same-origin")],
        ];
        for headers in good {
            assert_eq!(check(headers), Ok(()), "{headers:?}");
        }
        let bad: [&[(&str, &str)]; 15] = [
            &[host],
            &[host, ("origin", "null")],
            &[host, ("sec-fetch-site", "same-origin")],
            &[host, ("origin", "https://evil.example")],
            &[host, ("origin", "http://plimsoll.example")],
            &[host, ("origin", "https://plimsoll.example.evil.example")],
            &[host, ("origin", "https://plimsoll.example:8443")],
            &[host, ours, ("sec-fetch-site", "cross-site")],
            &[host, ours, ("sec-fetch-site", "same-site")],
            &[host, ours, ("sec-fetch-site", "none")],
            &[host, ours, ours],
            &[host, host, ours],
            // DNS rebinding: a stranger's name that resolves to us.
            &[("host", "evil.example:8443"), ("origin", "http://evil.example:8443"), ("sec-fetch-site", "same-origin")],
            // One of ours acting on another of ours.
            &[("host", "127.0.0.1:8443"), ours],
            &[ours],
        ];
        for headers in bad {
            assert_eq!(check(headers), Err("E-ORIGIN".to_owned()), "{headers:?}");
        }
    }

    #[test]
    fn addresses_of_the_console_are_checked() {
        for text in ["", "plimsoll.example", "ftp://x", "http://plimsoll.example", "https://x/console", "https://a@x", "https://x?y"] {
            assert!(Origins::new(&[text]).is_err(), "{text}");
        }
        assert!(Origins::new(&[]).is_err());
        assert_eq!(Origins::new(&["https://Plimsoll.Example:443/"]).unwrap().canonical(), "https://plimsoll.example");
        assert_eq!(Origins::new(&["http://localhost:80"]).unwrap().canonical(), "http://localhost");
    }
}

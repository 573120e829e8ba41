//! **Mail**: letters that gather the events of some minutes, over SMTP with
//! TLS, or without it on this machine.

use super::lines::Line;
use lettre::message::Mailbox;
use lettre::message::header::ContentType;
use lettre::transport::smtp::authentication::Credentials;
use lettre::transport::smtp::client::{Certificate, CertificateStore, Tls, TlsParameters};
use lettre::{Address, AsyncSmtpTransport, AsyncTransport, Message, Tokio1Executor};
use plimsoll_core::model::problem::Problem;
use plimsoll_store::deliveries::{Delivery, PERSON};
use sha2::{Digest, Sha256};
use std::fmt;
use std::path::PathBuf;
use std::time::Duration;
use url::{Host, Url};

/// How long one step of the talk with the mail server may take.
const TIME: Duration = Duration::from_secs(20);
/// People that one target may name.
pub const PEOPLE: usize = 20;

/// The mail server and how to speak with it.
#[derive(Clone, PartialEq, Eq)]
pub struct Smtp {
    /// `smtps://HOST[:465]`, `smtp://HOST[:587]` with STARTTLS, or
    /// `smtp+plain://HOST[:25]` for a server on this machine.
    pub url: String,
    /// Account.
    pub user: Option<String>,
    /// Its password.
    pub password: Option<String>,
    /// Address that letters come from.
    pub from: String,
}

impl fmt::Debug for Smtp {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Smtp").field("url", &self.url).field("user", &self.user).field("from", &self.from).finish_non_exhaustive()
    }
}

/// Sends letters.
pub struct Mailer {
    transport: AsyncSmtpTransport<Tokio1Executor>,
    from: Mailbox,
}

fn unusable(place: &str, text: impl Into<String>, next: &'static str) -> Problem {
    Problem::new("E-MAIL", place, text, next)
}

impl Mailer {
    /// Reads the settings.
    ///
    /// # Errors
    /// `E-MAIL` naming the setting.
    pub fn new(smtp: &Smtp, authorities: &[PathBuf]) -> Result<Self, Problem> {
        const FORMS: &str = "write smtps://HOST, smtp://HOST (STARTTLS) or, for a server on this machine, smtp+plain://127.0.0.1:25";
        let url = Url::parse(&smtp.url).map_err(|error| unusable("--smtp", format!("does not read: {error}"), FORMS))?;
        let host = url.host_str().filter(|host| !host.is_empty()).ok_or_else(|| unusable("--smtp", "names no host", FORMS))?;
        if !url.username().is_empty() || url.password().is_some() {
            return Err(unusable("--smtp", "holds a user name or password", "use `--smtp-user` and `--smtp-password-file`"));
        }
        let host = host.trim_start_matches('[').trim_end_matches(']').to_owned();
        let (tls, port) = match url.scheme() {
            "smtps" => (Tls::Wrapper(trusting(&host, authorities)?), 465),
            "smtp" => (Tls::Required(trusting(&host, authorities)?), 587),
            "smtp+plain" if here(&url) && smtp.password.is_none() => (Tls::None, 25),
            "smtp+plain" => return Err(unusable("--smtp", "without TLS goes to this machine only, and without a password", FORMS)),
            _ => return Err(unusable("--smtp", format!("{}: is no way of sending mail", url.scheme()), FORMS)),
        };
        let mut transport = AsyncSmtpTransport::<Tokio1Executor>::builder_dangerous(host)
            .port(url.port().unwrap_or(port))
            .tls(tls)
            .timeout(Some(TIME));
        if let (Some(user), Some(password)) = (&smtp.user, &smtp.password) {
            transport = transport.credentials(Credentials::new(user.clone(), password.clone()));
        }
        let from = smtp.from.parse().map_err(|error| unusable("--mail-from", format!("is no mail address: {error}"), "write name@example.org"))?;
        Ok(Self { transport: transport.build(), from })
    }

    /// Sends one letter about some messages to a target's people; gives
    /// whether it was taken and words for the log.
    pub async fn deliver(&self, to: &str, url: &str, deliveries: &[Delivery]) -> (bool, String) {
        let letter = match self.letter(to, url, deliveries) {
            Ok(letter) => letter,
            Err(text) => return (false, text),
        };
        match self.transport.send(letter).await {
            Ok(answer) => (true, format!("the mail server took it: {}", answer.code())),
            Err(error) => {
                // The server's own words may name accounts; its code is enough.
                let words = match error.status() {
                    Some(code) => format!("the mail server refused it: {code}"),
                    None if error.is_timeout() => "the mail server did not answer in time".to_owned(),
                    None => format!("no mail can be handed over: {error}"),
                };
                (false, words)
            }
        }
    }

    fn letter(&self, to: &str, url: &str, deliveries: &[Delivery]) -> Result<Message, String> {
        let first = deliveries.first().ok_or("there is nothing to say")?;
        let mut ids = Sha256::new();
        for delivery in deliveries {
            ids.update(delivery.id.as_bytes());
        }
        // The same messages make the same letter, so that a mail program can
        // tell the second copy of one.
        let digest = data_encoding::HEXLOWER.encode(ids.finalize().get(..8).unwrap_or_default());
        let domain = self.from.email.domain().to_owned();
        let mut builder = Message::builder()
            .from(self.from.clone())
            .message_id(Some(format!("<{}.{digest}@{domain}>", first.id)))
            .header(AutoSubmitted)
            .subject(subject(deliveries));
        for person in people(to)? {
            builder = builder.to(Mailbox::new(None, person));
        }
        builder
            .header(ContentType::TEXT_PLAIN)
            .body(text(url, deliveries))
            .map_err(|error| error.to_string())
    }
}

/// Marks a letter that a program wrote, so that holiday notes do not answer it.
#[derive(Clone)]
struct AutoSubmitted;

impl lettre::message::header::Header for AutoSubmitted {
    fn name() -> lettre::message::header::HeaderName {
        lettre::message::header::HeaderName::new_from_ascii_str("Auto-Submitted")
    }

    fn parse(_: &str) -> Result<Self, Box<dyn std::error::Error + Send + Sync>> {
        Ok(Self)
    }

    fn display(&self) -> lettre::message::header::HeaderValue {
        lettre::message::header::HeaderValue::new(Self::name(), "auto-generated".to_owned())
    }
}

fn here(url: &Url) -> bool {
    match url.host() {
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        // A scheme that the web does not know keeps numbers as names.
        Some(Host::Domain(name)) => name == "localhost" || name.parse::<std::net::Ipv4Addr>().is_ok_and(|address| address.is_loopback()),
        None => false,
    }
}

fn trusting(host: &str, authorities: &[PathBuf]) -> Result<TlsParameters, Problem> {
    let bad = |text: String| unusable("--outward-ca", text, "name a PEM file with the certificate of your certificate authority");
    let mut builder = TlsParameters::builder(host.to_owned()).certificate_store(CertificateStore::Default);
    for file in authorities {
        let pem = std::fs::read(file).map_err(|error| bad(error.to_string()))?;
        builder = builder.add_root_certificate(Certificate::from_pem(&pem).map_err(|error| bad(error.to_string()))?);
    }
    builder.build().map_err(|error| bad(error.to_string()))
}

/// Reads the people of a target: addresses with commas between them.
///
/// # Errors
/// In words.
pub fn people(text: &str) -> Result<Vec<Address>, String> {
    let mut found = Vec::new();
    for one in text.split(',').map(str::trim).filter(|one| !one.is_empty()) {
        found.push(one.parse::<Address>().map_err(|error| format!("{one:?} is no mail address: {error}"))?);
    }
    match found.len() {
        1..=PEOPLE => Ok(found),
        number => Err(format!("{number} addresses are named, allowed are 1 to {PEOPLE}")),
    }
}

fn subject(deliveries: &[Delivery]) -> String {
    let first = deliveries.first().map(|delivery| Line::of(delivery).text).unwrap_or_default();
    let first: String = first.chars().take(120).collect();
    match deliveries.len() {
        0 | 1 => format!("[Plimsoll] {first}"),
        many => format!("[Plimsoll] {first}, and {} more", many - 1),
    }
}

/// The letter's text.
fn text(url: &str, deliveries: &[Delivery]) -> String {
    use std::fmt::Write;
    let mut out = String::new();
    let (lines, more) = Line::spelled(deliveries);
    for Line { text, about, more, link } in lines {
        let _ = writeln!(out, "{text}\n  {about}");
        for line in more {
            let _ = writeln!(out, "  {line}");
        }
        let _ = write!(out, "  {link}\n\n");
    }
    if more > 0 {
        let _ = write!(out, "And {more} more: {url}/console\n\n");
    }
    let named = deliveries.first().is_some_and(|delivery| delivery.channel == PERSON);
    let (set, page) = if named { ("The policy names who gets this; what you were told:", "notices") } else { ("Who gets this is set at", "webhooks") };
    let _ = write!(out, "-- \nPlimsoll, {url}\n{set} {url}/console/{page}\n");
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn smtp(url: &str) -> Smtp {
        Smtp { url: url.to_owned(), user: Some("u".into()), password: None, from: "plimsoll@example.org".into() }
    }

    #[test]
    fn no_password_and_no_letter_in_the_clear() {
        let code = |smtp: Smtp| Mailer::new(&smtp, &[]).err().map(|problem| format!("{} {}", problem.place, problem.text));
        assert_eq!(code(smtp("smtp+plain://127.0.0.1:2525")), None);
        assert_eq!(code(smtp("smtps://mail.example.org")), None);
        assert_eq!(code(smtp("smtp://mail.example.org:2587")), None);
        let elsewhere = "--smtp without TLS goes to this machine only, and without a password";
        assert_eq!(code(smtp("smtp+plain://mail.example.org")).as_deref(), Some(elsewhere));
        let with = Smtp { password: Some("secret".into()), ..smtp("smtp+plain://127.0.0.1") };
        assert!(!format!("{with:?}").contains("secret"));
        assert_eq!(code(with).as_deref(), Some(elsewhere));
        assert_eq!(code(smtp("smtps://u:secret@mail.example.org")).as_deref(), Some("--smtp holds a user name or password"));
        assert_eq!(code(smtp("https://mail.example.org")).as_deref(), Some("--smtp https: is no way of sending mail"));
        assert!(code(Smtp { from: "nobody".into(), ..smtp("smtps://mail.example.org") }).is_some());
    }

    #[test]
    fn people_are_addresses_and_not_too_many() {
        assert_eq!(people("ana@example.org, bo@example.org,").unwrap().len(), 2);
        assert!(people("ana@example.org\nBcc: eve@example.org").is_err());
        assert!(people("").unwrap_err().contains("0 addresses"));
        assert!(people(&vec!["a@example.org"; 21].join(",")).unwrap_err().contains("21 addresses are named, allowed are 1 to 20"));
    }
}

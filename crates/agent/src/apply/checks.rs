//! Checks before the first effect and after the last. Addresses are the host's
//! own.

use super::programs;
use jiff::Timestamp;
use plimsoll_core::model::deployment_package::{Check, LooksAt};
use plimsoll_core::model::outcome::CheckResult;
use plimsoll_core::model::problem::printable;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::ring::default_provider;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{ClientConfig, ClientConnection, DigitallySignedStruct, SignatureScheme};
use std::io::{Read, Write};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpStream};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};
use x509_cert::der::Decode;

/// Where the host's owner puts programs that may be run as checks.
const PROGRAMS: &str = "/etc/plimsoll/checks.d";
/// Most bytes read of an answer.
const ANSWER: u64 = 256 << 10;
/// Pause between two tries.
const PAUSE: Duration = Duration::from_millis(500);

/// Looks at one thing until it holds or its time is over; a service that was
/// just started again needs a moment.
pub(super) fn look(check: &Check, before: bool) -> CheckResult {
    let deadline = Instant::now() + Duration::from_secs(u64::from(check.timeout_seconds.clamp(1, 3600)));
    loop {
        let left = deadline.saturating_duration_since(Instant::now()).max(Duration::from_millis(100));
        let seen = once(&check.looks_at, left);
        let again = !matches!(check.looks_at, LooksAt::Command { .. }) && Instant::now() + PAUSE < deadline;
        match seen {
            Err(_) if again => std::thread::sleep(PAUSE),
            _ => {
                let holds = seen.is_ok();
                let text = seen.unwrap_or_else(|text| text);
                return CheckResult { name: check.name.clone(), before, holds, text: printable(&text) };
            }
        }
    }
}

fn once(looks_at: &LooksAt, left: Duration) -> Result<String, String> {
    match looks_at {
        LooksAt::Service { unit } => service(unit),
        LooksAt::Tcp { port } => connect(*port, left).map(|stream| format!("{} accepts connections", address(&stream))),
        LooksAt::Http { port, path, status, contains } => http(*port, path, *status, contains, left),
        LooksAt::Tls { port, days } => tls(*port, *days, left),
        LooksAt::Command { name } => command(name, left),
    }
}

fn service(unit: &str) -> Result<String, String> {
    if unit.starts_with('-') || unit.contains(['/', '\0']) {
        return Err("is no name of a unit".to_owned());
    }
    let output = Command::new("/usr/bin/systemctl").args(["is-active", "--", unit]).env_clear().stdin(Stdio::null()).output();
    let output = output.map_err(|error| format!("systemctl cannot be asked: {error}"))?;
    let state = String::from_utf8_lossy(&output.stdout).trim().to_owned();
    if output.status.success() { Ok(state) } else { Err(if state.is_empty() { "unknown".to_owned() } else { state }) }
}

fn address(stream: &TcpStream) -> String {
    stream.peer_addr().map(|address| address.to_string()).unwrap_or_default()
}

fn connect(port: u16, left: Duration) -> Result<TcpStream, String> {
    let mut last = String::new();
    for loopback in [IpAddr::V4(Ipv4Addr::LOCALHOST), IpAddr::V6(Ipv6Addr::LOCALHOST)] {
        match TcpStream::connect_timeout(&SocketAddr::new(loopback, port), left) {
            Ok(stream) => {
                let timed = stream.set_read_timeout(Some(left)).and_then(|()| stream.set_write_timeout(Some(left)));
                return timed.map(|()| stream).map_err(|error| error.to_string());
            }
            Err(error) => last = format!("port {port}: {error}"),
        }
    }
    Err(last)
}

fn http(port: u16, path: &str, status: u16, contains: &str, left: Duration) -> Result<String, String> {
    if !path.starts_with('/') || path.contains(|character: char| character.is_control() || character == ' ') {
        return Err("has a path that is none".to_owned());
    }
    let mut stream = connect(port, left)?;
    let request = format!("GET {path} HTTP/1.0\r\nHost: localhost\r\nUser-Agent: plimsoll-check\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).map_err(|error| error.to_string())?;
    let mut answer = Vec::new();
    let deadline = Instant::now() + left;
    let mut chunk = [0; 4096];
    while answer.len() < ANSWER as usize {
        if Instant::now() > deadline {
            return Err("the answer takes too long".to_owned());
        }
        match stream.read(&mut chunk) {
            Ok(0) => break,
            Ok(read) => answer.extend(chunk.get(..read).unwrap_or_default()),
            Err(error) => return Err(format!("the answer cannot be read: {error}")),
        }
    }
    let answer = String::from_utf8_lossy(&answer);
    let found = answer.split(' ').nth(1).and_then(|word| word.parse::<u16>().ok());
    match found {
        Some(found) if found != status => Err(format!("status {found}, {status} is expected")),
        None => Err("the answer is not HTTP".to_owned()),
        Some(_) if !answer.contains(contains) => Err(format!("status {status}, without the expected text")),
        Some(_) => Ok(format!("status {status}")),
    }
}

/// Accepts any certificate: what is looked at is whether the service speaks and
/// how long its certificate lasts, not who it is.
#[derive(Debug)]
struct Anyone;

impl ServerCertVerifier for Anyone {
    fn verify_server_cert(&self, _: &CertificateDer<'_>, _: &[CertificateDer<'_>], _: &ServerName<'_>, _: &[u8], _: UnixTime) -> Result<ServerCertVerified, rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(&self, message: &[u8], certificate: &CertificateDer<'_>, signature: &DigitallySignedStruct) -> Result<HandshakeSignatureValid, rustls::Error> {
        rustls::crypto::verify_tls12_signature(message, certificate, signature, &default_provider().signature_verification_algorithms)
    }

    fn verify_tls13_signature(&self, message: &[u8], certificate: &CertificateDer<'_>, signature: &DigitallySignedStruct) -> Result<HandshakeSignatureValid, rustls::Error> {
        rustls::crypto::verify_tls13_signature(message, certificate, signature, &default_provider().signature_verification_algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        default_provider().signature_verification_algorithms.supported_schemes()
    }
}

fn tls(port: u16, days: u32, left: Duration) -> Result<String, String> {
    let mut stream = connect(port, left)?;
    let configuration = ClientConfig::builder_with_provider(Arc::new(default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(|error| error.to_string())?
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(Anyone))
        .with_no_client_auth();
    let name = ServerName::try_from("localhost").map_err(|error| error.to_string())?;
    let mut connection = ClientConnection::new(Arc::new(configuration), name).map_err(|error| error.to_string())?;
    while connection.is_handshaking() {
        connection.complete_io(&mut stream).map_err(|error| format!("the handshake fails: {error}"))?;
    }
    let certificate = connection.peer_certificates().and_then(<[_]>::first).ok_or("shows no certificate")?;
    let certificate = x509_cert::Certificate::from_der(certificate).map_err(|error| format!("the certificate cannot be read: {error}"))?;
    let ends = certificate.tbs_certificate().validity().not_after.to_unix_duration().as_secs();
    let ends = i64::try_from(ends).ok().and_then(|seconds| Timestamp::from_second(seconds).ok()).unwrap_or(Timestamp::MAX);
    let left = ends.duration_since(Timestamp::now()).as_hours() / 24;
    if left >= i64::from(days) { Ok(format!("the certificate is valid for {left} days more")) } else { Err(format!("the certificate ends at {ends}, {days} days are wanted")) }
}

/// Runs a program that the host's owner put there.
fn command(name: &str, left: Duration) -> Result<String, String> {
    programs::run(&programs::find(PROGRAMS, name)?, left, &mut |_| {})
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::TcpListener;

    fn check(looks_at: LooksAt) -> CheckResult {
        look(&Check { name: "c".into(), looks_at, timeout_seconds: 1, before: false }, false)
    }

    #[test]
    fn http_is_judged_by_status_and_text() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        std::thread::spawn(move || {
            for mut stream in listener.incoming().flatten() {
                let _ = stream.read(&mut [0; 1024]);
                let _ = stream.write_all(b"HTTP/1.1 200 OK\r\n\r\nall is \x1b well");
            }
        });
        let http = |path: &str, status, contains: &str| check(LooksAt::Http { port, path: path.into(), status, contains: contains.into() }).holds;
        assert!(http("/", 200, "well") && http("/", 200, ""));
        assert!(!http("/", 204, "") && !http("/", 200, "ill") && !http("/ HTTP/1.1\r\nX: y", 200, ""));
        assert!(check(LooksAt::Tcp { port }).holds);
        assert!(!check(LooksAt::Tls { port, days: 1 }).holds);
    }

    #[test]
    fn nothing_listens_and_no_program_but_root_s_is_run() {
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        assert!(!check(LooksAt::Tcp { port }).holds);
        for name in ["", "../x", "/bin/true", "-x", ".", "absent"] {
            let result = check(LooksAt::Command { name: name.into() });
            assert!(!result.holds && result.text.contains("E-PATH-OWNER"), "{result:?}");
        }
        assert!(!check(LooksAt::Service { unit: "--help".into() }).holds);
    }
}

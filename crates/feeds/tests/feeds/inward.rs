//! Addresses that lead inside, proxies, and private certificate authorities.

use crate::server::{Server, answer, feed, network, problem, run_with, source};
use plimsoll_feeds::catalogue::Kind;
use plimsoll_feeds::fetch::{NetworkOptions, Outcome, ProxySettings};
use std::io::Write;
use std::net::TcpStream;
use std::sync::Arc;

fn one(network: NetworkOptions, url: &str) -> plimsoll_feeds::fetch::SourceReport {
    let root = tempfile::tempdir().expect("a folder");
    run_with(root.path(), &[source("kev", url, "kev/k.json", Kind::Kev)], network).sources.remove(0)
}

#[test]
fn redirects_do_not_lead_inside() {
    let inner = Server::start(|_, stream| answer(stream, 200, &[], &feed(1, "2026-01-01", 0)));
    let inside = format!("http://127.0.0.1:{}/", inner.port);
    for (target, reason) in [
        ("http://169.254.169.254/latest/meta-data/", "plain http"),
        ("https://169.254.169.254/latest/meta-data/", "link-local"),
        ("https://[::ffff:169.254.169.254]/", "link-local"),
        ("https://2130706433/", "loopback"),
        ("https://10.0.0.1/", "private"),
        ("https://localhost/", "not on a host"),
        ("file:///etc/passwd", "scheme file"),
        ("https://user:pass@127.0.0.1/", "user name"),
        (inside.as_str(), "plain http"),
    ] {
        let to = target.to_owned();
        let server = Server::start(move |_, stream| answer(stream, 302, &[("location", &to)], b""));
        let report = one(network(), &server.url("/k"));
        let problem = problem(&report);
        assert_eq!(problem.code, "E-URL-BLOCKED", "{target}: {problem:?}");
        assert!(problem.text.contains(reason), "{target}: {problem:?}");
    }
    assert!(inner.seen().is_empty(), "nothing inside was asked");
}

#[test]
fn a_name_that_resolves_inside_is_refused_unless_the_operator_named_it() {
    let server = Server::start(|_, stream| answer(stream, 200, &[], &feed(1, "2026-01-01", 0)));
    let url = format!("https://localhost:{}/k", server.port);
    let mut theirs = source("kev", &url, "kev/k.json", Kind::Kev);
    theirs.by_operator = false;
    let root = tempfile::tempdir().expect("a folder");
    let report = run_with(root.path(), &[theirs], network()).sources.remove(0);
    assert_eq!(problem(&report).code, "E-URL-BLOCKED", "{report:?}");
    assert!(problem(&report).text.contains("loopback"), "{report:?}");
    assert!(server.seen().is_empty());
}

#[test]
fn plain_http_outside_loopback_needs_the_option() {
    let report = one(network(), "http://feeds.example.invalid/k");
    assert_eq!(problem(&report).code, "E-URL-BLOCKED");
    let allowed = NetworkOptions { allow_http: true, ..network() };
    assert_eq!(problem(&one(allowed, "http://feeds.example.invalid/k")).code, "E-NETWORK");
}

#[test]
fn redirects_go_round_at_most_five_times() {
    let server = Server::start(|_, stream| answer(stream, 302, &[("location", "/again")], b""));
    let report = one(network(), &server.url("/k"));
    assert!(problem(&report).text.contains("more than 5 times"), "{report:?}");
    assert_eq!(server.seen().len(), 6);
}

/// A proxy that tunnels, and writes down who came.
fn proxy() -> Server {
    Server::start(|seen, stream| {
        if seen.method != "CONNECT" {
            return answer(stream, 405, &[], b"");
        }
        if seen.header("proxy-authorization") != Some("Basic dXNlcjpzM2NyZXQ=") {
            return answer(stream, 407, &[], b"");
        }
        let mut upstream = TcpStream::connect(&seen.path).expect("the target");
        let _ = stream.write_all(b"HTTP/1.1 200 OK\r\n\r\n");
        // One request is enough: read it to its blank line, then the answer.
        let mut request = Vec::new();
        let mut byte = [0];
        while !request.ends_with(b"\r\n\r\n") && matches!(stream.read(&mut byte), Ok(1)) {
            request.push(byte[0]);
        }
        let _ = upstream.write_all(&request);
        let _ = std::io::copy(&mut upstream, stream);
    })
}

#[test]
fn proxies_come_from_the_environment_and_their_secrets_stay_out_of_sight() {
    let server = Server::start(|_, stream| answer(stream, 200, &[], &feed(1, "2026-01-01", 0)));
    let proxy = proxy();
    let with = |http: String, none: &str| {
        let none = none.to_owned();
        let settings = ProxySettings::from_variables(move |name| match name {
            "http_proxy" => Some(http.clone()),
            "NO_PROXY" => Some(none.clone()),
            _ => None,
        });
        NetworkOptions { proxy: settings, ..network() }
    };
    let address = format!("http://user:s3cret@127.0.0.1:{}", proxy.port);
    let report = one(with(address.clone(), ""), &server.url("/k"));
    assert!(matches!(report.outcome, Outcome::Updated(_)), "{report:?}");
    assert_eq!(proxy.seen().len(), 1);
    let report = one(with(address.clone(), "127.0.0.1"), &server.url("/k"));
    assert!(matches!(report.outcome, Outcome::Updated(_)), "{report:?}");
    assert_eq!(proxy.seen().len(), 1, "NO_PROXY is respected");

    let wrong = with(format!("http://user:wr0ng@127.0.0.1:{}", proxy.port), "");
    assert!(!format!("{wrong:?}").contains("wr0ng"));
    let report = one(wrong, &server.url("/k"));
    assert_eq!(problem(&report).code, "E-PROXY", "{report:?}");
    assert!(!format!("{report:?}").contains("wr0ng"));
    let httpoxy = ProxySettings::from_variables(|name| match name {
        "REQUEST_METHOD" => Some("GET".to_owned()),
        "HTTP_PROXY" => Some("http://evil.example".to_owned()),
        _ => None,
    });
    assert_eq!(httpoxy, ProxySettings::default());
}

#[test]
fn a_private_certificate_authority_counts_only_when_given() {
    let authority_key = rcgen::KeyPair::generate().expect("a key");
    let mut authority = rcgen::CertificateParams::new(Vec::new()).expect("parameters");
    authority.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
    authority.key_usages = vec![rcgen::KeyUsagePurpose::KeyCertSign];
    let authority_certificate = authority.self_signed(&authority_key).expect("an authority");
    let issuer = rcgen::Issuer::new(authority, authority_key);
    let key = rcgen::KeyPair::generate().expect("a key");
    let certificate = rcgen::CertificateParams::new(vec!["127.0.0.1".to_owned()])
        .and_then(|params| params.signed_by(&key, &issuer))
        .expect("a certificate");
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .expect("TLS 1.2 and 1.3")
        .with_no_client_auth()
        .with_single_cert(
            vec![certificate.der().clone()],
            rustls::pki_types::PrivateKeyDer::try_from(key.serialize_der()).expect("a private key"),
        )
        .expect("a server configuration");
    let config = Arc::new(config);
    let server = Server::start_tls(config.clone(), |_, stream| answer(stream, 200, &[], &feed(1, "2026-01-01", 0)));
    let url = format!("https://127.0.0.1:{}/k", server.port);

    let report = one(network(), &url);
    assert_eq!(problem(&report).code, "E-TLS", "{report:?}");
    assert!(problem(&report).next.contains("--ca"));

    let folder = tempfile::tempdir().expect("a folder");
    let ca = folder.path().join("ca.pem");
    std::fs::write(&ca, authority_certificate.pem()).expect("a written file");
    let trusting = NetworkOptions { ca_files: vec![ca], ..network() };
    let report = one(trusting.clone(), &url);
    assert!(matches!(report.outcome, Outcome::Updated(_)), "{report:?}");

    // From here on the same authority, but the server sends us down to http.
    let plain = Server::start(|_, stream| answer(stream, 200, &[], &feed(1, "2026-01-01", 0)));
    let to = plain.url("/k");
    let down = Server::start_tls(config, move |_, stream| answer(stream, 301, &[("location", &to)], b""));
    let mut careless = NetworkOptions { allow_http: true, ..trusting };
    careless.allow_hosts.push(format!("127.0.0.1:{}", plain.port));
    let report = one(careless, &format!("https://127.0.0.1:{}/k", down.port));
    assert!(problem(&report).text.contains("from https to http"), "{report:?}");
    assert!(plain.seen().is_empty());
}

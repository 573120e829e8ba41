//! Whoever calls itself the server and cannot prove it is told nothing.

use crate::stage::Stage;
use plimsoll_formats::protocol::ENROL;
use rcgen::{BasicConstraints, CertificateParams, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair, date_time_ymd};
use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use rustls::{ServerConfig, ServerConnection};
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::mpsc::{Receiver, channel};
use std::sync::Arc;
use std::time::Duration;

struct Authority {
    issuer: Issuer<'static, KeyPair>,
    pem: String,
}

impl Authority {
    fn new() -> Self {
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let pem = params.self_signed(&key).unwrap().pem();
        Self { issuer: Issuer::new(params, key), pem }
    }

    /// A server's settings with a certificate of this authority.
    fn vouch(&self, params: &CertificateParams) -> ServerConfig {
        let key = KeyPair::generate().unwrap();
        shows(params.signed_by(&key, &self.issuer).unwrap(), &key)
    }
}

fn shows(certificate: rcgen::Certificate, key: &KeyPair) -> ServerConfig {
    let key = PrivateKeyDer::from(PrivatePkcs8KeyDer::from(key.serialize_der()));
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
    builder.with_no_client_auth().with_single_cert(vec![certificate.der().clone()], key).unwrap()
}

fn for_name(name: &str) -> CertificateParams {
    CertificateParams::new(vec![name.to_owned()]).unwrap()
}

/// Listens once, and gives the address and what `speak` will have heard.
fn listen(speak: impl FnOnce(TcpStream) -> Vec<u8> + Send + 'static) -> (String, Receiver<Vec<u8>>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("https://{}", listener.local_addr().unwrap());
    let (heard, told) = channel();
    std::thread::spawn(move || {
        let (stream, _) = listener.accept().unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
        heard.send(speak(stream))
    });
    (address, told)
}

/// What is told to a server with these settings, once it is believed.
fn told_to(config: ServerConfig) -> impl FnOnce(TcpStream) -> Vec<u8> + Send {
    move |mut stream| {
        let mut connection = ServerConnection::new(Arc::new(config)).unwrap();
        let mut bytes = vec![0; 4096];
        let read = rustls::Stream::new(&mut connection, &mut stream).read(&mut bytes);
        bytes.truncate(read.unwrap_or(0));
        bytes
    }
}

fn joins(stage: &Stage, address: &str, more: &[&str]) -> bool {
    let mut command = stage.command();
    command.args(["join", address, "--token", "good", "--name", "web1", "--ca-file"]).arg(stage.path("ca.pem")).args(more);
    command.status().unwrap().success()
}

#[test]
fn a_server_with_a_wrong_certificate_is_told_nothing() {
    let (stage, authority) = (Stage::new(), Authority::new());
    std::fs::write(stage.path("ca.pem"), &authority.pem).unwrap();
    let right = for_name("127.0.0.1");
    let (address, told) = listen(told_to(authority.vouch(&right)));
    joins(&stage, &address, &[]);
    assert!(told.recv().unwrap().starts_with(format!("POST {ENROL} ").as_bytes()), "{}", stage.log());

    let own = KeyPair::generate().unwrap();
    let mut expired = for_name("127.0.0.1");
    expired.not_after = date_time_ymd(2020, 1, 1);
    let mut early = for_name("127.0.0.1");
    early.not_before = date_time_ymd(4000, 1, 1);
    let mut of_a_host = for_name("127.0.0.1");
    of_a_host.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
    let wrong = [
        ("expired", authority.vouch(&expired)),
        ("not valid yet", authority.vouch(&early)),
        ("another name", authority.vouch(&for_name("plimsoll.example"))),
        ("another address", authority.vouch(&for_name("127.0.0.2"))),
        ("a host's and no server's", authority.vouch(&of_a_host)),
        ("another authority's", Authority::new().vouch(&right)),
        ("its own word", shows(right.self_signed(&own).unwrap(), &own)),
    ];
    for (what, config) in wrong {
        // Each of the two is asked as if the operator were in a hurry.
        for more in [&[][..], &["--allow-http"]] {
            let before = stage.log().len();
            let (address, told) = listen(told_to(config.clone()));
            assert!(!joins(&stage, &address, more), "{what}");
            assert_eq!(told.recv().unwrap(), b"", "{what}: it was told something");
            let said = stage.log().split_off(before);
            assert!(said.contains("certificate"), "{what}: {said}");
        }
    }
}

#[test]
fn tls_before_1_2_is_not_spoken() {
    let (stage, authority) = (Stage::new(), Authority::new());
    std::fs::write(stage.path("ca.pem"), &authority.pem).unwrap();
    for minor in [1, 2] {
        let (address, told) = listen(move |mut stream| {
            let mut head = [0; 5];
            stream.read_exact(&mut head).unwrap();
            let mut hello = vec![0; usize::from(u16::from_be_bytes([head[3], head[4]]))];
            stream.read_exact(&mut hello).unwrap();
            // A server's hello of TLS 1.0 or 1.1: number, chance, no session,
            // ECDHE-RSA-AES128-CBC-SHA, no compression.
            let mut answer = vec![22, 3, minor, 0, 42, 2, 0, 0, 38, 3, minor];
            answer.extend([7; 32]);
            answer.extend([0, 0xc0, 0x13, 0]);
            stream.write_all(&answer).unwrap();
            let mut rest = Vec::new();
            let _ = stream.read_to_end(&mut rest);
            rest
        });
        assert!(!joins(&stage, &address, &["--allow-http"]), "TLS 1.{}", minor - 1);
        let said = told.recv().unwrap();
        // An alert, which says that it is fatal and nothing else.
        assert!(said.is_empty() || (said.len() == 7 && said[0] == 21 && said[5] == 2), "TLS 1.{}: {said:?}", minor - 1);
    }
}

#[test]
fn no_setting_switches_the_check_off() {
    let (stage, authority) = (Stage::new(), Authority::new());
    std::fs::write(stage.path("ca.pem"), &authority.pem).unwrap();
    let help = std::process::Command::new(env!("CARGO_BIN_EXE_plimsoll-agent")).args(["join", "--help"]).output().unwrap();
    let help = String::from_utf8(help.stdout).unwrap().to_lowercase();
    assert!(help.contains("--ca-file"), "{help}");
    for word in ["insecure", "verif", "skip", "trust-all"] {
        assert!(!help.contains(word), "{word} in {help}");
    }
    for setting in ["insecure = true", "verify = false", "tls_verify = false"] {
        std::fs::write(stage.path("agent.toml"), setting).unwrap();
        assert!(!joins(&stage, "https://127.0.0.1:1", &[]));
        assert!(stage.log().contains(setting.split(' ').next().unwrap()), "{setting}: {}", stage.log());
    }
}

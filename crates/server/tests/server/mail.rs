//! Mail end to end, to a fake mail server.

use crate::smtp::FakeMailServer;
use crate::stage::{PACE, Stage};
use plimsoll_server::notices::mail::Smtp;
use serde_json::json;
use std::sync::Arc;
use std::time::Duration;

fn people(stage: &Stage, events: &[&str]) -> String {
    let wish = json!({ "name": "on call", "channel": "mail", "address": "ana@example.org, bo@example.org", "events": events });
    let (status, made) = stage.ask("POST", "/api/v1/webhooks", Some(wish));
    assert_eq!((status, made["secret"].is_null()), (200, true), "{made}");
    std::thread::sleep(Duration::from_millis(600));
    made["webhook"]["id"].as_str().unwrap().to_owned()
}

#[test]
fn a_letter_gathers_what_came_within_minutes() {
    let server = FakeMailServer::new(None);
    let smtp = Smtp { url: format!("smtp+plain://{}", server.address), user: None, password: None, from: "Plimsoll <plimsoll@example.org>".into() };
    let pace = plimsoll_server::notices::Pace { digest: jiff::SignedDuration::from_secs(4), ..PACE };
    let stage = Stage::with(&[], Some(smtp), Vec::new(), pace);
    let client = stage.first_client();
    let target = people(&stage, &["advisory.affects"]);
    stage.host(client, "web\u{1}-one", "libpng1.6", "1.6.39-2");
    stage.advisory("png", "TEST-2026-1", "libpng1.6", "high", "1.6.39-2+deb12u4");
    stage.advisory("more", "TEST-2026-2", "libpng1.6", "low", "1.6.40");
    stage.advisory("third", "TEST-2026-3", "libpng1.6", "critical", "1.7");
    stage.build();
    let letters = server.wait(1);
    std::thread::sleep(Duration::from_secs(2));
    assert_eq!(server.letters().len(), 1, "one letter, not three");
    let letter = &letters[0];
    assert!(letter.from.contains("plimsoll@example.org"));
    assert_eq!(letter.to.len(), 2);
    let text = letter.text.replace("=\r\n", "").replace("=3D", "=");
    for part in [
        "Subject: [Plimsoll] TEST-2026-3 (critical) affects 1 host, and 2 more",
        "Auto-Submitted: auto-generated",
        "TEST-2026-1 (high) affects 1 host",
        "/console/advisories/TEST-2026-2",
        "Message-ID: <",
    ] {
        assert!(text.contains(part), "no {part:?} in\n{text}");
    }
    stage.until("log", || stage.deliveries(&target).iter().filter(|one| one["state"] == "delivered").count() == 3);
    assert!(stage.deliveries(&target)[0]["answer"].as_str().unwrap().starts_with("the mail server took it: 250"));
}

#[test]
fn starttls_is_insisted_on_and_the_password_goes_nowhere_else() {
    let key = rcgen::generate_simple_self_signed(vec!["127.0.0.1".to_owned(), "localhost".to_owned()]).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let authority = folder.path().join("ca.pem");
    std::fs::write(&authority, key.cert.pem()).unwrap();
    let config = rustls::ServerConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![key.cert.der().clone()], rustls::pki_types::PrivateKeyDer::Pkcs8(key.signing_key.serialize_der().into()))
        .unwrap();
    let server = FakeMailServer::new(Some(Arc::new(config)));
    let smtp = Smtp {
        url: format!("smtp://localhost:{}", server.address.port()),
        user: Some("plimsoll".into()),
        password: Some("correct horse".into()),
        from: "plimsoll@example.org".into(),
    };
    // Trusted: the letter arrives encrypted, with the proof.
    let stage = Stage::with(&[], Some(smtp.clone()), vec![authority], PACE);
    let target = people(&stage, &[]);
    stage.ask("POST", &format!("/api/v1/webhooks/{target}/test"), None);
    let letter = server.wait(1).remove(0);
    assert!(letter.encrypted);
    assert_eq!(letter.proof.as_deref(), Some(data_encoding::BASE64.encode(b"\0plimsoll\0correct horse").as_str()));
    drop(stage);

    // Not trusted, or without TLS at all: nothing is said, and the log tells why
    // without the password.
    let without = FakeMailServer::new(None);
    for (url, why) in [(smtp.url.clone(), "certificate"), (format!("smtp://localhost:{}", without.address.port()), "STARTTLS")] {
        let stage = Stage::with(&[], Some(Smtp { url, ..smtp.clone() }), Vec::new(), PACE);
        let target = people(&stage, &[]);
        stage.ask("POST", &format!("/api/v1/webhooks/{target}/test"), None);
        stage.until("failure", || stage.deliveries(&target)[0]["answer"].is_string());
        let log = stage.deliveries(&target);
        let answer = log[0]["answer"].as_str().unwrap();
        assert!(answer.contains(why) && !format!("{log:?}").contains("horse"), "{answer}");
        assert_eq!(log[0]["state"], "waiting");
    }
    assert_eq!((server.letters().len(), without.letters().len()), (1, 0));
}

//! What comes to a real server in a host's name and is not that host: a replay,
//! another's signature, a copy of the name, a used token, a flood.

use crate::evaluation::Evaluation;
use crate::sandbox::Small;
use ed25519_dalek::SigningKey;
use jiff::{SignedDuration, Timestamp};
use plimsoll_core::model::component::Component;
use plimsoll_core::model::host::Host;
use plimsoll_core::model::report::Report;
use plimsoll_formats::protocol::{self, CheckIn, Enrol, NEW_HOST, SignedRequest, encode_hex, headers, write_message};
use serde_json::{Value, json};

/// A host that says what a test wants it to say.
struct Speaker<'a> {
    server: &'a Evaluation,
    key: SigningKey,
    id: String,
    sequence: u64,
}

/// A request as it goes over the wire.
#[derive(Clone)]
struct Letter {
    path: &'static str,
    headers: Vec<(&'static str, String)>,
    body: Vec<u8>,
}

impl Letter {
    fn send(&self, server: &Evaluation) -> (u16, Value) {
        let mut request = Evaluation::agent().post(format!("{}{}", server.url, self.path)).content_type("application/json");
        for (name, value) in &self.headers {
            request = request.header(*name, value);
        }
        let mut answer = request.send(self.body.as_slice()).expect("an answer");
        let said = answer.body_mut().read_to_string().unwrap_or_default();
        (answer.status().as_u16(), serde_json::from_str(&said).unwrap_or_default())
    }

    /// Status and code of what is refused.
    fn refused(&self, server: &Evaluation) -> (u16, String) {
        let (status, said) = self.send(server);
        (status, said["code"].as_str().unwrap_or_default().to_owned())
    }
}

impl<'a> Speaker<'a> {
    fn new(server: &'a Evaluation, seed: u8) -> Self {
        Self { server, key: SigningKey::from_bytes(&[seed; 32]), id: NEW_HOST.to_owned(), sequence: 100 }
    }

    /// Signs a request with a key, of a time.
    fn letter(&mut self, path: &'static str, body: Vec<u8>, key: &SigningKey, date: Timestamp) -> Letter {
        self.sequence += 1;
        let (date, digest, sequence) = (date.to_string(), protocol::digest(&body), self.sequence);
        let signed = SignedRequest { method: "POST", path, host: &self.id, date: &date, sequence, digest: &digest };
        let signature = protocol::sign(key, &signed);
        let mut all = vec![(headers::HOST, self.id.clone()), (headers::DATE, date), (headers::SEQUENCE, sequence.to_string())];
        all.extend([(headers::DIGEST, digest), (headers::SIGNATURE, signature)]);
        if path == protocol::REPORT {
            all.push(("content-encoding", "zstd".to_owned()));
        }
        Letter { path, headers: all, body }
    }

    fn enrol(&mut self, token: &str, name: &str) -> Letter {
        let wish = Enrol {
            token: token.to_owned(),
            name: name.to_owned(),
            public_key: encode_hex(self.key.verifying_key().as_bytes()),
            machine_id_digest: protocol::digest(name.as_bytes()),
            hardware_digest: String::new(),
            boot_id: "b".to_owned(),
            agent: "test".to_owned(),
            protocol: protocol::VERSION,
            root_digest: None,
        };
        let key = self.key.clone();
        self.letter(protocol::ENROL, write_message(&wish).expect("a message"), &key, Timestamp::now())
    }

    /// Joins, and gives the state that the server puts it into.
    fn join(&mut self, token: &str, name: &str) -> String {
        let (status, said) = self.enrol(token, name).send(self.server);
        assert_eq!(status, 200, "{said}");
        self.id = said["host"].as_str().expect("an id").to_owned();
        said["state"].as_str().expect("a state").to_owned()
    }

    fn check_in_by(&mut self, key: &SigningKey, date: Timestamp) -> Letter {
        let message = CheckIn {
            sequence: self.sequence + 1,
            boot_id: "b".to_owned(),
            hardware_digest: String::new(),
            report: None,
            checkpoint: None,
            alarms: Vec::new(),
            assigned: Vec::new(),
        };
        self.letter(protocol::CHECK_IN, write_message(&message).expect("a message"), key, date)
    }

    fn check_in(&mut self) -> Letter {
        let key = self.key.clone();
        self.check_in_by(&key, Timestamp::now())
    }

    /// A report whose components come so many times each; not by the road that
    /// an honest agent takes, which would mend it.
    fn report(&mut self, components: &[Component], times: usize) -> Letter {
        let report = Report {
            schema: Report::SCHEMA.to_owned(),
            agent: "test".to_owned(),
            host: Host { name: "web".to_owned(), ..Host::default() },
            components: Vec::new(),
            updates: None,
            held_updates: Vec::new(),
            offered: Vec::new(),
            problems: Vec::new(),
        };
        let each: Vec<String> = components.iter().map(|component| serde_json::to_string(component).expect("a component")).collect();
        let listed = vec![each.join(","); times].join(",");
        let text = serde_json::to_string(&report).expect("a report").replacen("\"components\":[]", &format!("\"components\":[{listed}]"), 1);
        let body = protocol::compress("report", text.as_bytes()).expect("compressed");
        let key = self.key.clone();
        self.letter(protocol::REPORT, body, &key, Timestamp::now())
    }
}

/// The host that the console would show under an id.
fn shown(server: &Evaluation, id: &str) -> Value {
    let (status, said) = server.ask("GET", &format!("/api/v1/hosts/{id}"), None);
    assert_eq!(status, 200, "{said}");
    said["row"].clone()
}

#[test]
fn nobody_speaks_in_anothers_name() {
    let small = Small::new(&[("alpha", "1.0")]);
    small.advise("TEST-2026-1", "low", "2026-03-01", "alpha", "2.0").build(&[]);
    let server = Evaluation::start(&small.at("server"), &small.path("small.db"), &small.at("log"));
    let token = || server.ask("POST", "/api/v1/enrolment-tokens", Some(json!({}))).1["token"].as_str().expect("a token").to_owned();
    let first = token();
    let mut web = Speaker::new(&server, 1);
    assert_eq!(web.join(&first, "web"), "active");
    let alpha = Component { name: "alpha".to_owned(), version: "1.0".to_owned(), ..Component::default() };
    assert_eq!(web.report(&[alpha], 1).send(&server).0, 200);

    // A token lets one host in, and a wrong one nobody.
    let refused = |letter: &Letter| letter.refused(&server);
    let mut second = Speaker::new(&server, 2);
    assert_eq!(refused(&second.enrol(&first, "other")), (401, "E-TOKEN-USED".to_owned()));
    assert_eq!(refused(&second.enrol("plimsoll-join-guess", "other")).0, 401);

    // The same bytes again; another's signature; a clock that is off; a body
    // that was changed on the way; a host that nobody knows.
    let heard = web.check_in();
    assert_eq!(heard.send(&server).0, 200);
    assert_eq!(refused(&heard), (401, "E-REPLAY".to_owned()));
    let thief = SigningKey::from_bytes(&[9; 32]);
    assert_eq!(refused(&web.check_in_by(&thief, Timestamp::now())), (401, "E-SIGNATURE".to_owned()));
    let (key, yesterday) = (web.key.clone(), Timestamp::now() - SignedDuration::from_hours(24));
    assert_eq!(refused(&web.check_in_by(&key, yesterday)), (401, "E-CLOCK".to_owned()));
    let mut changed = web.check_in();
    changed.body.push(b' ');
    assert_eq!(refused(&changed), (401, "E-DIGEST".to_owned()));
    let mut moved = web.check_in();
    moved.path = protocol::ROTATE;
    assert_eq!(refused(&moved), (401, "E-SIGNATURE".to_owned()), "a request signed for another path");
    let mut nobody = Speaker::new(&server, 3);
    nobody.id = "00000000000000000000000001".to_owned();
    assert_eq!(refused(&nobody.check_in()), (401, "E-HOST".to_owned()));
    let row = shown(&server, &web.id);
    assert_eq!((&row["state"], &row["components"]), (&json!("active"), &json!(1)), "nothing of it changed the host: {row}");

    // Who claims the name waits for a person, and inherits nothing.
    let mut claims = Speaker::new(&server, 4);
    assert_eq!(claims.join(&token(), "web"), "pending");
    assert_ne!(claims.id, web.id);
    assert_eq!(refused(&claims.check_in()), (403, "E-PENDING".to_owned()));
    assert_eq!(refused(&claims.report(&[], 1)), (403, "E-PENDING".to_owned()));
    let row = shown(&server, &claims.id);
    assert!(row["findings"].is_null() && row["flag"].as_str().is_some_and(|flag| flag.contains("another host has")), "{row}");
    assert_eq!(web.check_in().send(&server).0, 200, "the first one goes on");

    // A retired host is refused at once.
    let mut old = Speaker::new(&server, 5);
    old.join(&token(), "old");
    assert_eq!(old.check_in().send(&server).0, 200);
    assert_eq!(server.ask("POST", &format!("/api/v1/hosts/{}/retire", old.id), Some(json!({}))).0, 200);
    assert_eq!(refused(&old.check_in()), (403, "E-RETIRED".to_owned()));
    // With a new token the same machine comes back as another host.
    let mut back = Speaker::new(&server, 5);
    assert_eq!(back.join(&token(), "old"), "active");
    assert_ne!(back.id, old.id);
    assert_eq!(back.check_in().send(&server).0, 200);
}

#[test]
fn a_hostile_report_touches_its_own_host_only() {
    let small = Small::new(&[("alpha", "1.0")]);
    small.advise("TEST-2026-1", "low", "2026-03-01", "alpha", "2.0").build(&[]);
    let server = Evaluation::start(&small.at("server"), &small.path("small.db"), &small.at("log"));
    let token = || server.ask("POST", "/api/v1/enrolment-tokens", Some(json!({}))).1["token"].as_str().expect("a token").to_owned();
    let (mut bad, mut good) = (Speaker::new(&server, 1), Speaker::new(&server, 2));
    bad.join(&token(), "bad");
    good.join(&token(), "good");
    let named = |name: String| Component { name, version: "1.0".to_owned(), ..Component::default() };
    assert_eq!(good.report(&[named("alpha".to_owned())], 1).send(&server).0, 200);
    for (name, times) in [("package".to_owned(), 500_000), ("line\nbreak".to_owned(), 1), ("x".repeat(1 << 20), 1)] {
        let (status, code) = bad.report(&[named(name)], times).refused(&server);
        assert!(matches!(status, 400 | 413) && code.starts_with("E-"), "{status} {code}");
    }
    // Markup and SQL are names like others: kept, or refused in words.
    let (status, said) = bad.report(&[named("<script>alert(1)</script>".to_owned()), named("'; DROP TABLE hosts; --".to_owned())], 1).send(&server);
    assert!(status == 200 || status == 400, "{status} {said}");
    let row = shown(&server, &bad.id);
    assert!(row["flag"].as_str().is_some_and(|flag| flag.contains("its report was refused")), "{row}");
    let row = shown(&server, &good.id);
    assert_eq!((&row["flag"], &row["components"], &row["state"]), (&Value::Null, &json!(1), &json!("active")), "{row}");
}

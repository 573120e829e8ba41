//! C11, against an issuer on this machine that can be told to lie.

use super::{ClientSecret, GroupGrant, Oidc, Provider, Return};
use crate::http::problem::Refusal;
use crate::identity::people::NewPerson;
use crate::identity::role::{Grant, Role};
use crate::identity::session::NewSession;
use crate::identity::sign_in::Step;
use crate::identity::stage::{PASSWORD, Stage, client};
use crate::outward::{Allowed, Outward};
use axum::http::{HeaderMap, header};
use data_encoding::BASE64URL_NOPAD;
use ring::rand::SystemRandom;
use ring::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair};
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

/// What the issuer does.
struct Issuer {
    url: String,
    key: EcdsaKeyPair,
    key_name: String,
    /// Claims that replace the honest ones; null removes one.
    lies: Value,
    header: Value,
    /// Signs with this in place of its key.
    forge: Option<fn(&Issuer, &str) -> Vec<u8>>,
    challenge: String,
    used: BTreeSet<String>,
    nonce: String,
    time: i64,
    down: bool,
    asked: BTreeMap<String, usize>,
}

fn key() -> EcdsaKeyPair {
    let random = SystemRandom::new();
    let pkcs8 = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &random).unwrap();
    EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, pkcs8.as_ref(), &random).unwrap()
}

impl Issuer {
    fn answer(&mut self, path: &str, body: &str) -> (u16, Value) {
        *self.asked.entry(path.to_owned()).or_insert(0) += 1;
        if self.down {
            return (503, json!({}));
        }
        match path {
            "/.well-known/openid-configuration" => (
                200,
                json!({
                    "issuer": self.url, "authorization_endpoint": format!("{}/authorize", self.url),
                    "token_endpoint": format!("{}/token", self.url), "jwks_uri": format!("{}/keys", self.url),
                }),
            ),
            "/keys" => {
                let point = self.key.public_key().as_ref();
                let (x, y) = (BASE64URL_NOPAD.encode(&point[1..33]), BASE64URL_NOPAD.encode(&point[33..]));
                (200, json!({"keys": [
                    {"kty": "EC", "crv": "P-256", "use": "sig", "kid": self.key_name, "x": x, "y": y},
                    {"kty": "strange", "kid": "other"},
                ]}))
            }
            "/token" => self.token(body),
            _ => (404, json!({})),
        }
    }

    fn token(&mut self, body: &str) -> (u16, Value) {
        let form: BTreeMap<String, String> = url::form_urlencoded::parse(body.as_bytes()).into_owned().collect();
        let verifier = <sha2::Sha256 as sha2::Digest>::digest(form["code_verifier"].as_bytes());
        let known = BASE64URL_NOPAD.encode(&verifier) == self.challenge;
        if !known || !self.used.insert(form["code"].clone()) {
            return (400, json!({"error": "invalid_grant"}));
        }
        (200, json!({"access_token": "unused", "token_type": "Bearer", "id_token": self.id_token()}))
    }

    fn id_token(&self) -> String {
        let mut claims = json!({
            "iss": self.url, "aud": "plimsoll", "sub": "u-1", "nonce": self.nonce, "exp": self.time + 300, "iat": self.time,
            "email": "alice@example.org", "email_verified": true, "name": "Alice Archer", "preferred_username": "alice",
            "groups": ["patchers", "staff"],
        });
        for (name, value) in self.lies.as_object().unwrap() {
            claims[name] = value.clone();
        }
        claims.as_object_mut().unwrap().retain(|_, value| !value.is_null());
        let part = |value: &Value| BASE64URL_NOPAD.encode(value.to_string().as_bytes());
        let message = format!("{}.{}", part(&self.header), part(&claims));
        let signature = match self.forge {
            Some(forge) => forge(self, &message),
            None => self.key.sign(&SystemRandom::new(), message.as_bytes()).unwrap().as_ref().to_vec(),
        };
        format!("{message}.{}", BASE64URL_NOPAD.encode(&signature))
    }
}

fn serve(issuer: &Arc<Mutex<Issuer>>, listener: TcpListener) {
    let issuer = Arc::clone(issuer);
    std::thread::spawn(move || {
        for stream in listener.incoming().take(200) {
            let _ = exchange(&issuer, stream.unwrap());
        }
    });
}

fn exchange(issuer: &Mutex<Issuer>, stream: TcpStream) -> std::io::Result<()> {
    let mut reader = BufReader::new(stream.try_clone()?);
    let (mut first, mut length) = (String::new(), 0);
    reader.read_line(&mut first)?;
    loop {
        let mut line = String::new();
        reader.read_line(&mut line)?;
        if let Some(value) = line.to_ascii_lowercase().strip_prefix("content-length:") {
            length = value.trim().parse().unwrap();
        }
        if line.trim().is_empty() {
            break;
        }
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body)?;
    let path = first.split(' ').nth(1).unwrap_or_default();
    let (status, answer) = issuer.lock().unwrap().answer(path, &String::from_utf8(body).unwrap());
    let answer = answer.to_string();
    let mut stream = stream;
    write!(stream, "HTTP/1.1 {status} X\r\nContent-Type: application/json\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{answer}", answer.len())
}

/// A stage with an issuer.
struct Scene {
    stage: Stage,
    issuer: Arc<Mutex<Issuer>>,
    oidc: Oidc,
}

impl Scene {
    fn new() -> Self {
        let stage = Stage::new();
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let url = format!("http://127.0.0.1:{port}");
        let issuer = Issuer {
            url: url.clone(),
            key: key(),
            key_name: "k1".to_owned(),
            lies: json!({}),
            header: json!({"alg": "ES256", "kid": "k1"}),
            forge: None,
            challenge: String::new(),
            used: BTreeSet::new(),
            nonce: String::new(),
            time: stage.identity.now().as_second(),
            down: false,
            asked: BTreeMap::new(),
        };
        let issuer = Arc::new(Mutex::new(issuer));
        serve(&issuer, listener);
        let inward = BTreeSet::from([("127.0.0.1".to_owned(), port)]);
        let outward = Outward::new(Allowed { inward, ..Allowed::default() }).unwrap();
        let oidc = Oidc::new(outward, vec![provider(&url)]).unwrap();
        Self { stage, issuer, oidc }
    }

    /// Leaves, lets the issuer know what came by, and gives the state and the
    /// browser that left.
    async fn leave(&self, session: Option<&NewSession>) -> Result<(String, HeaderMap), Refusal> {
        self.stage.forget_tries();
        let mut headers = self.stage.headers(session);
        let principal = match session {
            Some(session) => Some(self.stage.who(session).await?),
            None => None,
        };
        let departure = self.oidc.leave(&self.stage.identity, "corp", principal.as_ref(), &self.stage.browser(&headers)).await?;
        let query: BTreeMap<String, String> = departure.url.query_pairs().into_owned().collect();
        assert_eq!(query["redirect_uri"], "https://plimsoll.example/sign-in/corp/return");
        let mut issuer = self.issuer.lock().unwrap();
        issuer.challenge.clone_from(&query["code_challenge"]);
        issuer.nonce.clone_from(&query["nonce"]);
        issuer.time = self.stage.identity.now().as_second();
        let pair = departure.cookie.to_str().unwrap().split(';').next().unwrap().to_owned();
        headers.append(header::COOKIE, pair.parse().unwrap());
        Ok((query["state"].clone(), headers))
    }

    async fn back(&self, state: &str, code: &str, headers: &HeaderMap) -> Result<NewSession, Refusal> {
        let returned = Return { state: state.to_owned(), code: Some(code.to_owned()), iss: None, error: None };
        match self.oidc.back(&self.stage.identity, "corp", &returned, &self.stage.browser(headers), &|account, mail| account == "ann" && mail != Some("ann@example.org")).await? {
            Step::Done(session) => Ok(*session),
            Step::Second(question) => panic!("{question:?}"),
        }
    }

    /// A whole sign-in with a code of its own.
    async fn sign_in(&self) -> Result<NewSession, Refusal> {
        let (state, headers) = self.leave(None).await?;
        self.back(&state, &format!("code-{state}"), &headers).await
    }

    async fn refused(&self, lies: Value) -> String {
        self.issuer.lock().unwrap().lies = lies;
        let answer = self.sign_in().await;
        self.issuer.lock().unwrap().lies = json!({});
        answer.unwrap_err().code().to_owned()
    }
}

fn provider(issuer: &str) -> Provider {
    Provider {
        name: "corp".to_owned(),
        title: "Corp".to_owned(),
        issuer: issuer.to_owned(),
        client_id: "plimsoll".to_owned(),
        client_secret: Some(ClientSecret::new("secret".to_owned())),
        scopes: Vec::new(),
        groups_claim: "groups".to_owned(),
        groups: vec![
            GroupGrant { group: "patchers".to_owned(), role: Role::Operator, client: Some(client(1).to_string()), host_group: None },
            GroupGrant { group: "auditors".to_owned(), role: Role::Auditor, client: None, host_group: None },
            GroupGrant { group: "ghosts".to_owned(), role: Role::Operator, client: Some("no such client".to_owned()), host_group: None },
        ],
        create: true,
        trust_email: false,
    }
}

#[tokio::test]
async fn signs_in_makes_the_account_and_follows_the_groups() {
    let scene = Scene::new();
    let session = scene.sign_in().await.unwrap();
    let principal = scene.stage.who(&session).await.unwrap();
    let id = principal.person_id().unwrap();
    let row = scene.stage.row(id);
    assert_eq!((row.account.as_str(), row.email.as_deref(), row.password), ("alice", Some("alice@example.org"), None));
    assert_eq!(row.grants, [Grant::at(Role::Operator, client(1))]);
    // The same person, whatever they are called now; other groups, other roles.
    scene.issuer.lock().unwrap().lies = json!({"groups": ["auditors"], "preferred_username": "bob", "email": "bob@example.org"});
    let later = scene.sign_in().await.unwrap();
    assert_eq!(scene.stage.who(&later).await.unwrap().person_id(), Some(id));
    assert_eq!(scene.stage.row(id).grants, [Grant::everywhere(Role::Auditor)]);
    assert!(scene.stage.who(&session).await.is_err(), "sessions with the old roles are dead");
    // No group, no entry.
    assert_eq!(scene.refused(json!({"groups": ["staff"]})).await, "E-OIDC-GROUPS");
    assert_eq!(scene.refused(json!({"groups": null})).await, "E-OIDC-GROUPS");
    assert_eq!(scene.refused(json!({"groups": ["ghosts"]})).await, "E-OIDC-GROUPS", "a client that is not there gives nothing");
    // A fresh proof needs the person to have been asked anew.
    scene.issuer.lock().unwrap().lies = json!({"groups": ["auditors"]});
    let (state, headers) = scene.leave(Some(&later)).await.unwrap();
    assert_eq!(scene.back(&state, "c1", &headers).await.unwrap_err().code(), "E-OIDC-FRESH");
    scene.issuer.lock().unwrap().lies = json!({"groups": ["auditors"], "auth_time": scene.stage.identity.now().as_second()});
    let (state, headers) = scene.leave(Some(&later)).await.unwrap();
    let proven = scene.back(&state, "c2", &headers).await.unwrap();
    assert!(scene.stage.who(&proven).await.unwrap().is_proven(scene.stage.identity.now()));
    // Somebody else's proof is none.
    let now = scene.stage.identity.now().as_second();
    scene.issuer.lock().unwrap().lies = json!({"groups": ["auditors"], "auth_time": now, "sub": "u-2"});
    let (state, headers) = scene.leave(Some(&proven)).await.unwrap();
    assert_eq!(scene.back(&state, "c3", &headers).await.unwrap_err().code(), "E-OIDC-ACCOUNT");
    // An account is never taken over by a name.
    let stranger = scene.refused(json!({"sub": "u-3", "preferred_username": "ALICE"})).await;
    assert_eq!(stranger, "E-ACCOUNT");
    // Nor a name that the policy knows, unless the verified address is that person's.
    assert_eq!(scene.refused(json!({"sub": "u-4", "preferred_username": "ann"})).await, "E-OIDC-NAME");
    scene.issuer.lock().unwrap().lies = json!({"sub": "u-4", "preferred_username": "ann", "email": "ann@example.org"});
    let ann = scene.sign_in().await.unwrap();
    assert!(scene.stage.who(&ann).await.unwrap().person_id().is_some_and(|own| own != id));
}

#[tokio::test]
async fn lies_are_refused_with_their_reason() {
    let scene = Scene::new();
    let now = scene.stage.identity.now().as_second();
    let lies = [
        (json!({"iss": "https://evil.example"}), "E-OIDC-ISSUER"),
        (json!({"aud": "other"}), "E-OIDC-AUDIENCE"),
        (json!({"aud": ["plimsoll", "other"]}), "E-OIDC-AUDIENCE"),
        (json!({"aud": ["plimsoll", "other"], "azp": "other"}), "E-OIDC-AUDIENCE"),
        (json!({"nonce": "other"}), "E-OIDC-NONCE"),
        (json!({"nonce": null}), "E-OIDC-NONCE"),
        (json!({"exp": now - 61}), "E-OIDC-TIME"),
        (json!({"exp": 1e300}), "E-OIDC-TIME"),
        (json!({"exp": null}), "E-OIDC-SIGNATURE"),
        (json!({"iat": now + 61}), "E-OIDC-TIME"),
        (json!({"nbf": now + 61}), "E-OIDC-TIME"),
        (json!({"sub": ""}), "E-OIDC-TOKEN"),
        (json!({"email_verified": false}), "E-OIDC-EMAIL"),
        (json!({"email_verified": null}), "E-OIDC-EMAIL"),
        (json!({"email_verified": "no"}), "E-OIDC-EMAIL"),
    ];
    for (lie, code) in lies {
        assert_eq!(scene.refused(lie.clone()).await, code, "{lie}");
    }
    // Algorithms: none, and HS256 with the public key as its secret.
    let none: fn(&Issuer, &str) -> Vec<u8> = |_, _| Vec::new();
    let public: fn(&Issuer, &str) -> Vec<u8> = |issuer, message| {
        let key = ring::hmac::Key::new(ring::hmac::HMAC_SHA256, issuer.key.public_key().as_ref());
        ring::hmac::sign(&key, message.as_bytes()).as_ref().to_vec()
    };
    let garbage: fn(&Issuer, &str) -> Vec<u8> = |_, _| vec![7; 64];
    for (header, forge, code) in [
        (json!({"alg": "none", "kid": "k1"}), none, "E-OIDC-ALGORITHM"),
        (json!({"alg": "HS256", "kid": "k1"}), public, "E-OIDC-ALGORITHM"),
        (json!({"alg": "ES256", "kid": "k1"}), garbage, "E-OIDC-SIGNATURE"),
        (json!({"alg": "ES256", "kid": "k1"}), none, "E-OIDC-SIGNATURE"),
        (json!({"alg": "RS256", "kid": "k1"}), garbage, "E-OIDC-SIGNATURE"),
        (json!({"alg": "EdDSA", "kid": "k1"}), garbage, "E-OIDC-SIGNATURE"),
        (json!({"alg": "ES256", "kid": "unknown"}), garbage, "E-OIDC-SIGNATURE"),
        (json!({"alg": "ES256", "kid": "other"}), garbage, "E-OIDC-SIGNATURE"),
    ] {
        {
            let mut issuer = scene.issuer.lock().unwrap();
            issuer.header = header.clone();
            issuer.forge = Some(forge);
        }
        let refusal = scene.sign_in().await.unwrap_err();
        assert_eq!(refusal.code(), code, "{header}: {refusal}");
    }
    assert!(scene.stage.memory.rows().people.is_empty() && scene.stage.memory.rows().sessions.is_empty());
}

#[tokio::test]
async fn codes_states_and_browsers_count_once() {
    let scene = Scene::new();
    let (state, headers) = scene.leave(None).await.unwrap();
    // Another browser cannot end what this one began, and cannot spoil a
    // second try of its own.
    let (other_state, other) = scene.leave(None).await.unwrap();
    assert_eq!(scene.back(&other_state, "c", &headers).await.unwrap_err().code(), "E-OIDC-BROWSER");
    assert_eq!(scene.back(&other_state, "c", &other).await.unwrap_err().code(), "E-TICKET");
    assert_eq!(scene.back("", "c", &headers).await.unwrap_err().code(), "E-TICKET");
    // The issuer checks the code's PKCE challenge: that of the later leave.
    assert_eq!(scene.back(&state, "c", &headers).await.unwrap_err().code(), "E-OIDC-CODE");
    let (state, headers) = scene.leave(None).await.unwrap();
    scene.back(&state, "once", &headers).await.unwrap();
    assert_eq!(scene.back(&state, "once", &headers).await.unwrap_err().code(), "E-TICKET");
    let (state, headers) = scene.leave(None).await.unwrap();
    assert_eq!(scene.back(&state, "once", &headers).await.unwrap_err().code(), "E-OIDC-CODE", "a replayed code");
    let (state, headers) = scene.leave(None).await.unwrap();
    scene.stage.wait(301);
    assert_eq!(scene.back(&state, "late", &headers).await.unwrap_err().code(), "E-TICKET");
    // An answer said to come from somebody else (RFC 9207).
    let (state, headers) = scene.leave(None).await.unwrap();
    let returned = Return { state, code: Some("x".to_owned()), iss: Some("https://evil.example".to_owned()), error: None };
    let from = scene.stage.browser(&headers);
    assert_eq!(scene.oidc.back(&scene.stage.identity, "corp", &returned, &from, &|_, _| false).await.unwrap_err().code(), "E-OIDC-ISSUER");
}

#[tokio::test]
async fn keys_rotate_and_an_issuer_that_is_down_locks_nobody_out() {
    let scene = Scene::new();
    scene.sign_in().await.unwrap();
    scene.stage.wait(120);
    {
        let mut issuer = scene.issuer.lock().unwrap();
        issuer.key = key();
        issuer.key_name = "k2".to_owned();
        issuer.header = json!({"alg": "ES256", "kid": "k2"});
    }
    scene.sign_in().await.unwrap();
    assert_eq!(scene.issuer.lock().unwrap().asked["/keys"], 2);
    // Tokens that name unknown keys do not make us ask without end.
    scene.issuer.lock().unwrap().header = json!({"alg": "ES256", "kid": "k3"});
    for _ in 0..5 {
        scene.stage.wait(1);
        assert_eq!(scene.sign_in().await.unwrap_err().code(), "E-OIDC-SIGNATURE");
    }
    assert_eq!(scene.issuer.lock().unwrap().asked["/keys"], 2);
    // Down: said so; the emergency account works and is heard of.
    scene.issuer.lock().unwrap().down = true;
    scene.stage.wait(3_601);
    assert_eq!(scene.sign_in().await.unwrap_err().code(), "E-OIDC-PROVIDER");
    let steward = scene.stage.identity.local_steward();
    let new = NewPerson {
        account: "emergency".to_owned(),
        name: "Emergency".to_owned(),
        email: None,
        grants: vec![Grant::everywhere(Role::Administrator)],
        break_glass: true,
    };
    let id = scene.stage.identity.add_person(&steward, new).await.unwrap().id;
    scene.stage.identity.set_password(&steward, id, PASSWORD).await.unwrap();
    scene.stage.sign_in("emergency").await;
    assert_eq!(scene.stage.memory.rows().alarms[0].0, "A-BREAK-GLASS");
}

#[test]
fn an_inward_issuer_must_be_allowed() {
    let outward = Outward::new(Allowed::default()).unwrap();
    let error = Oidc::new(outward, vec![provider("https://10.0.0.5")]).unwrap_err();
    assert!(error.contains("10.0.0.5 is private"), "{error}");
}

//! The **matrix** (C1): every declared route against everyone who might ask,
//! by real requests through the real gate. [`run`] takes the routes of the
//! whole server, so that a new one cannot be left out.

use super::gate::Peer;
use super::limits::Limits;
use super::routes::{Access, Routes};
use crate::identity::role::{Grant, Permission, Proof, Reach, Role};
use crate::identity::stage::{PASSWORD, Stage, administrator, client};
use crate::identity::token::NewToken;
use axum::body::Body;
use axum::http::{HeaderMap, HeaderValue, Method, Request, StatusCode, header};
use plimsoll_core::model::identifier::{GroupId, PersonId};
use std::collections::BTreeMap;
use std::net::SocketAddr;
use tower::ServiceExt;

/// Somebody who asks.
struct Asker {
    name: String,
    headers: HeaderMap,
    kind: Kind,
}

enum Kind {
    Nobody,
    /// Nobody, with credentials that once were good.
    Dead,
    /// In a session: roles, and whether freshly proven.
    Session(Vec<Grant>, bool),
    /// With a token: roles of its maker and its own.
    Token(Vec<Grant>, Vec<Grant>),
    Host,
}

fn holds(grants: &[Grant], permission: Permission) -> bool {
    grants.iter().any(|grant| {
        let far = match permission.reach() {
            Reach::Portion => true,
            Reach::Client => grant.group.is_none(),
            Reach::Everything => grant.client.is_none() && grant.group.is_none(),
        };
        far && permission.roles().contains(&grant.role)
    })
}

/// The declared policy, said a second time and simply.
fn expected(access: Access, kind: &Kind) -> bool {
    match (access, kind) {
        (Access::Public | Access::Machine, _) => true,
        (Access::Host, kind) => matches!(kind, Kind::Host),
        (Access::Account, kind) => matches!(kind, Kind::Session(..)),
        (Access::Needs(permission), Kind::Session(grants, proven)) => {
            holds(grants, permission) && (*proven || permission.proof() == Proof::Ordinary)
        }
        (Access::Needs(permission), Kind::Token(maker, own)) => {
            holds(maker, permission) && holds(own, permission) && permission.proof() == Proof::Ordinary
        }
        (Access::Needs(_), Kind::Nobody | Kind::Dead | Kind::Host) => false,
    }
}

async fn living(stage: &Stage) -> Vec<Asker> {
    let mut askers = vec![
        Asker { name: "nobody".to_owned(), headers: stage.headers(None), kind: Kind::Nobody },
        Asker { name: "host".to_owned(), headers: with(stage, &[("host-key", "good")]), kind: Kind::Host },
        Asker { name: "host, wrong key".to_owned(), headers: with(stage, &[("host-key", "bad")]), kind: Kind::Nobody },
    ];
    let group = GroupId::from_bits(5);
    for role in Role::ALL {
        for (reach, grant) in [
            ("all", Grant::everywhere(role)),
            ("client 1", Grant::at(role, client(1))),
            ("client 2", Grant::at(role, client(2))),
            ("group", Grant::within(role, client(1), group)),
        ] {
            let account = format!("{} {reach}", role.word());
            let id = stage.person(&account, &[grant]).await;
            for proven in [false, true] {
                let session = if proven { stage.proven(&account).await.0 } else { stage.sign_in(&account).await };
                askers.push(Asker {
                    name: format!("{account}{}", if proven { ", proven" } else { "" }),
                    headers: stage.headers(Some(&session)),
                    kind: Kind::Session(vec![grant], proven),
                });
            }
            let headers = token(stage, id, grant, 10).await;
            askers.push(Asker { name: format!("{account}, token"), headers, kind: Kind::Token(vec![grant], vec![grant]) });
            stage.forget_tries();
        }
    }
    askers
}

/// Credentials that once were good, made last because time must pass for some.
async fn dead(stage: &Stage) -> Vec<Asker> {
    let mut dead = Vec::new();
    let mut add = |name: &str, headers| dead.push(Asker { name: name.to_owned(), headers, kind: Kind::Dead });
    let steward = stage.identity.local_steward();
    let admin = |account: &'static str| async move { stage.person(account, &[administrator()]).await };

    admin("idle").await;
    add("session, idle", stage.headers(Some(&stage.sign_in("idle").await)));
    let expiring = admin("expiring").await;
    add("token, expired", token(stage, expiring, administrator(), 1).await);
    stage.wait(2 * 24 * 3_600);

    let out = admin("out").await;
    let session = stage.sign_in("out").await;
    stage.identity.sign_out(&stage.who(&session).await.unwrap(), stage.caller()).await.unwrap();
    add("session, signed out", stage.headers(Some(&session)));

    admin("demoted").await;
    let demoted = stage.sign_in("demoted").await;
    let id = stage.who(&demoted).await.unwrap().person_id().unwrap();
    stage.identity.set_grants(&steward, id, &[Grant::everywhere(Role::Viewer)]).await.unwrap();
    add("session, roles changed", stage.headers(Some(&demoted)));

    let changed = admin("changed").await;
    let session = stage.sign_in("changed").await;
    stage.identity.set_password(&steward, changed, &PASSWORD.to_uppercase()).await.unwrap();
    add("session, password changed", stage.headers(Some(&session)));

    let disabled = admin("disabled").await;
    let session = stage.sign_in("disabled").await;
    add("token, maker disabled", token(stage, disabled, administrator(), 10).await);
    stage.identity.set_disabled(&steward, disabled, true).await.unwrap();
    add("session, disabled", stage.headers(Some(&session)));

    let headers = token(stage, out, administrator(), 10).await;
    let principal = stage.with(&headers).await.unwrap();
    let id = stage.identity.own_tokens(&principal).await.unwrap()[0].id;
    stage.identity.revoke_token(&principal, id, stage.caller()).await.unwrap();
    add("token, revoked", headers);

    let session = stage.sign_in("out").await;
    let mut both = stage.headers(Some(&session));
    both.extend(token(stage, out, administrator(), 10).await);
    add("session and token at once", both);
    let mut twice = stage.headers(Some(&session));
    let pair = twice.get(header::COOKIE).unwrap().clone();
    twice.append(header::COOKIE, pair);
    add("session twice", twice);
    let mut rebound = stage.headers(Some(&session));
    rebound.insert(header::HOST, HeaderValue::from_static("evil.example"));
    add("session under a name that is not ours", rebound);
    dead
}

async fn token(stage: &Stage, maker: PersonId, grant: Grant, days: u16) -> HeaderMap {
    let new = NewToken { name: "matrix".to_owned(), grants: vec![grant], days };
    let made = stage.identity.make_local_token(maker, new).await.unwrap();
    with(stage, &[("authorization", &format!("Bearer {}", made.secret.expose()))])
}

fn with(stage: &Stage, more: &[(&'static str, &str)]) -> HeaderMap {
    let mut headers = stage.headers(None);
    for (name, value) in more {
        headers.insert(*name, value.parse().unwrap());
    }
    headers
}

/// Asks every route as everybody and compares with its declaration; gives how
/// many times it asked.
pub async fn run<S: Clone + Send + Sync + 'static>(routes: Routes<S>, state: S) -> usize {
    let stage = Stage::new();
    let declared = routes.declared();
    let service = routes.probe(state, stage.gate(Limits::default())).router();
    let mut asked = 0;
    for round in 0..2 {
        // The living ask at once; the second round is of the dead, for whom
        // time passed.
        let askers = if round == 0 { living(&stage).await } else { dead(&stage).await };
        for route in &declared {
            for asker in &askers {
                // A host's name in place of every parameter.
                let path = concrete(&route.path);
                let mut request = Request::builder().method(route.method.as_str()).uri(&path);
                *request.headers_mut().unwrap() = asker.headers.clone();
                let origin = HeaderValue::from_static(crate::identity::stage::CONSOLE);
                request.headers_mut().unwrap().insert(header::ORIGIN, origin);
                let mut request = request.body(Body::empty()).unwrap();
                request.extensions_mut().insert(Peer(SocketAddr::from(([192, 0, 2, 1], 40_000))));
                let status = service.clone().oneshot(request).await.unwrap().status();
                asked += 1;
                let reached = status.as_u16() == 299;
                let foreign = asker.name == "session under a name that is not ours";
                let ambiguous = asker.name == "session and token at once";
                let wanted = match route.access {
                    // Neither an unclear credential nor a name of a stranger
                    // gets as far as a page that anyone may see and change.
                    Access::Public if ambiguous => false,
                    Access::Public if foreign => route.method == "GET",
                    access => expected(access, &asker.kind),
                };
                assert_eq!(reached, wanted, "{} {} {:?} as {}: {status}", route.method, path, route.access, asker.name);
                let refused = [StatusCode::UNAUTHORIZED, StatusCode::FORBIDDEN, StatusCode::BAD_REQUEST];
                // A person is led on from a page: to sign in, or to a fresh proof.
                let led = status == StatusCode::SEE_OTHER && path.starts_with("/console");
                assert!(reached || led || refused.contains(&status), "{} {} as {}: {status}", route.method, path, asker.name);
            }
        }
    }
    asked
}

fn concrete(path: &str) -> String {
    let segments: Vec<_> = path.split('/').map(|segment| if segment.starts_with('{') { "01hzzzzzzzzzzzzzzzzzzzzzzz" } else { segment }).collect();
    segments.join("/")
}

fn routes() -> Routes<()> {
    let handler = || async { "reached" };
    let mut routes = Routes::new()
        .route(Method::GET, "/", Access::Public, handler)
        .route(Method::POST, "/sign-in", Access::Public, handler)
        .route(Method::POST, "/agent/v1/enrol", Access::Machine, handler)
        .route(Method::POST, "/agent/v1/check-in", Access::Host, handler)
        .route(Method::GET, "/account", Access::Account, handler)
        .route(Method::POST, "/account/{what}", Access::Account, handler);
    for permission in Permission::ALL {
        let path = format!("/api/{}/{{id}}", permission.word());
        routes = routes.merge(
            Routes::new()
                .route(Method::GET, &path, Access::Needs(*permission), handler)
                .route(Method::POST, &path, Access::Needs(*permission), handler),
        );
    }
    routes
}

/// C1.
#[tokio::test]
async fn everyone_reaches_what_is_declared_and_nothing_else() {
    let asked = run(routes(), ()).await;
    assert!(asked > 3_000, "{asked}");
}

/// C1 for identity's own routes; each passes the gate as its line declares.
#[tokio::test]
async fn identitys_own_routes() {
    let stage = Stage::new();
    let outward = crate::outward::Outward::new(crate::outward::Allowed::default()).unwrap();
    let oidc = crate::identity::oidc::Oidc::new(outward, Vec::new()).unwrap();
    let doors = crate::identity::api::Doors {
        identity: std::sync::Arc::clone(&stage.identity),
        oidc: std::sync::Arc::new(oidc),
        origins: stage.origins.clone(),
    };
    let routes = crate::identity::api::routes::<crate::identity::api::Doors>();
    let declared: Vec<_> = routes.declared().iter().map(|route| format!("{} {} {:?}", route.method, route.path, route.access)).collect();
    insta::assert_snapshot!(declared.join("\n"), @r"
    POST /api/v1/account/app Account
    POST /api/v1/account/app/question Account
    POST /api/v1/account/passkey Account
    POST /api/v1/account/passkey/question Account
    PUT /api/v1/account/password Account
    GET /api/v1/account/proofs Account
    DELETE /api/v1/account/proofs/{id} Account
    POST /api/v1/account/recovery-codes Account
    DELETE /api/v1/account/sessions Account
    GET /api/v1/account/sessions Account
    DELETE /api/v1/account/sessions/{name} Account
    GET /api/v1/account/tokens Account
    POST /api/v1/account/tokens Account
    DELETE /api/v1/account/tokens/{id} Account
    GET /api/v1/people Needs(ReadPeople)
    POST /api/v1/people Needs(EditPeople)
    PUT /api/v1/people/{id}/disabled Needs(EditPeople)
    PUT /api/v1/people/{id}/grants Needs(EditPeople)
    POST /api/v1/people/{id}/link Needs(EditPeople)
    DELETE /api/v1/people/{id}/sessions Needs(EditPeople)
    DELETE /api/v1/session Account
    GET /api/v1/session Account
    POST /api/v1/session Public
    POST /api/v1/session/link Public
    POST /api/v1/session/passkey Public
    POST /api/v1/session/passkey/question Public
    POST /api/v1/session/proof Account
    POST /api/v1/session/proof/question Account
    POST /api/v1/session/proof/{provider} Account
    GET /api/v1/session/providers Public
    POST /api/v1/session/second Public
    GET /api/v1/tokens Needs(ReadPeople)
    ");
    assert!(run(routes, doors).await > 2_700);
}

/// C1 for the whole server: every route that it serves, as everybody.
#[tokio::test(flavor = "multi_thread")]
async fn every_route_of_the_server() {
    let trial = crate::trial::Trial::start().await;
    let routes = crate::run::routes();
    let declared = routes.declared().len();
    assert!(declared > 120, "{declared}");
    assert_eq!(run(routes, std::sync::Arc::clone(trial.app())).await, declared * ASKERS);
}

/// How many ask: nobody and hosts, each role in four reaches with a session,
/// a proven one and a token, and credentials that are worth nothing any more.
const ASKERS: usize = 3 + 7 * 4 * 3 + 11;

async fn ask(service: &axum::Router, request: Request<Body>) -> (StatusCode, HeaderMap, String) {
    let mut request = request;
    request.extensions_mut().insert(Peer(SocketAddr::from(([192, 0, 2, 1], 40_000))));
    let response = service.clone().oneshot(request).await.unwrap();
    let (parts, body) = response.into_parts();
    let body = axum::body::to_bytes(body, 1 << 20).await.unwrap();
    (parts.status, parts.headers, String::from_utf8_lossy(&body).into_owned())
}

/// C2.
#[tokio::test]
async fn no_spelling_of_a_path_opens_anything() {
    let stage = Stage::new();
    let service = routes().serve((), stage.gate(Limits::default())).router();
    let mut answers = BTreeMap::new();
    for path in [
        "/account", "/account/", "//account", "/./account", "/x/../account", "/%61ccount", "/account;x", "/account%2f", "/ACCOUNT",
        "/account%00", "/setup", "/setup/", "/first-run", "/api/edit-people/x", "//api/edit-people/x", "/api//edit-people/x", "/api/edit-people/x/",
        "/api/edit-people/%2e%2e", "/api/edit-people/x;.css", "/api/edit-people/x%2f..%2f..%2fsign-in",
    ] {
        for method in ["GET", "POST", "HEAD", "PUT", "OPTIONS", "TRACE"] {
            let request = Request::builder()
                .method(method)
                .uri(path)
                .header("host", "plimsoll.example")
                .header("x-http-method-override", "GET")
                .header("x-original-url", "/")
                .header("x-rewrite-url", "/")
                .body(Body::empty())
                .unwrap();
            let (status, _, body) = ask(&service, request).await;
            assert!(!body.contains("reached"), "{method} {path}");
            answers.entry(path).or_insert_with(Vec::new).push(status.as_u16());
        }
    }
    insta::assert_snapshot!(answers.iter().map(|(path, codes)| format!("{path} {codes:?}")).collect::<Vec<_>>().join("\n"), @r"
    /%61ccount [400, 400, 400, 400, 400, 400]
    /./account [400, 400, 400, 400, 400, 400]
    //account [400, 400, 400, 400, 400, 400]
    //api/edit-people/x [400, 400, 400, 400, 400, 400]
    /ACCOUNT [404, 404, 404, 404, 404, 404]
    /account [401, 405, 401, 405, 405, 405]
    /account%00 [400, 400, 400, 400, 400, 400]
    /account%2f [400, 400, 400, 400, 400, 400]
    /account/ [400, 400, 400, 400, 400, 400]
    /account;x [400, 400, 400, 400, 400, 400]
    /api//edit-people/x [400, 400, 400, 400, 400, 400]
    /api/edit-people/%2e%2e [400, 400, 400, 400, 400, 400]
    /api/edit-people/x [401, 401, 401, 405, 405, 405]
    /api/edit-people/x%2f..%2f..%2fsign-in [400, 400, 400, 400, 400, 400]
    /api/edit-people/x/ [400, 400, 400, 400, 400, 400]
    /api/edit-people/x;.css [400, 400, 400, 400, 400, 400]
    /first-run [404, 404, 404, 404, 404, 404]
    /setup [404, 404, 404, 404, 404, 404]
    /setup/ [400, 400, 400, 400, 400, 400]
    /x/../account [400, 400, 400, 400, 400, 400]
    ");
}

/// C7 through the gate, and what every answer carries.
#[tokio::test]
async fn strangers_pages_change_nothing() {
    let stage = Stage::new();
    stage.person("alice", &[Grant::everywhere(Role::Operator)]).await;
    let session = stage.sign_in("alice").await;
    let service = routes().serve((), stage.gate(Limits::default())).router();
    let request = |headers: HeaderMap, origin: Option<&'static str>| {
        let mut request = Request::post("/api/edit-hosts/x");
        *request.headers_mut().unwrap() = headers;
        if let Some(origin) = origin {
            request = request.header("origin", origin);
        }
        request.body(Body::empty()).unwrap()
    };
    for origin in [None, Some("null"), Some("https://evil.example"), Some("http://plimsoll.example")] {
        let (status, headers, body) = ask(&service, request(stage.headers(Some(&session)), origin)).await;
        assert_eq!(status, StatusCode::FORBIDDEN);
        assert!(body.contains("E-ORIGIN"), "{body}");
        assert_eq!(headers["content-type"], "application/problem+json");
    }
    let (status, headers, body) = ask(&service, request(stage.headers(Some(&session)), Some("https://plimsoll.example"))).await;
    assert_eq!((status, body.as_str()), (StatusCode::OK, "reached"));
    let kept: Vec<_> = headers
        .iter()
        .filter(|(name, _)| *name != "plimsoll-request" && *name != "content-type" && *name != "content-length")
        .map(|(name, value)| format!("{name}: {}", value.to_str().unwrap()))
        .collect();
    insta::assert_snapshot!(kept.join("\n"), @r"
    content-security-policy: default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'
    x-content-type-options: nosniff
    x-frame-options: DENY
    referrer-policy: same-origin
    cross-origin-opener-policy: same-origin
    cross-origin-resource-policy: same-origin
    cross-origin-embedder-policy: require-corp
    permissions-policy: camera=(), geolocation=(), microphone=(), payment=(), usb=(), publickey-credentials-get=(self), publickey-credentials-create=(self)
    cache-control: no-store
    strict-transport-security: max-age=31536000
    ");
    // A token needs no origin: no browser sends it by itself.
    let alice = stage.memory.rows().people.values().next().unwrap().id;
    let headers = token(&stage, alice, Grant::everywhere(Role::Operator), 1).await;
    assert_eq!(ask(&service, request(headers, None)).await.0, StatusCode::OK);
}

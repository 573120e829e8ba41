//! The **gate**: what happens to each request between the wire and a
//! handler, in this order: a place among the requests, the path's one
//! spelling, who it is, where it comes from, what it may, and only then its
//! body.

use super::address::Proxies;
use super::limits::{Limits, Load};
use super::origin::Origins;
use super::path;
use super::problem::{Refusal, RefusedAs};
use super::routes::{Access, Declared, is_safe};
use super::{body, headers, repeat};
use crate::identity::Identity;
use crate::identity::cookie::Kind;
use crate::identity::principal::{Principal, Who, sign_in_first};
use crate::identity::role::Scope;
use async_trait::async_trait;
use axum::body::Body;
use axum::extract::{FromRequestParts, Request, State};
use axum::http::request::Parts;
use axum::http::{HeaderName, HeaderValue, Method, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Redirect, Response};
use data_encoding::HEXLOWER;
use plimsoll_store::Store;
use std::net::{IpAddr, Ipv6Addr, SocketAddr};
use std::sync::Arc;
use tokio::sync::OwnedSemaphorePermit;
use url::Url;

/// Header that names a request in answers, logs and evidence.
const REQUEST: HeaderName = HeaderName::from_static("plimsoll-request");

/// The other end of the connection, put there by [`super::serve`].
#[derive(Clone, Copy, Debug)]
pub struct Peer(pub SocketAddr);

/// The client showed a certificate of an authority that the server asks for;
/// put there by [`super::serve`].
#[derive(Clone, Copy, Debug)]
pub struct Certified;

/// Where the routes of hosts begin.
const HOSTS: &str = "/agent/";

/// Checks a host's signature over a request; the room of agents provides it.
#[async_trait]
pub trait HostCheck: Send + Sync {
    /// The host as principal, see [`Principal::host`].
    ///
    /// # Errors
    /// Why it is not believed: `E-HOST`, `E-CLOCK`, `E-REPLAY`, `E-RETIRED`.
    async fn check(&self, request: &Parts, body: &[u8]) -> Result<Principal, Refusal>;
}

/// What every request is checked against.
pub struct Gate {
    identity: Arc<Identity>,
    hosts: Option<Arc<dyn HostCheck>>,
    origins: Origins,
    proxies: Proxies,
    limits: Limits,
    load: Load,
    answers: Option<Store>,
    certificates: bool,
}

/// A place among the requests, kept as long as anything works on this one.
#[derive(Clone)]
struct Place(#[allow(dead_code, reason = "only held")] Arc<OwnedSemaphorePermit>);

impl Gate {
    /// Puts it together. Without `hosts`, routes of [`Access::Host`] refuse
    /// everyone.
    pub fn new(
        identity: Arc<Identity>,
        hosts: Option<Arc<dyn HostCheck>>,
        origins: Origins,
        proxies: Proxies,
        limits: Limits,
    ) -> Self {
        let load = Load::new(&limits);
        Self { identity, hosts, origins, proxies, limits, load, answers: None, certificates: false }
    }

    /// Keeps answers for repeated requests in `store`; without it keys are
    /// refused.
    #[must_use]
    pub fn keeping_answers(mut self, store: Store) -> Self {
        self.answers = Some(store);
        self
    }

    /// Lets hosts in only where their connection shows a certificate, beside
    /// the signature of each request.
    #[must_use]
    pub fn with_certificates(self, asked: bool) -> Self {
        Self { certificates: asked, ..self }
    }

    /// Limits it holds.
    pub fn limits(&self) -> &Limits {
        &self.limits
    }

    /// Identity it asks.
    pub fn identity(&self) -> &Arc<Identity> {
        &self.identity
    }

    /// Addresses of the console.
    pub fn origins(&self) -> &Origins {
        &self.origins
    }

    /// Who it is, narrowed to the client that a person wants to see now.
    async fn authenticate(&self, parts: &Parts, caller: &Caller) -> Result<Principal, Refusal> {
        let principal = self.identity.authenticate(parts, &self.origins, caller).await?;
        let focus = self.origins.of_host(&parts.headers).and_then(|own| Kind::Client.text(own, &parts.headers)?.parse().ok());
        Ok(match (&principal.who, focus) {
            (Who::Person { .. }, Some(client)) => principal.focused(client),
            _ => principal,
        })
    }

    async fn admit(&self, declared: &Declared, parts: &Parts) -> Result<(Principal, Scope), Refusal> {
        let caller = Caller::of(parts);
        let changes = !is_safe(&parts.method);
        match declared.access {
            Access::Machine | Access::Host => Ok((Principal::nobody(), Scope::nothing())),
            Access::Public => {
                if changes {
                    self.origins.check(parts)?;
                }
                // A stale cookie must not bar the way to the sign-in page.
                match self.authenticate(parts, &caller).await {
                    Ok(principal) => Ok((principal, Scope::nothing())),
                    Err(refusal) if refusal.status() == StatusCode::UNAUTHORIZED => {
                        Ok((Principal::nobody(), Scope::nothing()))
                    }
                    Err(refusal) => Err(refusal),
                }
            }
            Access::Account | Access::Needs(_) => {
                let principal = self.authenticate(parts, &caller).await?;
                if changes && matches!(principal.who, Who::Person { .. }) {
                    self.origins.check(parts)?;
                }
                let scope = match (declared.access, &principal.who) {
                    (Access::Needs(permission), _) => principal.allow(permission, self.identity.now())?,
                    (_, Who::Person { .. }) => Scope::nothing(),
                    (_, Who::Nobody) => return Err(sign_in_first()),
                    _ => {
                        return Err(Refusal::new(
                            StatusCode::FORBIDDEN,
                            "E-PERMISSION",
                            "only a person in a session may do this",
                            "do it in the console",
                        ));
                    }
                };
                Ok((principal, scope))
            }
        }
    }
}

/// Where a request comes from and what it is called.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Caller {
    /// The client's address, see [`Proxies::client`].
    pub address: IpAddr,
    /// Name of the request, 32 hex digits, for logs and evidence.
    pub request: String,
}

impl Caller {
    fn of(parts: &Parts) -> Self {
        let unknown = || Self { address: IpAddr::V6(Ipv6Addr::UNSPECIFIED), request: String::new() };
        parts.extensions.get::<Self>().cloned().unwrap_or_else(unknown)
    }
}

/// What the gate let through: who, where they may do what the route declares,
/// and where the request comes from. The only way for a handler to learn it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Allowed {
    /// Who.
    pub principal: Principal,
    /// Where they may do what the route's permission says; nothing where the
    /// route declares none. Every query takes it.
    pub scope: Scope,
    /// From where.
    pub caller: Caller,
}

impl<S: Send + Sync> FromRequestParts<S> for Allowed {
    type Rejection = Refusal;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Refusal> {
        parts.extensions.get::<Self>().cloned().ok_or_else(|| {
            Refusal::new(
                StatusCode::FORBIDDEN,
                "E-UNDECLARED",
                "this handler stands on no declared route",
                "report this as a defect of Plimsoll",
            )
        })
    }
}

/// Before any route: a place among the requests, a name, the client's
/// address, the path; after it: the headers of every answer.
pub(super) async fn entrance(State(gate): State<Arc<Gate>>, mut request: Request, next: Next) -> Response {
    let name = crate::identity::secret::random::<16>().map(|bytes| HEXLOWER.encode(&bytes)).unwrap_or_default();
    let connection = request.extensions().get::<Peer>().map(|peer| peer.0.ip());
    let connection = connection.unwrap_or(IpAddr::V6(Ipv6Addr::UNSPECIFIED));
    let address = gate.proxies.client(connection, request.headers());
    request.extensions_mut().insert(Caller { address, request: name.clone() });
    let page = Page::of(&request);
    let mut response = match gate.load.request() {
        Err(refusal) => refusal.into_response(),
        Ok(place) => match check_shape(&gate, &request) {
            Err(refusal) => refusal.into_response(),
            Ok(()) => {
                let place = Place(Arc::new(place));
                request.extensions_mut().insert(place.clone());
                let response = next.run(request).await;
                drop(place);
                response
            }
        },
    };
    if let Some(instead) = page.and_then(|page| page.instead(&response)) {
        response = Redirect::to(&instead).into_response();
    }
    let https = gate.origins.canonical_url().is_some_and(|url| url.scheme() == "https");
    headers::secure(response.headers_mut(), https);
    if let Ok(value) = HeaderValue::from_str(&name) {
        response.headers_mut().insert(REQUEST, value);
    }
    response
}

/// A page of the console that a browser asks for, or stands on while it sends
/// a form; programs get refusals themselves.
struct Page(String);

impl Page {
    fn of(request: &Request) -> Option<Self> {
        let path = request.uri().path_and_query()?.as_str();
        if !path.starts_with("/console") || path.starts_with("/console/live") || request.headers().contains_key("hx-request") {
            return None;
        }
        if request.method() == Method::GET {
            return Some(Self(path.to_owned()));
        }
        // The address of a form's target shows nothing; the page with the form
        // does.
        let from = request.headers().get(header::REFERER).and_then(|from| Url::parse(from.to_str().ok()?).ok());
        let page = from.map(|url| url.query().map_or_else(|| url.path().to_owned(), |query| format!("{}?{query}", url.path())));
        let page = page.filter(|page| page.starts_with("/console"));
        Some(Self(page.unwrap_or_else(|| "/console".to_owned())))
    }

    /// Where the browser goes instead of reading a refusal that a person can
    /// do something about: to sign in, or to prove anew who they are.
    fn instead(&self, response: &Response) -> Option<String> {
        let RefusedAs(code) = response.extensions().get()?;
        let way = match (response.status(), code.as_str()) {
            // Not for a wrong code or ticket: the page says what to do then.
            (StatusCode::UNAUTHORIZED, "E-SIGN-IN" | "E-SESSION") => "/console/sign-in",
            (_, "E-STEP-UP") => "/console/account/proof",
            _ => return None,
        };
        let next: String = url::form_urlencoded::byte_serialize(self.0.as_bytes()).collect();
        Some(format!("{way}?next={next}"))
    }
}

fn check_shape(gate: &Gate, request: &Request) -> Result<(), Refusal> {
    path::check(request.uri().path())?;
    let (count, limit) = (request.headers().len(), gate.limits.headers);
    if count > limit {
        return Err(Refusal::new(
            StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE,
            "E-HEADERS",
            format!("the request has {count} headers, the limit is {limit}"),
            "send fewer headers",
        ));
    }
    if gate.certificates && request.uri().path().starts_with(HOSTS) && request.extensions().get::<Certified>().is_none() {
        return Err(Refusal::new(
            StatusCode::FORBIDDEN,
            "E-CERTIFICATE",
            "this server asks hosts for a certificate, and none was shown",
            "name client_certificate_file and client_key_file in the agent's settings",
        ));
    }
    Ok(())
}

/// Before one route's handler: its declaration.
pub(super) async fn enforce(
    State((gate, declared)): State<(Arc<Gate>, Arc<Declared>)>,
    request: Request,
    next: Next,
) -> Response {
    let (mut parts, body) = request.into_parts();
    let (mut principal, scope) = match gate.admit(&declared, &parts).await {
        Ok(admitted) => admitted,
        Err(refusal) => return refusal.into_response(),
    };
    let key = match repeat::key(&declared, &parts.headers) {
        Ok(key) => key,
        Err(refusal) => return refusal.into_response(),
    };
    let read = body::read(body, &parts.headers, declared.limit, &gate.limits, &gate.load).await;
    let (bytes, memory) = match read {
        Ok(read) => read,
        Err(refusal) => return refusal.into_response(),
    };
    if declared.access == Access::Host {
        let checked = match &gate.hosts {
            Some(hosts) => hosts.check(&parts, &bytes).await,
            None => Err(sign_in_first()),
        };
        principal = match checked {
            Ok(principal) if matches!(principal.who, Who::Host { .. }) => principal,
            Ok(_) => return sign_in_first().into_response(),
            Err(refusal) => return refusal.into_response(),
        };
    }
    let caller = Caller::of(&parts);
    parts.extensions.insert(Allowed { principal, scope, caller });
    match (key, &gate.answers) {
        (None, _) => {
            let response = next.run(Request::from_parts(parts, Body::from(bytes))).await;
            drop(memory);
            response
        }
        (Some(key), Some(store)) => {
            let held = (memory, parts.extensions.get::<Place>().cloned());
            repeat::once(store, key, parts, bytes, held, next).await
        }
        (Some(_), None) => repeat::not_kept().into_response(),
    }
}

/// The answer where no route is.
pub(super) async fn no_route() -> Refusal {
    Refusal::new(StatusCode::NOT_FOUND, "E-ROUTE", "there is nothing at this path", "see /openapi.json for what there is")
}

/// The answer where a path has no such method.
pub(super) async fn no_method() -> Refusal {
    Refusal::new(
        StatusCode::METHOD_NOT_ALLOWED,
        "E-METHOD",
        "this path does not take this method",
        "see /openapi.json for what it takes",
    )
}

//! **Routes**: each with its method, path, handler and who may use it. There
//! is no way to add one without the last, and no way to serve anything but
//! what was added here.

use super::gate::{Gate, enforce, entrance, no_method, no_route};
use super::limits::BODY;
use crate::identity::role::Permission;
use axum::Router;
use axum::handler::Handler;
use axum::http::Method;
use axum::middleware::from_fn_with_state;
use axum::routing::{MethodFilter, MethodRouter};
use std::collections::BTreeMap;
use std::sync::Arc;

/// Who may use a route.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Access {
    /// Anyone with a browser: sign-in, assets, health. A changing request
    /// must come from a page of ours.
    Public,
    /// Any program, without cookies: enrolment, whose body proves itself.
    Machine,
    /// A managed host, by its key.
    Host,
    /// A person in a session, for what is their own; never a token.
    Account,
    /// Whoever holds the permission somewhere; the handler gets where.
    Needs(Permission),
}

/// One declared route.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Declared {
    /// Path as axum writes it, `/api/v1/hosts/{host}`.
    pub path: String,
    /// Method.
    pub method: String,
    /// Who may use it.
    pub access: Access,
    /// Bytes its body may have.
    pub limit: usize,
}

/// Methods that change nothing, by their definition.
pub fn is_safe(method: &Method) -> bool {
    matches!(*method, Method::GET | Method::HEAD | Method::OPTIONS)
}

/// Routes being declared.
pub struct Routes<S> {
    declared: Vec<Declared>,
    methods: BTreeMap<String, Vec<(Declared, MethodFilter, MethodRouter<S>)>>,
}

impl<S: Clone + Send + Sync + 'static> Default for Routes<S> {
    fn default() -> Self {
        Self::new()
    }
}

impl<S: Clone + Send + Sync + 'static> Routes<S> {
    /// Starts without any.
    pub fn new() -> Self {
        Self { declared: Vec::new(), methods: BTreeMap::new() }
    }

    /// Declares a route whose body has at most [`BODY`] bytes.
    ///
    /// # Panics
    /// At start: a method that is none of GET, POST, PUT, PATCH, DELETE, or
    /// the same method and path twice. The server must not come up with that.
    #[must_use]
    pub fn route<H, T>(self, method: Method, path: &str, access: Access, handler: H) -> Self
    where
        H: Handler<T, S>,
        T: 'static,
    {
        self.route_up_to(BODY, method, path, access, handler)
    }

    /// Declares a route whose body has at most `limit` bytes.
    ///
    /// # Panics
    /// As [`Routes::route`].
    #[must_use]
    pub fn route_up_to<H, T>(mut self, limit: usize, method: Method, path: &str, access: Access, handler: H) -> Self
    where
        H: Handler<T, S>,
        T: 'static,
    {
        let filter = match method {
            Method::GET => MethodFilter::GET,
            Method::POST => MethodFilter::POST,
            Method::PUT => MethodFilter::PUT,
            Method::PATCH => MethodFilter::PATCH,
            Method::DELETE => MethodFilter::DELETE,
            _ => panic!("{method} {path}: no such method is served"),
        };
        let declared = Declared { path: path.to_owned(), method: method.to_string(), access, limit };
        let handlers = self.methods.entry(path.to_owned()).or_default();
        assert!(handlers.iter().all(|(other, ..)| other.method != declared.method), "{method} {path} is declared twice");
        handlers.push((declared.clone(), filter, axum::routing::on(filter, handler)));
        self.declared.push(declared);
        self
    }

    /// Takes the routes of another room over.
    ///
    /// # Panics
    /// As [`Routes::route`], for the same method and path twice.
    #[must_use]
    pub fn merge(mut self, other: Self) -> Self {
        for (path, handlers) in other.methods {
            let own = self.methods.entry(path).or_default();
            for (declared, filter, handler) in handlers {
                assert!(
                    own.iter().all(|(mine, ..)| mine.method != declared.method),
                    "{} {} is declared twice",
                    declared.method,
                    declared.path
                );
                self.declared.push(declared.clone());
                own.push((declared, filter, handler));
            }
        }
        self
    }

    /// What is declared, in order of path and method.
    pub fn declared(&self) -> Vec<Declared> {
        let mut declared = self.declared.clone();
        declared.sort();
        declared
    }

    /// The service: each handler behind its own declaration, everything
    /// behind the [`Gate`].
    pub fn serve(self, state: S, gate: Arc<Gate>) -> Guarded {
        self.assemble(state, gate, |_, handler| handler)
    }

    /// The same service with every handler replaced by one that only answers
    /// 299, for the matrix of who reaches what.
    #[cfg(test)]
    pub fn probe(self, state: S, gate: Arc<Gate>) -> Guarded {
        self.assemble(state, gate, |filter, _| {
            axum::routing::on(filter, || async { axum::http::StatusCode::from_u16(299).unwrap() })
        })
    }

    fn assemble(
        self,
        state: S,
        gate: Arc<Gate>,
        with: impl Fn(MethodFilter, MethodRouter<S>) -> MethodRouter<S>,
    ) -> Guarded {
        let mut router = Router::new();
        for (path, handlers) in self.methods {
            let mut methods = MethodRouter::new();
            for (declared, filter, handler) in handlers {
                let lock = (Arc::clone(&gate), Arc::new(declared));
                methods = methods.merge(with(filter, handler).route_layer(from_fn_with_state(lock, enforce)));
            }
            router = router.route(&path, methods);
        }
        let router = router
            .fallback(no_route)
            .method_not_allowed_fallback(no_method)
            .layer(axum::extract::DefaultBodyLimit::disable())
            .layer(from_fn_with_state(Arc::clone(&gate), entrance))
            .with_state(state);
        Guarded { router, gate }
    }
}

/// A service whose every route is behind its declaration; what
/// [`super::serve::serve`] takes.
#[derive(Clone)]
pub struct Guarded {
    pub(super) router: Router,
    pub(super) gate: Arc<Gate>,
}

impl Guarded {
    /// The service for tests that call it without a connection; they add a
    /// [`super::gate::Peer`] to the request.
    #[cfg(test)]
    pub fn router(&self) -> Router {
        self.router.clone()
    }

    /// The gate it stands behind.
    pub fn gate(&self) -> &Arc<Gate> {
        &self.gate
    }
}

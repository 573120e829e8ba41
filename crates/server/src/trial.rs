//! A whole **server on trial**, for tests: real store, real identity, every
//! route behind its gate, asked without a connection.

pub mod reports;

use crate::app::Shared;
use crate::configuration::Configuration;
use crate::http::address::Proxies;
use crate::http::gate::{Gate, Peer};
use crate::http::limits::Limits;
use crate::run::{Running, routes, start};
use crate::setup::{FirstSteps, first_steps};
use axum::Router;
use axum::body::Body;
use axum::http::{Request, StatusCode, header};
use std::net::SocketAddr;
use std::sync::Arc;
use tower::ServiceExt;

/// The server, its data, and what it told at its first start.
pub struct Trial {
    data: tempfile::TempDir,
    running: Running,
    router: Router,
    /// The keys to the door.
    pub first: FirstSteps,
}

/// An answer.
#[derive(Debug)]
pub struct Said {
    /// Status.
    pub status: StatusCode,
    /// Where it sends the browser.
    pub location: String,
    /// The session's cookie, where a new one came.
    pub cookie: Option<String>,
    /// Body.
    pub body: String,
}

impl Said {
    /// The value of a hidden field.
    pub fn field(&self, name: &str) -> String {
        let mark = format!("name=\"{name}\" value=\"");
        let after = self.body.split(&mark).nth(1).unwrap_or_else(|| panic!("no field {name}: {}", self.body));
        after.split('"').next().unwrap().to_owned()
    }

    /// What stands in the element with an id, without its markup.
    pub fn element(&self, id: &str) -> String {
        let after = self.body.split(&format!("id=\"{id}\">")).nth(1).unwrap_or_else(|| panic!("no element {id}: {}", self.body));
        after.split('<').next().unwrap().trim().to_owned()
    }

    /// The body as JSON.
    pub fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.body).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }
}

/// A browser or program that asks.
#[derive(Clone, Default)]
pub struct Asker {
    /// Its session.
    pub cookie: Option<String>,
    /// Its API token.
    pub token: Option<String>,
}

impl Trial {
    /// Starts it, with the preset `samm` and no advisory database.
    pub async fn start() -> Self {
        Self::start_on(tempfile::tempdir().unwrap()).await
    }

    /// Stops it in order, does something to its data, and starts it again.
    pub async fn restart(self, meanwhile: impl FnOnce(&std::path::Path)) -> Self {
        let Self { data, running, router, .. } = self;
        drop(router);
        running.stop().await;
        meanwhile(data.path());
        Self::start_on(data).await
    }

    async fn start_on(data: tempfile::TempDir) -> Self {
        let configuration = Configuration {
            tool: "plimsoll trial".to_owned(),
            data: data.path().to_owned(),
            listen: SocketAddr::from(([127, 0, 0, 1], 0)),
            public_url: Some("http://localhost:8443".to_owned()),
            database: None,
            advisories: data.path().join("advisories.plimsolldb"),
            advisories_key: None,
            policies: None,
            root: None,
            online_key: None,
            artefacts: None,
            evaluation: false,
            check_in_seconds: Configuration::CHECK_IN_SECONDS,
            silence_seconds: Configuration::SILENCE_SECONDS,
            trusted_proxies: Vec::new(),
            notices: Default::default(),
            tls: None,
            sign_in: Default::default(),
            outside_alerts: Default::default(),
        };
        let running = start(configuration).await.unwrap_or_else(|problem| panic!("{problem:?}"));
        let app = &running.app;
        let first = first_steps(app).await.unwrap_or_else(|problem| panic!("{problem:?}"));
        let proxies = Proxies::new(Vec::new());
        let gate = Gate::new(Arc::clone(&app.identity), None, app.doors.origins.clone(), proxies, Limits::default())
            .keeping_answers(app.store.clone());
        let router = routes().serve(Arc::clone(app), Arc::new(gate)).router();
        Self { data, running, router, first }
    }

    /// What it consists of.
    pub fn app(&self) -> &Shared {
        &self.running.app
    }

    /// Asks as a browser does, from the console's own page `from`.
    pub async fn ask(&self, asker: &Asker, method: &str, path: &str, kind: &str, body: impl Into<Body>) -> Said {
        let mut request = Request::builder()
            .method(method)
            .uri(path)
            .header(header::HOST, "localhost:8443")
            .header(header::ORIGIN, "http://localhost:8443")
            .header(header::CONTENT_TYPE, kind);
        if let Some(cookie) = &asker.cookie {
            let page = path.split('/').take(3).collect::<Vec<_>>().join("/");
            request = request.header(header::COOKIE, cookie).header(header::REFERER, format!("http://localhost:8443{page}"));
        }
        if let Some(token) = &asker.token {
            request = request.header(header::AUTHORIZATION, format!("Bearer {token}"));
        }
        let mut request = request.body(body.into()).unwrap();
        request.extensions_mut().insert(Peer(SocketAddr::from(([127, 0, 0, 1], 40_000))));
        let response = self.router.clone().oneshot(request).await.unwrap();
        let text = |name: &str| response.headers().get(name).map(|value| value.to_str().unwrap().to_owned());
        let (status, location, cookie) = (response.status(), text("location").unwrap_or_default(), text("set-cookie"));
        let body = axum::body::to_bytes(response.into_body(), 16 << 20).await.unwrap();
        let cookie = cookie.and_then(|cookie| cookie.split(';').next().map(str::to_owned));
        Said { status, location, cookie, body: String::from_utf8_lossy(&body).into_owned() }
    }

    /// Asks for a page.
    pub async fn get(&self, asker: &Asker, path: &str) -> Said {
        self.ask(asker, "GET", path, "text/plain", Body::empty()).await
    }

    /// Sends a form; takes a new session where one comes.
    pub async fn post(&self, asker: &mut Asker, path: &str, fields: &[(&str, &str)]) -> Said {
        let form = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(fields).finish();
        let said = self.ask(asker, "POST", path, "application/x-www-form-urlencoded", form).await;
        if let Some(cookie) = &said.cookie {
            asker.cookie = Some(cookie.clone());
        }
        said
    }

    /// Sends JSON.
    pub async fn send(&self, asker: &Asker, method: &str, path: &str, body: &serde_json::Value) -> Said {
        self.ask(asker, method, path, "application/json", body.to_string()).await
    }

    /// Puts an advisory database of these sources in the server's way, which it
    /// takes up by itself.
    pub fn advise(&self, sources: &[(&str, &str)]) {
        let folder = self.data.path().join("sources");
        for (name, text) in sources {
            let path = folder.join(name);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, text).unwrap();
        }
        let built = plimsoll_feeds::build::build(&folder, &plimsoll_feeds::build::Options::default()).unwrap_or_else(|problem| panic!("{problem:?}"));
        let whole = self.data.path().join("advisories.new");
        std::fs::write(&whole, built.bytes).unwrap();
        std::fs::rename(whole, &self.app().configuration.advisories).unwrap();
    }

    /// Forgets the sources of the advisory database before.
    pub fn forget_advice(&self) {
        let _ = std::fs::remove_dir_all(self.data.path().join("sources"));
    }

    /// The owner, signed in by the link of the first start, and so freshly
    /// proven.
    pub async fn owner(&self) -> Asker {
        let mut owner = Asker::default();
        let token = self.first.sign_in.rsplit('/').next().unwrap().to_owned();
        let said = self.post(&mut owner, "/console/sign-in/link", &[("token", &token), ("next", "/console")]).await;
        assert_eq!(said.status, StatusCode::SEE_OTHER, "{said:?}");
        owner
    }

    /// A person made by the owner, signed in by a link.
    pub async fn person(&self, owner: &mut Asker, account: &str, role: &str, place: &str) -> Asker {
        let fields = [("account", account), ("name", account), ("mail", ""), ("role", role), ("place", place)];
        let said = self.post(owner, "/console/people", &fields).await;
        assert_eq!(said.status, StatusCode::OK, "{said:?}");
        let link = said.element("invitation-link");
        let mut person = Asker::default();
        let token = link.rsplit('/').next().unwrap().to_owned();
        let said = self.post(&mut person, "/console/sign-in/link", &[("token", &token)]).await;
        assert_eq!(said.status, StatusCode::SEE_OTHER, "{said:?}");
        person
    }

    /// A host entered by hand; gives its id.
    pub async fn host(&self, asker: &Asker, name: &str, environment: &str) -> String {
        let made = self.send(asker, "POST", "/api/v1/hosts", &serde_json::json!({ "name": name })).await;
        let id = made.json()["id"].as_str().unwrap_or_else(|| panic!("{made:?}")).to_owned();
        let edited = self.send(asker, "PATCH", &format!("/api/v1/hosts/{id}"), &serde_json::json!({ "environment": environment })).await;
        assert_eq!(edited.status, StatusCode::OK, "{edited:?}");
        id
    }
}

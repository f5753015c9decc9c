//! The doors on a store of their own, without a listener in front.

use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::extract::Request;
use http::{StatusCode, header};
use kit::auth::{Auth, AuthSettings, Mode};
use kit::clock::Clock;
use kit::door::Door;
use kit::entropy::Entropy;
use kit::namespace::{Namespaces, StateSettings};
use kit::sql::{Db, Durability, OpenOptions};
use kit::system::Rooms;
use kit::telemetry::metrics::Metrics;
use serde_json::Value;
use shortener::{Section, Shorteners};
use tempfile::TempDir;
use tower::ServiceExt;

/// The routers of all doors; the folder goes with it.
pub(crate) struct Doors {
    pub(crate) router: Router,
    _folder: TempDir,
}

/// What came back.
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: http::HeaderMap,

    pub(crate) text: String,
}

impl Answer {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_else(|error| panic!("{error}: {}", self.text))
    }
}

impl Doors {
    /// As `backplane dev` has them, on a fresh store.
    pub(crate) fn open() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let state = StateSettings {
            data_dir: folder.path().to_owned(),
            durability: Durability::Buffered,
            sql_url: None,
            create_on_use: true,
        };
        let namespaces = Namespaces::open(state, Entropy::machine(), Metrics::default()).unwrap();
        let db = Db::open_sqlite(&OpenOptions {
            path: folder.path().join("auth.db"),
            migrations: Auth::MIGRATIONS,
            durability: Durability::Buffered,
        });
        let credentials = AuthSettings { mode: Mode::Dev, anonymous: false };
        let auth = Auth::open(db.unwrap(), Clock::system(), Entropy::machine(), credentials);
        let section: Section = toml::from_str(shortener::settings::DEFAULT).unwrap();
        let shorteners = Arc::new(Shorteners::new(section.check().unwrap()));
        let rooms = Rooms::new(shorteners, Arc::new(namespaces));
        let door = Door { rooms, auth, hosts: Arc::default() };
        Self { router: shortener::http::doors(door), _folder: folder }
    }

    pub(crate) async fn send(&self, request: Request) -> Answer {
        let response = self.router.clone().oneshot(request).await.unwrap();
        let (parts, body) = response.into_parts();
        let bytes = axum::body::to_bytes(body, 64 << 20).await.unwrap();
        let text = String::from_utf8(bytes.to_vec()).unwrap();
        Answer { status: parts.status, headers: parts.headers, text }
    }

    /// As the operator of `backplane dev`; `body` is JSON, or empty.
    pub(crate) async fn call(&self, method: &str, path: &str, body: &str) -> Answer {
        let request = Request::builder()
            .method(method)
            .uri(path)
            .header(header::HOST, "sho.rt")
            .header(header::AUTHORIZATION, "Bearer dev")
            .header(header::CONTENT_TYPE, "application/json")
            .body(Body::from(body.to_owned()));
        self.send(request.unwrap()).await
    }
}

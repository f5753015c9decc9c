//! The limiter as the house opens it, without a listener in front.

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::Request;
use http::{HeaderMap, StatusCode, header};
use kit::auth::{Auth, AuthSettings, Mode};
use kit::clock::Clock;
use kit::door::Door;
use kit::entropy::Entropy;
use kit::namespace::{Namespace, NamespaceName, Namespaces, StateSettings};
use kit::sql::{Db, Durability, OpenOptions};
use kit::system::Rooms;
use kit::telemetry::metrics::Metrics;
use limiter::service::Limiter;
use limiter::{Limiters, Section};
use serde_json::Value;
use tempfile::TempDir;
use tower::ServiceExt;

/// The doors of a house; its folder goes with it.
pub(crate) struct House {
    pub(crate) door: Door<Limiters>,
    pub(crate) router: Router,
    pub(crate) metrics: Metrics,
    namespaces: Arc<Namespaces>,
    pub(crate) folder: Arc<TempDir>,
}

/// What came back.
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) text: String,
}

impl Answer {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_else(|error| panic!("{error}: {}", self.text))
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(|value| value.to_str().unwrap())
    }
}

impl House {
    /// As `backplane dev` has it, on a fresh store, with the clock at noon.
    pub(crate) async fn open() -> Self {
        Self::open_with(|_| {}).await
    }

    /// With settings that `adjust` changed.
    pub(crate) async fn open_with(adjust: impl FnOnce(&mut Section)) -> Self {
        let house = Self::at(Arc::new(tempfile::tempdir().unwrap()), adjust);
        house.clock().freeze();
        house
    }

    /// On what is in `folder`, with a running clock.
    pub(crate) fn at(folder: Arc<TempDir>, adjust: impl FnOnce(&mut Section)) -> Self {
        let metrics = Metrics::default();
        let state = StateSettings {
            data_dir: folder.path().to_owned(),
            durability: Durability::Buffered,
            sql_url: None,
            create_on_use: true,
        };
        let namespaces = Namespaces::open(state, Entropy::machine(), metrics.clone()).unwrap();
        let namespaces = Arc::new(namespaces);
        let db = Db::open_sqlite(&OpenOptions {
            path: folder.path().join("auth.db"),
            migrations: Auth::MIGRATIONS,
            durability: Durability::Buffered,
        });
        let mut section: Section = toml::from_str(limiter::settings::DEFAULT).unwrap();
        section.memory_mib = 64;
        adjust(&mut section);
        let credentials = AuthSettings { mode: Mode::Dev, anonymous: section.anonymous };
        let auth = Auth::open(db.unwrap(), Clock::system(), Entropy::machine(), credentials);
        let limiters = Arc::new(Limiters::new(section.check().unwrap()));
        let rooms = Rooms::new(limiters, Arc::clone(&namespaces));
        let door = Door { rooms, auth, hosts: Arc::default() };
        let (router, _) = limiter::http::router(door.clone()).split_for_parts();
        Self { door, router, metrics, namespaces, folder }
    }

    fn namespace(&self) -> Arc<Namespace> {
        self.namespaces.get(&NamespaceName::default_name()).unwrap()
    }

    pub(crate) fn clock(&self) -> Clock {
        self.namespace().clock().clone()
    }

    pub(crate) fn advance_ms(&self, millis: u64) {
        self.clock().advance(Duration::from_millis(millis));
    }

    /// Goes on from the beginning of the next hour, so that no window ends by surprise.
    pub(crate) fn start_of_hour(&self) {
        let clock = self.clock();
        clock.freeze();
        let hour_us = 3_600_000_000;
        let left_us = hour_us - clock.now().micros().rem_euclid(hour_us);
        clock.advance(Duration::from_micros(left_us.unsigned_abs()));
    }

    pub(crate) async fn limiter(&self) -> Arc<Limiter> {
        self.door.rooms.open(&NamespaceName::default_name()).await.unwrap()
    }

    pub(crate) async fn send(&self, request: Request) -> Answer {
        let response = self.router.clone().oneshot(request).await.unwrap();
        let (parts, body) = response.into_parts();
        let bytes = axum::body::to_bytes(body, 64 << 20).await.unwrap();
        let text = String::from_utf8(bytes.to_vec()).unwrap();
        Answer { status: parts.status, headers: parts.headers, text }
    }

    /// As the operator of `backplane dev`.
    pub(crate) async fn call(&self, method: &str, path: &str, body: &str) -> Answer {
        let request = Request::builder()
            .method(method)
            .uri(path)
            .header(header::HOST, "limits")
            .header(header::AUTHORIZATION, "Bearer dev")
            .header(header::CONTENT_TYPE, "application/json")
            .body(Body::from(body.to_owned()));
        self.send(request.unwrap()).await
    }

    /// Puts rules in force.
    pub(crate) async fn rules(&self, name: &str, yaml: &str) {
        let answer = self.call("PUT", &format!("/rules/{name}"), yaml).await;
        assert_eq!(answer.status, StatusCode::NO_CONTENT, "{}", answer.text);
    }

    /// Has a request with one descriptor ruled on.
    pub(crate) async fn decide(&self, domain: &str, entries: &[(&str, &str)]) -> Answer {
        self.call("POST", "/decide", &request(domain, &[entries])).await
    }

    /// What the metric `name` shows, the sum of its label sets.
    pub(crate) fn metric(&self, name: &str) -> f64 {
        let text = self.metrics.encode();
        let of_name =
            |line: &&str| line.strip_prefix(name).is_some_and(|rest| rest.starts_with([' ', '{']));
        let number = |line: &str| line.rsplit(' ').next().unwrap().parse::<f64>().unwrap();
        text.lines().filter(of_name).map(number).sum()
    }

    /// As an orderly stop does it.
    pub(crate) async fn stop(self) -> Arc<TempDir> {
        self.namespaces.close().await;
        self.folder
    }
}

/// A decision as JSON.
pub(crate) fn request(domain: &str, descriptors: &[&[(&str, &str)]]) -> String {
    let entry = |(key, value): &(&str, &str)| serde_json::json!({ "key": key, "value": value });
    let descriptor = |entries: &&[(&str, &str)]| {
        let entries: Vec<_> = entries.iter().map(entry).collect();
        serde_json::json!({ "entries": entries })
    };
    let descriptors: Vec<_> = descriptors.iter().map(descriptor).collect();
    serde_json::json!({ "domain": domain, "descriptors": descriptors }).to_string()
}

/// A file with one rule for every value of the key `k` in the domain `d`.
pub(crate) fn rule(fields: &str) -> String {
    format!("domain: d\ndescriptors:\n  - key: k\n    rate_limit: {{{fields}}}\n")
}

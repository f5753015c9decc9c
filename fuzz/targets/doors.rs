//! The HTTP doors (our own, Bitly's, YOURLS's, Shlink's): no request is answered by a 5xx.
//!
//! The first line is `METHOD PATH?QUERY`, the second a content type, the rest a body.

#![no_main]

use std::sync::{Arc, LazyLock};

use axum::Router;
use axum::body::{Body, to_bytes};
use http::{Request, header};
use kit::auth::{Auth, AuthSettings, Mode};
use kit::clock::Clock;
use kit::door::Door;
use kit::entropy::Entropy;
use kit::namespace::{Namespaces, StateSettings};
use kit::sql::{Db, Durability, OpenOptions};
use kit::system::Rooms;
use kit::telemetry::metrics::Metrics;
use libfuzzer_sys::fuzz_target;
use shortener::{Section, Shorteners};
use tempfile::TempDir;
use tokio::runtime::Runtime;
use tower::ServiceExt;

/// The most that an answer may have: an export of what the runs before have made.
const ANSWER_BYTES_MAX: usize = 64 << 20;

struct House {
    runtime: Runtime,
    router: Router,
    _folder: TempDir,
}

static HOUSE: LazyLock<House> =
    LazyLock::new(|| open().unwrap_or_else(|error| panic!("no house: {error}")));

fn open() -> Result<House, Box<dyn std::error::Error>> {
    let runtime = Runtime::new()?;
    let _inside = runtime.enter();
    let folder = tempfile::tempdir()?;
    let state = StateSettings {
        data_dir: folder.path().to_owned(),
        durability: Durability::Buffered,
        sql_url: None,
        create_on_use: true,
    };
    let namespaces = Namespaces::open(state, Entropy::machine(), Metrics::default())?;
    let db = Db::open_sqlite(&OpenOptions {
        path: folder.path().join("auth.db"),
        migrations: Auth::MIGRATIONS,
        durability: Durability::Buffered,
    })?;
    let credentials = AuthSettings { mode: Mode::Dev, anonymous: false };
    let auth = Auth::open(db, Clock::system(), Entropy::machine(), credentials);
    let section: Section = toml::from_str(shortener::settings::DEFAULT)?;
    let rooms = Rooms::new(Arc::new(Shorteners::new(section.check()?)), Arc::new(namespaces));
    let router = shortener::http::doors(Door { rooms, auth, hosts: Arc::default() });
    drop(_inside);
    Ok(House { runtime, router, _folder: folder })
}

fuzz_target!(|bytes: &[u8]| {
    let mut parts = bytes.splitn(3, |byte| *byte == b'\n');
    let (line, content_type) = (parts.next().unwrap_or(b""), parts.next().unwrap_or(b""));
    let body = parts.next().unwrap_or_default().to_vec();
    let Some(space) = line.iter().position(|byte| *byte == b' ') else { return };
    let request = Request::builder()
        .method(&line[..space])
        .uri(&line[space + 1..])
        .header(header::HOST, "sho.rt")
        .header(header::AUTHORIZATION, "Bearer dev")
        .header(header::CONTENT_TYPE, content_type)
        .body(Body::from(body));
    let Ok(request) = request else { return };
    HOUSE.runtime.block_on(async {
        let Ok(response) = HOUSE.router.clone().oneshot(request).await;
        let status = response.status();
        let body = to_bytes(response.into_body(), ANSWER_BYTES_MAX).await;
        let text = body.map(|body| String::from_utf8_lossy(&body).into_owned());
        assert!(!status.is_server_error(), "{status}: {text:?}");
    });
});

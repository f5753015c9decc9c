//! Whether the house is well, and how busy.

use axum::extract::State;
use axum::response::{IntoResponse, Response};
use http::header;
use kit::auth::Mode;
use kit::http::{Json, Problem};
use kit::telemetry::host;
use kit::telemetry::metrics::{OPENMETRICS_CONTENT_TYPE, Red};
use serde::Serialize;
use utoipa::ToSchema;

use super::{Operator, Platform};
use crate::systems;

/// The process answers.
#[utoipa::path(get, path = "/healthz", tag = "platform",
    responses((status = 200, description = "It does", body = String)))]
pub(super) async fn health() -> &'static str {
    "ok\n"
}

/// Every front door is open.
#[utoipa::path(get, path = "/readyz", tag = "platform",
    responses((status = 200, description = "They are", body = String)))]
pub(super) async fn ready() -> &'static str {
    "ready\n"
}

/// All metrics, as OpenMetrics text.
#[utoipa::path(get, path = "/metrics", tag = "platform",
    responses((status = 200, description = "OpenMetrics 1.0", body = String,
        content_type = "application/openmetrics-text")))]
pub(super) async fn metrics(State(platform): State<Platform>) -> Response {
    let headers = [(header::CONTENT_TYPE, OPENMETRICS_CONTENT_TYPE)];
    (headers, platform.metrics.encode()).into_response()
}

/// How a console signs in.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct SessionAnswer {
    /// `dev` or `serve`.
    mode: &'static str,
    /// The published token; `dev` only.
    #[serde(skip_serializing_if = "Option::is_none")]
    token: Option<&'static str>,
    /// Its namespace; `dev` only.
    #[serde(skip_serializing_if = "Option::is_none")]
    namespace: Option<&'static str>,
    version: &'static str,
}

/// How to sign in: in `dev` with the published token, in `serve` with a token or password.
#[utoipa::path(get, path = "/platform/session", tag = "platform",
    responses((status = 200, description = "The mode", body = SessionAnswer)))]
pub(super) async fn session(State(platform): State<Platform>) -> Json<SessionAnswer> {
    let is_dev = platform.mode == Mode::Dev;
    Json(SessionAnswer {
        mode: mode_name(platform.mode),
        token: is_dev.then_some(kit::auth::DEV_TOKEN),
        namespace: is_dev.then_some(kit::namespace::NamespaceName::DEFAULT),
        version: env!("CARGO_PKG_VERSION"),
    })
}

fn mode_name(mode: Mode) -> &'static str {
    match mode {
        Mode::Dev => "dev",
        Mode::Serve => "serve",
    }
}

/// The house at a glance.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct OverviewAnswer {
    version: &'static str,
    /// `dev` or `serve`.
    mode: &'static str,
    uptime_seconds: u64,
    /// How many there are.
    namespaces: usize,
    process: ProcessAnswer,
    systems: Vec<SystemAnswer>,
}

/// This process.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct ProcessAnswer {
    rss_bytes: u64,
    cpu_seconds: f64,
    threads: u64,
}

/// One system.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct SystemAnswer {
    name: String,
    /// `ready` once used, `idle` before.
    state: &'static str,
    detail: String,
    doors: Vec<DoorAnswer>,
    requests_per_second: f64,
    errors_per_second: f64,
    p50_us: u64,
    p99_us: u64,
    requests_total: u64,
    errors_total: u64,
}

/// Where a system is reached.
#[derive(Serialize, ToSchema)]
pub(super) struct DoorAnswer {
    name: &'static str,
    url: String,
}

/// Every system's state, rate, errors and latency over the last ten seconds or so.
#[utoipa::path(get, path = "/platform/overview", tag = "platform",
    responses((status = 200, description = "The house", body = OverviewAnswer)))]
pub(super) async fn overview(
    State(platform): State<Platform>,
    operator: Operator,
) -> Result<Json<OverviewAnswer>, Problem> {
    operator.require("platform:read")?;
    let reading = host::read();
    let namespaces = platform.namespaces.names()?.len();
    Ok(Json(OverviewAnswer {
        version: env!("CARGO_PKG_VERSION"),
        mode: mode_name(platform.mode),
        uptime_seconds: platform.started.elapsed().as_secs(),
        namespaces,
        process: ProcessAnswer {
            rss_bytes: reading.process.resident_bytes,
            cpu_seconds: reading.process.cpu_seconds,
            threads: reading.process.threads,
        },
        systems: std::iter::once("platform")
            .chain(platform.systems.iter().copied())
            .map(|name| system(&platform, name))
            .collect(),
    }))
}

fn system(platform: &Platform, name: &str) -> SystemAnswer {
    let reds: Vec<Red> =
        platform.metrics.reds().into_iter().filter(|red| red.system() == name).collect();
    let mut answer = SystemAnswer {
        name: name.to_owned(),
        state: "idle",
        detail: String::new(),
        doors: doors(platform, name),
        requests_per_second: 0.0,
        errors_per_second: 0.0,
        p50_us: 0,
        p99_us: 0,
        requests_total: 0,
        errors_total: 0,
    };
    for red in reds {
        let ((recent, window), total) = (red.recent_now(), red.summary());
        let seconds = window.as_secs_f64().max(0.001);
        answer.requests_per_second += recent.requests as f64 / seconds;
        answer.errors_per_second += recent.errors as f64 / seconds;
        // Of several doors the slowest is shown.
        answer.p50_us = answer.p50_us.max(recent.p50_us);
        answer.p99_us = answer.p99_us.max(recent.p99_us);
        answer.requests_total += total.requests;
        answer.errors_total += total.errors;
    }
    let open = platform.namespaces.open_with(name);
    if name == "platform" || open > 0 {
        answer.state = "ready";
    }
    if name != "platform" {
        let noun = if open == 1 { "namespace" } else { "namespaces" };
        answer.detail = format!("open in {open} {noun}");
    }
    answer
}

fn doors(platform: &Platform, name: &str) -> Vec<DoorAnswer> {
    let base = format!("{}://{}", platform.scheme, platform.edge);
    if name == "platform" {
        let api = DoorAnswer { name: "api", url: format!("{base}/platform") };
        return vec![DoorAnswer { name: "console", url: format!("{base}/") }, api];
    }
    let mut doors = vec![DoorAnswer { name: "api", url: format!("{base}/{name}") }];
    if let Some((key, path)) = systems::named(name).and_then(|entry| entry.at_root) {
        doors.push(DoorAnswer { name: key, url: format!("{base}{path}") });
    }
    for door in platform.doors.iter().filter(|door| door.system == name) {
        doors.push(match door.is_http {
            true => {
                let url = format!("{}://{}", platform.scheme, door.address);
                DoorAnswer { name: "own address", url }
            }
            false => DoorAnswer { name: door.key, url: door.address.to_string() },
        });
    }
    doors
}

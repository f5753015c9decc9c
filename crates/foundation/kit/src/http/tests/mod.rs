//! The doors through real sockets.

mod errors;
mod faults;
mod limits;
mod protocols;
mod shutdown;
mod tls;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::routing::{get, post};
use hyper::body::Incoming;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::Semaphore;
use tokio::task::JoinHandle;

use super::*;
use crate::net::*;

/// Long enough for any machine; a test that reaches it has failed.
const PATIENCE: Duration = Duration::from_secs(20);

#[derive(serde::Deserialize, serde::Serialize)]
#[serde(deny_unknown_fields)]
struct Link {
    url: String,
}

/// A request to `/wait` adds a permit to `entered` and is answered for one of `leave`.
#[derive(Clone)]
struct Gate {
    entered: Arc<Semaphore>,
    leave: Arc<Semaphore>,
}

impl Gate {
    fn new() -> Self {
        let closed = || Arc::new(Semaphore::new(0));
        Self { entered: closed(), leave: closed() }
    }

    async fn pass(&self) -> &'static str {
        self.entered.add_permits(1);
        self.leave.acquire().await.unwrap().forget();
        "left"
    }

    async fn someone_entered(&self) {
        let entered = tokio::time::timeout(PATIENCE, self.entered.acquire()).await;
        entered.unwrap().unwrap().forget();
    }
}

struct Doors {
    router: Routed,
}

impl Handler for Doors {
    fn fast(&self, request: &mut http::Request<Incoming>, peer: &Peer) -> Option<Response> {
        if request.uri().path() != "/fast" {
            return None;
        }
        let mut response = Response::default();
        *response.status_mut() = http::StatusCode::FOUND;
        let scheme = if peer.tls { "https://a.example/" } else { "http://a.example/" };
        response.headers_mut().insert("location", http::HeaderValue::from_static(scheme));
        Some(response)
    }

    fn call(&self, request: axum::extract::Request, peer: Peer) -> BoxFuture<'static, Response> {
        self.router.call(request, peer)
    }
}

fn router(gate: &Gate, settings: &LayerSettings) -> Router {
    let gate = gate.clone();
    let router = Router::new()
        .route("/links", post(async |Json(link): Json<Link>| Json(link)))
        .route("/links/{id}", get(async |Path(id): Path<u64>| id.to_string()))
        .route("/names/{name}", get(async |Path(name): Path<String>| name))
        .route("/list", get(async |Query(page): Query<PageQuery>| page.limit().to_string()))
        .route("/echo", post(async |body: axum::body::Bytes| body))
        .route("/id", get(async |id: RequestId| id.as_str().to_owned()))
        .route("/big", get(async || "0123456789".repeat(1000)))
        .route("/panic", get(panics))
        .route("/never", get(async || std::future::pending::<()>().await))
        .route("/wait", get(async move || gate.pass().await));
    layers(router, settings)
}

async fn panics() -> &'static str {
    panic!("the secret of the machine")
}

fn settings() -> LayerSettings {
    LayerSettings {
        body_limit: BodyLimit { bytes: 1024, timeout_ms: 15_000 },
        handler_timeout_ms: 60_000,
        ..LayerSettings::new(|| "made".into())
    }
}

struct Server {
    address: SocketAddr,
    gate: Gate,
    trigger: DrainTrigger,
    task: JoinHandle<()>,
}

#[derive(Default)]
struct Setup {
    bind: Bind,
    layers: Option<LayerSettings>,
    faults: Option<Arc<Faults>>,
    tls: Option<Tls>,
}

async fn start(setup: Setup) -> Server {
    let gate = Gate::new();
    let router = Routed(router(&gate, &setup.layers.unwrap_or_else(settings)));
    let (trigger, drain) = Drain::new();
    let mut bound = bind(&setup.bind).await.unwrap();
    if let Some(faults) = setup.faults {
        bound = bound.with_faults(faults);
    }
    let address = bound.address();
    let task = bound.serve(Http::new(Doors { router }), setup.tls, drain);
    Server { address, gate, trigger, task }
}

/// Everything that comes until the server closes the connection; a reset ends it too.
async fn rest(stream: &mut TcpStream) -> String {
    let mut bytes = Vec::new();
    let read = async {
        let mut buffer = [0; 4096];
        while let Ok(count @ 1..) = stream.read(&mut buffer).await {
            bytes.extend_from_slice(&buffer[..count]);
        }
    };
    tokio::time::timeout(PATIENCE, read).await.expect("the server should have closed it");
    String::from_utf8_lossy(&bytes).into_owned()
}

/// Reads until a text has come, and no further.
async fn until(stream: &mut TcpStream, end: &str) -> String {
    let mut text = String::new();
    let read = async {
        while !text.ends_with(end) {
            let byte = stream.read_u8().await.unwrap_or_else(|_| panic!("{end:?} not in {text}"));
            text.push(char::from(byte));
        }
    };
    tokio::time::timeout(PATIENCE, read).await.expect("it should have come");
    text
}

/// Sends one request and returns the whole answer, head in lower case up to the body.
async fn ask(address: SocketAddr, request: &str) -> String {
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.write_all(request.as_bytes()).await.unwrap();
    let answer = rest(&mut stream).await;
    match answer.split_once("\r\n\r\n") {
        Some((head, body)) => format!("{}\r\n\r\n{body}", head.to_lowercase()),
        None => answer,
    }
}

fn get_request(path: &str) -> String {
    format!("GET {path} HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n")
}

fn post_request(path: &str, headers: &str, body: &str) -> String {
    let length = body.len();
    format!(
        "POST {path} HTTP/1.1\r\nhost: a\r\nconnection: close\r\n{headers}\
         content-length: {length}\r\n\r\n{body}"
    )
}

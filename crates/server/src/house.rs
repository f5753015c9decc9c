//! The story of a start, in order: state, credentials, systems, front doors, ready. Then of a stop:
//! front doors finish, systems write what they hold.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use kit::auth::jwt::Issuer;
use kit::auth::{Auth, AuthSettings, Mode, Secret};
use kit::clock::{Clock, Stopwatch};
use kit::door::Door;
use kit::entropy::Entropy;
use kit::files::{Files, Store};
use kit::http::{Bind, BodyLimit, Bound, Drain, DrainTrigger, Tls, bind};
use kit::http::{CorsOrigins, LayerSettings, layers};
use kit::namespace::{Namespaces, StateSettings};
use kit::sql::{Db, OpenOptions};
use kit::system::{AnySystem, Rooms};
use kit::telemetry::metrics::Metrics;
use kit::worker::Workers;
use shortener::Shorteners;
use shortener::public::Public;
use thiserror::Error;

use crate::data_dir::{DataDir, DataDirError};
use crate::edge::Edge;
use crate::platform::{self, Platform};
use crate::settings::{Settings, SettingsError};

/// How often credentials that no longer count are removed.
const SWEEP_EVERY: Duration = Duration::from_secs(3_600);

/// How often files of certificates and keys are looked at for a change.
const FILES_EVERY: Duration = Duration::from_secs(30);

/// A running house.
pub struct House {
    pub namespaces: Arc<Namespaces>,
    pub auth: Auth,
    pub edge: std::net::SocketAddr,
    pub shortener: Option<std::net::SocketAddr>,
    pub tls: Option<Tls>,
    workers: Workers,
    drain: DrainTrigger,
    drain_timeout: Duration,
    _data: Arc<DataDir>,
}

#[derive(Debug, Error)]
pub enum StartError {
    #[error(transparent)]
    Settings(#[from] SettingsError),
    #[error(transparent)]
    DataDir(#[from] DataDirError),
    #[error(transparent)]
    Namespace(#[from] kit::namespace::NamespaceError),
    #[error("auth cannot start: {0} (setting data.dir)")]
    Auth(kit::sql::SqlError),
    #[error("auth cannot start: {0} (setting data.sql)")]
    AuthServer(kit::sql::SqlError),
    #[error(transparent)]
    Bind(#[from] kit::http::BindError),
    #[error(transparent)]
    Jwt(#[from] kit::auth::jwt::JwtError),
    #[error(transparent)]
    Tls(#[from] kit::http::TlsError),
    #[error("{0}")]
    Refused(String),
}

/// What differs between `dev` and `serve`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Manner {
    pub mode: Mode,
    /// Open what is on disk at once, so that a damaged file is refused at the start.
    pub open_all: bool,
}

/// State and credentials, before any front door.
struct Ground {
    data: Arc<DataDir>,
    control: Files,
    namespaces: Arc<Namespaces>,
    auth: Auth,
    metrics: Metrics,
}

impl House {
    pub async fn start(
        settings: &Settings,
        manner: Manner,
        metrics: Metrics,
    ) -> Result<Self, StartError> {
        let started = Stopwatch::start();
        let short = settings.shortener.clone().check().map_err(StartError::Refused)?;

        // ---- State and credentials ----
        let ground = open_ground(settings, manner.mode, short.anonymous_create, metrics)?;
        let workers = Workers::default();
        sweep_credentials(&ground.auth, &workers);
        trust_issuer(settings, &ground.auth, &workers)?;

        // ---- Systems ----
        let shorteners = Arc::new(Shorteners::new(short));
        if manner.open_all {
            open_all(&ground.namespaces, &[Arc::clone(&shorteners) as Arc<dyn AnySystem>]).await?;
        }
        let hosts = Arc::new(settings.hosts(manner.mode == Mode::Dev)?);
        let rooms = Rooms::new(shorteners, Arc::clone(&ground.namespaces));
        let public = Public::new(rooms.clone(), Arc::clone(&hosts), &ground.metrics);
        let door = Door { rooms, auth: ground.auth.clone(), hosts };
        let (short_router, short_api) = shortener::http::router(door.clone()).split_for_parts();
        let short_router = short_router.merge(shortener::http::compatible(door));

        // ---- Front doors: all addresses are taken before the first request is answered ----
        let tls = load_tls(settings)?;
        if let Some(tls) = &tls {
            keep_certificates_fresh(tls, &workers);
        }
        let edge = bind(&edge_bind(settings, "edge", "edge.listen", &settings.edge.listen)).await?;
        let own = bind_own_address(settings).await?;
        let (edge_address, own_address) = (edge.address(), own.as_ref().map(Bound::address));
        let platform = Platform {
            namespaces: Arc::clone(&ground.namespaces),
            auth: ground.auth.clone(),
            metrics: ground.metrics.clone(),
            mode: manner.mode,
            data: Arc::clone(&ground.data),
            control: ground.control,
            started,
            scheme: if tls.is_some() { "https" } else { "http" },
            edge: edge_address,
            shortener: own_address,
            issuer: own_issuer(settings)?,
        };
        let (router, document) = platform::router(platform, short_api);
        let layering = layering(settings, &ground.metrics)?;
        let (drain, draining) = Drain::new();
        let whole = layers(router.nest("/shortener", short_router.clone()), &layering);
        let handler = Arc::new(Edge::new(whole, public.clone(), document));
        // The drain knows when listeners have ended; their handles add nothing.
        drop(edge.serve(handler, tls.clone(), draining.clone()));
        if let Some(own) = own {
            let handler = Arc::new(Edge::root(layers(short_router, &layering), public));
            drop(own.serve(handler, tls.clone(), draining));
        }
        Ok(Self {
            namespaces: ground.namespaces,
            auth: ground.auth,
            edge: edge_address,
            shortener: own_address,
            tls,
            workers,
            drain,
            drain_timeout: Duration::from_millis(settings.edge.drain_timeout_ms),
            _data: ground.data,
        })
    }

    /// The first operator's token, when nobody could get in otherwise.
    pub async fn first_token(&self) -> Result<Option<Secret>, StartError> {
        let made = self.auth.bootstrap_token().await;
        made.map_err(|error| StartError::Refused(format!("auth cannot start: {error}")))
    }

    /// Reads certificates and keys again.
    pub fn reload(&self) {
        if let Some(tls) = &self.tls {
            reload_certificates(tls);
        }
        reload_keys(&self.auth);
    }

    /// Lets requests under way finish, then writes what systems hold.
    pub async fn stop(self) {
        let cut = self.drain.drain(self.drain_timeout).await;
        if cut > 0 {
            tracing::warn!(cut, "requests were still under way and were cut off");
        }
        self.workers.stop().await;
        self.namespaces.close().await;
    }
}

fn open_ground(
    settings: &Settings,
    mode: Mode,
    anonymous: bool,
    metrics: Metrics,
) -> Result<Ground, StartError> {
    let data = Arc::new(DataDir::take(&settings.data.dir)?);
    let namespaces = Arc::new(open_namespaces(settings, mode == Mode::Dev, &metrics)?);
    let control = Files::default();
    let auth_db = open_control(settings, data.path(), &control)?;
    let credentials = AuthSettings { mode, anonymous };
    let auth = Auth::open(auth_db, Clock::system(), Entropy::machine(), credentials);
    Ok(Ground { data, control, namespaces, auth, metrics })
}

/// A renewed certificate is used without a restart.
fn keep_certificates_fresh(tls: &Tls, workers: &Workers) {
    let tls = tls.clone();
    workers.every("tls: read certificates", FILES_EVERY, move || {
        reload_certificates(&tls);
        std::future::ready(())
    });
}

fn reload_certificates(tls: &Tls) {
    if let Err(error) = tls.reload() {
        tracing::error!(%error, "the certificates in use stay");
    }
}

/// Another issuer's new key is known before it signs with it, and an old one is forgotten.
fn trust_issuer(settings: &Settings, auth: &Auth, workers: &Workers) -> Result<(), StartError> {
    let Some(issuer) = Issuer::load(settings.auth.jwt.clone())? else { return Ok(()) };
    auth.trust(issuer);
    let auth = auth.clone();
    workers.every("auth: read the issuer's keys", FILES_EVERY, move || {
        reload_keys(&auth);
        std::future::ready(())
    });
    Ok(())
}

fn own_issuer(settings: &Settings) -> Result<Arc<str>, StartError> {
    let wrong = |error| StartError::Refused(format!("auth.oauth.issuer: {error}"));
    settings.auth.oauth.checked().map_err(wrong)
}

fn reload_keys(auth: &Auth) {
    if let Err(error) = auth.reload_keys() {
        tracing::error!(%error, "the keys in use stay");
    }
}

fn sweep_credentials(auth: &Auth, workers: &Workers) {
    let auth = auth.clone();
    workers.every("auth: forget dead tokens", SWEEP_EVERY, move || {
        let auth = auth.clone();
        async move {
            if let Err(error) = auth.sweep().await {
                tracing::debug!(%error, "dead tokens stay for now");
            }
        }
    });
}

fn open_namespaces(
    settings: &Settings,
    is_dev: bool,
    metrics: &Metrics,
) -> Result<Namespaces, StartError> {
    let state = StateSettings {
        data_dir: settings.data.dir.clone(),
        durability: settings.data.durability.into(),
        sql_url: (!settings.data.sql.is_empty()).then(|| settings.data.sql.clone()),
        create_on_use: is_dev,
    };
    Ok(Namespaces::open(state, Entropy::machine(), metrics.clone())?)
}

/// Credentials are the house's own: they lie beside the namespaces, not in one.
fn open_control(settings: &Settings, data: &Path, control: &Files) -> Result<Db, StartError> {
    if !settings.data.sql.is_empty() {
        let schema = format!("{}_auth", kit::sql::schemas::HOUSE);
        // The client runs a runtime of its own, which must not begin inside this one.
        return tokio::task::block_in_place(|| {
            Db::open_postgres(&settings.data.sql, schema, Auth::MIGRATIONS)
        })
        .map_err(StartError::AuthServer);
    }
    let folder = data.join("control");
    std::fs::create_dir_all(&folder)
        .map_err(|error| StartError::DataDir(DataDirError::Io(folder.clone(), error)))?;
    let db = Db::open_sqlite(&OpenOptions {
        path: folder.join("auth.db"),
        migrations: Auth::MIGRATIONS,
        durability: settings.data.durability.into(),
    });
    let db = db.map_err(StartError::Auth)?;
    if let Some(sqlite) = db.embedded() {
        control.register(&(sqlite as Arc<dyn Store>));
    }
    Ok(db)
}

async fn open_all(
    namespaces: &Namespaces,
    systems: &[Arc<dyn AnySystem>],
) -> Result<(), StartError> {
    for info in namespaces.list()? {
        let namespace = namespaces.get(&info.name)?;
        for system in systems {
            namespace.open(Arc::clone(system)).await?;
        }
    }
    Ok(())
}

fn load_tls(settings: &Settings) -> Result<Option<Tls>, StartError> {
    let (cert, key) = (&settings.tls.cert_path, &settings.tls.key_path);
    match (cert.as_os_str().is_empty(), key.as_os_str().is_empty()) {
        (true, true) => Ok(None),
        (false, false) => Ok(Some(Tls::load(cert, key)?)),
        _ => Err(StartError::Refused(
            "tls.cert_path and tls.key_path go together: set both or none".to_owned(),
        )),
    }
}

fn edge_bind(
    settings: &Settings,
    door: &'static str,
    setting: &'static str,
    address: &str,
) -> Bind {
    Bind {
        door,
        setting,
        address: address.to_owned(),
        connections_max: settings.edge.connections_max,
        header_timeout_ms: settings.edge.header_timeout_ms,
        idle_timeout_ms: settings.edge.idle_timeout_ms,
    }
}

async fn bind_own_address(settings: &Settings) -> Result<Option<Bound>, StartError> {
    let listen = &settings.shortener.listen;
    if listen.is_empty() {
        return Ok(None);
    }
    let wanted = edge_bind(settings, "shortener", "shortener.listen", listen);
    Ok(Some(bind(&wanted).await?))
}

fn layering(settings: &Settings, metrics: &Metrics) -> Result<LayerSettings, StartError> {
    let entropy = Entropy::machine();
    let mut layering = LayerSettings::new(move || entropy.text(22));
    layering.body_limit = BodyLimit { bytes: settings.edge.body_bytes_max, ..Default::default() };
    layering.handler_timeout_ms = settings.edge.handler_timeout_ms;
    layering.cors_origins = CorsOrigins::listed(&settings.edge.cors_origins)
        .map_err(|error| StartError::Refused(format!("edge.cors_origins: {error}")))?;
    layering.observer = Some(Arc::new(crate::edge::Observed::new(metrics)));
    Ok(layering)
}

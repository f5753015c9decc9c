//! The story of a start, in order: state, credentials, systems, front doors, ready. Then of a stop:
//! front doors finish, systems write what they hold.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use kit::auth::jwt::Issuer;
use kit::auth::{Auth, AuthSettings, Mode, Secret};
use kit::clock::{Clock, Stopwatch};
use kit::entropy::Entropy;
use kit::files::{Files, Store};
use kit::http::{BodyLimit, Http};
use kit::http::{CorsOrigins, LayerSettings, layers};
use kit::namespace::{Namespaces, StateSettings};
use kit::net::{Bind, Bound, Drain, DrainTrigger, Tls, bind};
use kit::sql::{Db, OpenOptions};
use kit::telemetry::metrics::Metrics;
use kit::worker::Workers;
use thiserror::Error;

use crate::data_dir::{DataDir, DataDirError};
use crate::edge::Edge;
use crate::platform::{self, Platform};
use crate::settings::{Settings, SettingsError};
use crate::systems::{self, DoorAddress, Front, Wiring};

/// How often credentials that no longer count are removed.
const SWEEP_EVERY: Duration = Duration::from_secs(3_600);

/// How often files of certificates and keys are looked at for a change.
const FILES_EVERY: Duration = Duration::from_secs(30);

/// A running house.
pub struct House {
    pub namespaces: Arc<Namespaces>,
    pub auth: Auth,
    pub edge: std::net::SocketAddr,
    /// The systems that are switched on.
    pub systems: Vec<&'static str>,
    /// Where they answer beside the edge.
    pub doors: Arc<[DoorAddress]>,
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
    Bind(#[from] kit::net::BindError),
    #[error(transparent)]
    Jwt(#[from] kit::auth::jwt::JwtError),
    #[error(transparent)]
    Tls(#[from] kit::net::TlsError),
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

        // ---- State and credentials ----
        let ground = open_ground(settings, manner.mode, metrics)?;
        let workers = Workers::default();
        sweep_credentials(&ground.auth, &workers);
        trust_issuer(settings, &ground.auth, &workers)?;

        // ---- Systems ----
        let layering = layering(settings, &ground.metrics)?;
        let hosts = Arc::new(settings.hosts(manner.mode == Mode::Dev)?);
        let (namespaces, auth) = (&ground.namespaces, &ground.auth);
        let (hosts, metrics, layering) = (&hosts, &ground.metrics, &layering);
        let wiring = Wiring { settings, namespaces, auth, hosts, metrics, layering };
        let mut fronts = systems::wire(&wiring).map_err(StartError::Refused)?;
        if manner.open_all {
            open_all(&ground.namespaces, &fronts).await?;
        }

        // ---- Front doors: all addresses are taken before the first request is answered ----
        let tls = load_tls(settings, &workers)?;
        let (edge, own) = take_addresses(settings, manner.mode, &mut fronts).await?;
        let edge_address = edge.address();
        let doors: Arc<[DoorAddress]> = own.iter().map(|(door, ..)| door.clone()).collect();
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
            systems: fronts.iter().map(|front| front.name).collect(),
            doors: Arc::clone(&doors),
            issuer: own_issuer(settings)?,
        };
        let (router, document) = platform::router(platform, &fronts);
        let whole = fronts.iter().fold(router, |whole, front| {
            whole.nest(&format!("/{}", front.name), front.router.clone())
        });
        let (drain, draining) = Drain::new();
        let systems = fronts.iter().map(|front| front.name).collect();
        let handler = Edge::new(layers(whole, layering), fronts, document);
        // The drain knows when listeners have ended; their handles add nothing.
        drop(edge.serve(Http::new(handler), tls.clone(), draining.clone()));
        for (_, bound, serve) in own {
            serve(bound, tls.clone(), draining.clone());
        }
        Ok(Self {
            namespaces: ground.namespaces,
            auth: ground.auth,
            edge: edge_address,
            systems,
            doors,
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

fn open_ground(settings: &Settings, mode: Mode, metrics: Metrics) -> Result<Ground, StartError> {
    let data = Arc::new(DataDir::take(&settings.data.dir)?);
    let namespaces = Arc::new(open_namespaces(settings, mode == Mode::Dev, &metrics)?);
    let control = Files::default();
    let auth_db = open_control(settings, data.path(), &control)?;
    let credentials = AuthSettings { mode, anonymous: settings.anonymous() };
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

/// The credentials of `dev` are public, so its addresses must not be.
fn refuse_public(bind: &Bind) -> Result<(), StartError> {
    let Bind { setting, address, .. } = bind;
    let host = kit::door::host_without_port(address);
    let host = host.trim_start_matches('[').trim_end_matches(']');
    let is_loopback = host == "localhost"
        || host.parse::<std::net::IpAddr>().is_ok_and(|address| address.is_loopback());
    if is_loopback {
        return Ok(());
    }
    Err(StartError::Refused(format!(
        "{setting} = {address:?}: dev has published credentials and listens on loopback only; use \
         serve"
    )))
}

async fn open_all(namespaces: &Namespaces, fronts: &[Front]) -> Result<(), StartError> {
    for info in namespaces.list()? {
        let namespace = namespaces.get(&info.name)?;
        for front in fronts {
            namespace.open(Arc::clone(&front.system)).await?;
        }
    }
    Ok(())
}

fn load_tls(settings: &Settings, workers: &Workers) -> Result<Option<Tls>, StartError> {
    let (cert, key) = (&settings.tls.cert_path, &settings.tls.key_path);
    match (cert.as_os_str().is_empty(), key.as_os_str().is_empty()) {
        (true, true) => Ok(None),
        (false, false) => {
            let tls = Tls::load(cert, key)?;
            keep_certificates_fresh(&tls, workers);
            Ok(Some(tls))
        }
        _ => Err(StartError::Refused(
            "tls.cert_path and tls.key_path go together: set both or none".to_owned(),
        )),
    }
}

/// What serves a listener that has its address.
type Serve = Box<dyn FnOnce(Bound, Option<Tls>, Drain) + Send>;

/// Those of the edge and of every system's own doors.
async fn take_addresses(
    settings: &Settings,
    mode: Mode,
    fronts: &mut [Front],
) -> Result<(Bound, Vec<(DoorAddress, Bound, Serve)>), StartError> {
    let edge = settings.edge.bind("edge", "edge.listen", &settings.edge.listen);
    if mode == Mode::Dev {
        let own = fronts.iter().flat_map(|front| &front.doors).map(|door| &door.bind);
        std::iter::once(&edge).chain(own).try_for_each(refuse_public)?;
    }
    let edge = bind(&edge).await?;
    let mut taken = Vec::new();
    for front in fronts {
        for door in front.doors.drain(..) {
            let bound = bind(&door.bind).await?;
            let (key, is_http, address) = (door.key, door.is_http, bound.address());
            let address = DoorAddress { system: front.name, key, is_http, address };
            taken.push((address, bound, door.serve));
        }
    }
    Ok((edge, taken))
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

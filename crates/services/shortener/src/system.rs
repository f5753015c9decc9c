//! The system as the house sees it: how an instance is opened, and the work it does on its own.

use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use kit::sql::{Migration, SqlError};
use kit::system::{Ctx, OpenError, System};

use crate::admin::base_policy;
use crate::clicks::{Clicks, FLUSH_EVERY};
use crate::code_scheme::CodeScheme;
use crate::codes::Codes;
use crate::hot::HotLinks;
use crate::in_step;
use crate::invalidation::Announcer;
use crate::invalidation::watcher::Watcher;
use crate::issuer::Issuer;
use crate::limit::Creations;
use crate::service::Shortener;
use crate::settings::Settings;
use crate::store;

/// How often links whose time is over are looked for.
const SWEEP_EVERY: Duration = Duration::from_secs(3_600);
/// Links swept in one transaction.
const SWEEP_BATCH: i64 = 1_000;

/// The shortener as one of the house's systems.
pub struct Shorteners {
    settings: Settings,
}

impl Shorteners {
    /// With these settings for every namespace.
    pub fn new(settings: Settings) -> Self {
        Self { settings }
    }

    /// The settings.
    pub fn settings(&self) -> &Settings {
        &self.settings
    }
}

impl System for Shorteners {
    const NAME: &'static str = "shortener";
    const MIGRATIONS: &'static [Migration] = &[
        Migration { number: 1, name: "links", sql: include_str!("../migrations/001_links.sql") },
        Migration {
            number: 2,
            name: "changes for other processes",
            sql: include_str!("../migrations/002_link_change.sql"),
        },
        Migration {
            number: 3,
            name: "codes by number",
            sql: include_str!("../migrations/003_codes_by_number.sql"),
        },
        Migration {
            number: 4,
            name: "runs of clicks",
            sql: include_str!("../migrations/004_click_runs.sql"),
        },
        Migration {
            number: 5,
            name: "processes on one database",
            sql: include_str!("../migrations/005_peer.sql"),
        },
    ];
    type Instance = Shortener;

    fn open(&self, ctx: Ctx) -> Result<Arc<Shortener>, OpenError> {
        let refused = |error: String| OpenError {
            system: Self::NAME,
            setting: "data.dir".to_owned(),
            what: error,
        };
        let runtime = tokio::runtime::Handle::current();
        let scheme = runtime.block_on(adopted_scheme(&self.settings, &ctx));
        let scheme = scheme.map_err(|error| refused(error.to_string()))?;
        // Before anything is read that a later change could make stale.
        let watcher = runtime.block_on(Watcher::start(&ctx.sql, ctx.entropy.text(16)));
        let watcher = watcher.map_err(|error| refused(error.to_string()))?;
        let clicks =
            Clicks::new(ctx.sql.clone(), ctx.clock.clone(), ctx.entropy.clone(), &ctx.metrics);
        runtime.block_on(clicks.renew_salt()).map_err(|error| refused(error.to_string()))?;
        runtime.block_on(clicks.find_runs()).map_err(|error| refused(error.to_string()))?;
        let codes = runtime.block_on(Codes::open(self.settings.hash, &ctx.sql, &ctx.metrics));
        let shortener = Arc::new(Shortener {
            codes: codes.map_err(|error| refused(error.to_string()))?,
            issuer: Issuer::new(ctx.sql.clone(), self.settings.issuer.clone(), scheme),
            hot: HotLinks::new(self.settings.cache_bytes),
            policy: ArcSwap::from_pointee(base_policy(&self.settings)),
            domains: ArcSwap::default(),
            clicks: Arc::new(clicks),
            entropy: ctx.entropy,
            creations: Creations::new(&self.settings),
            announcer: Announcer::of(&ctx.sql),
            watcher: watcher.map(Arc::new),
            reloading: tokio::sync::Mutex::default(),
            sql: ctx.sql,
            clock: ctx.clock,
            settings: self.settings.clone(),
        });
        runtime.block_on(shortener.reload_policy()).map_err(|error| refused(error.to_string()))?;
        start_workers(&shortener, &ctx.workers);
        Ok(shortener)
    }
}

/// The settings' way of writing numbers, under the store's own key.
async fn adopted_scheme(settings: &Settings, ctx: &Ctx) -> Result<CodeScheme, SqlError> {
    let (fresh, base62, obfuscate) = (ctx.entropy.bytes16(), settings.base62, settings.obfuscate);
    ctx.sql
        .write(move |tx| {
            let key = store::setting(tx, "permutation-key", || fresh.to_vec())?;
            let key = <[u8; 16]>::try_from(key).map_err(|key| {
                SqlError::Invalid(format!("the key of codes has {} bytes, not 16", key.len()))
            })?;
            let scheme = CodeScheme::new(base62, obfuscate, key);
            scheme.adopt(tx)?;
            Ok(scheme)
        })
        .await
}

fn start_workers(shortener: &Arc<Shortener>, workers: &kit::worker::Workers) {
    in_step::start(shortener, workers);
    let clicks = Arc::clone(&shortener.clicks);
    workers.every("shortener: write clicks", FLUSH_EVERY, move || {
        let clicks = Arc::clone(&clicks);
        async move {
            if let Err(error) = clicks.flush().await {
                tracing::warn!(%error, "clicks wait for the store");
            }
        }
    });
    let clicks = Arc::clone(&shortener.clicks);
    workers.at_leisure("shortener: add clicks up", FLUSH_EVERY, move || {
        let clicks = Arc::clone(&clicks);
        async move {
            clicks.add_up().await.unwrap_or_else(|error| {
                tracing::warn!(%error, "clicks wait to be added up");
                false
            })
        }
    });
    let swept = Arc::downgrade(shortener);
    workers.every("shortener: end expired links", SWEEP_EVERY, move || {
        let swept = swept.clone();
        async move {
            if let Some(shortener) = swept.upgrade()
                && let Err(error) = shortener.sweep(SWEEP_BATCH).await
            {
                tracing::warn!(%error, "expired links stay in the store for now");
            }
        }
    });
}

//! The system as the house sees it: how an instance is opened, and the work it does on its own.

use std::sync::Arc;
use std::time::Duration;

use kit::documents::Documents;
use kit::namespace::NamespaceName;
use kit::sql::Migration;
use kit::system::{Ctx, OpenError, System};
use kit::worker::Workers;
use parking_lot::Mutex;
use siphasher::sip128::{Hasher128, SipHasher13};

use crate::deferred::Deferred;
use crate::recording::Recording;
use crate::rule_files::{self, RuleFiles};
use crate::rule_metrics::RuleMetrics;
use crate::rules::{Rules, Secret};
use crate::service::{Decided, Limiter};
use crate::settings::Settings;
use crate::shared::{PROBE_EVERY, Shared, Sharing};
use crate::table::Table;

/// How often rule files are read again.
const RULES_EVERY: Duration = Duration::from_secs(1);
/// How often memory of callers that mean nothing is given back.
const SWEEP_EVERY: Duration = Duration::from_secs(10);

/// The limiter as one of the house's systems.
pub struct Limiters {
    settings: Settings,
    rule_metrics: RuleMetrics,
}

impl Limiters {
    /// With these settings for every namespace.
    pub fn new(settings: Settings) -> Self {
        Self { settings, rule_metrics: RuleMetrics::new() }
    }

    /// The settings.
    pub fn settings(&self) -> &Settings {
        &self.settings
    }
}

impl System for Limiters {
    const NAME: &'static str = "limiter";
    const MIGRATIONS: &'static [Migration] = &[Migration {
        number: 1,
        name: "requests for later",
        sql: include_str!("../migrations/001_deferred.sql"),
    }];
    type Instance = Limiter;

    fn open(&self, ctx: Ctx) -> Result<Arc<Limiter>, OpenError> {
        let refused = |setting: &str, what: String| OpenError {
            system: Self::NAME,
            setting: setting.to_owned(),
            what,
        };
        let settings = &self.settings;
        let is_default = ctx.namespace.as_str() == NamespaceName::DEFAULT;
        let folder = settings.rules.clone().filter(|_| is_default);
        let folder = Documents::new(folder.unwrap_or_else(|| ctx.dir.join("rules")));
        let shared = self.shared(&ctx).map_err(|what| refused("limiter.store", what))?;
        let runtime = tokio::runtime::Handle::current();
        if let Some(shared) = &shared {
            // A store that is down now is tried again; rules go their way until then.
            runtime.block_on(shared.probe());
        }
        let deferred = Deferred::new(ctx.sql.clone(), settings.deferred_max);
        let decided = ctx.metrics.counters(
            "backplane_limiter_decisions",
            "Requests ruled on, by verdict",
            &["verdict"],
        );
        let limiter = Arc::new(Limiter {
            rules: Rules::new(settings.algorithm),
            table: Table::new(settings.memory_bytes),
            secret: self.secret(&ctx),
            shared,
            deferred,
            recording: Recording::new(settings.recorded_decisions),
            offenders: Mutex::default(),
            rule_files: RuleFiles::new(folder, &ctx.metrics),
            decided: Decided {
                ok: decided.with(&["ok"]),
                over: decided.with(&["over_limit"]),
                queued: decided.with(&["queued"]),
            },
            anonymous: settings.anonymous,
            clock: ctx.clock,
            entropy: ctx.entropy,
        });
        // A mistake in a file must not take the service down: it decides by no rules, raises the
        // alarm, and takes the file once it is mended.
        rule_files::poll(&limiter);
        self.rule_metrics.watch(&limiter, &ctx.metrics);
        start_workers(&limiter, &ctx.workers);
        Ok(limiter)
    }
}

impl Limiters {
    fn shared(&self, ctx: &Ctx) -> Result<Option<Arc<Shared>>, String> {
        let Some(link) = self.settings.store.clone() else { return Ok(None) };
        let sharing = Sharing {
            prefix: format!("backplane:limiter:{{{}}}:", ctx.namespace),
            instance: ctx.entropy.text(8),
            instances: self.settings.store_instances,
        };
        Ok(Some(Arc::new(Shared::new(link, sharing, &ctx.metrics)?)))
    }

    /// By which callers are hashed: instances on one store have it in common.
    fn secret(&self, ctx: &Ctx) -> Secret {
        if self.settings.store.is_none() {
            return Secret(ctx.entropy.bytes16());
        }
        let mut hasher = SipHasher13::new();
        std::hash::Hasher::write(&mut hasher, self.settings.store_secret.as_bytes());
        Secret(hasher.finish128().as_bytes())
    }
}

fn start_workers(limiter: &Arc<Limiter>, workers: &Workers) {
    let polled = Arc::downgrade(limiter);
    workers.every("limiter: read rule files", RULES_EVERY, move || {
        let polled = polled.clone();
        async move {
            if let Some(limiter) = polled.upgrade() {
                // The disk may take its time.
                drop(tokio::task::spawn_blocking(move || rule_files::poll(&limiter)).await);
            }
        }
    });
    let swept = Arc::downgrade(limiter);
    workers.every("limiter: give memory back", SWEEP_EVERY, move || {
        if let Some(limiter) = swept.upgrade() {
            limiter.table.sweep(limiter.now_us());
        }
        std::future::ready(())
    });
    let Some(shared) = limiter.shared.clone() else { return };
    workers.every("limiter: try the store", PROBE_EVERY, move || {
        let shared = Arc::clone(&shared);
        async move { shared.probe().await }
    });
}

//! Keeping in step with other processes on the same database: see [`crate::invalidation`].

use std::sync::Arc;

use kit::clock;
use kit::worker::Workers;

use crate::invalidation::POLL_EVERY;
use crate::invalidation::snapshot::Stale;
use crate::invalidation::watcher::Watcher;
use crate::model::ShortenError;
use crate::service::Shortener;

impl Shortener {
    /// Whether what is in memory may be told to a visitor without asking the store.
    pub(crate) fn may_answer(&self) -> bool {
        self.watcher.as_ref().is_none_or(|watcher| watcher.may_answer())
    }

    /// Returns when what is in memory may be used: at once, unless this process has been away.
    pub(crate) async fn until_may_answer(&self) {
        if let Some(watcher) = &self.watcher {
            watcher.until_may_answer().await;
        }
    }

    /// Returns when a change that has been committed is in force in every process: a lease later at
    /// the latest.
    pub(crate) async fn until_in_force(&self) {
        if let Some(watcher) = &self.watcher {
            watcher.until_others_saw(&self.sql).await;
        }
    }

    /// Drops from memory what other processes have changed since the last time, and tells them so
    /// when one of them waits for it.
    async fn fall_in(&self, watcher: &Watcher, is_called: bool) -> Result<(), ShortenError> {
        if watcher.is_due() {
            watcher.renew(&self.sql).await?;
        }
        let found = watcher.look(&self.sql).await?;
        match &found.stale {
            Stale::Links(links) => links.iter().for_each(|address| self.hot.forget(address)),
            Stale::Everything => self.reload_policy().await?,
        }
        watcher.accept(found);
        if is_called {
            watcher.renew(&self.sql).await?;
        }
        Ok(())
    }
}

/// Starts what keeps `shortener` in step until it is closed; nothing where it is alone with its
/// store.
pub(crate) fn start(shortener: &Arc<Shortener>, workers: &Workers) {
    let Some(watcher) = shortener.watcher.clone() else { return };
    let (sql, shortener) = (shortener.sql.clone(), Arc::downgrade(shortener));
    workers.spawn("shortener: keep in step with other processes", |mut stop| async move {
        loop {
            let is_called = tokio::select! {
                () = clock::pause(POLL_EVERY) => false,
                () = watcher.called() => true,
                () = stop.wait() => break,
            };
            let Some(shortener) = shortener.upgrade() else { break };
            let done = shortener.fall_in(&watcher, is_called).await;
            if let Err(error) = &done {
                tracing::debug!(%error, "changes by other processes are not seen for now");
            }
            watcher.ended(done.is_ok());
        }
        if let Err(error) = watcher.leave(&sql).await {
            tracing::debug!(%error, "others will wait for the lease of this process");
        }
    });
}

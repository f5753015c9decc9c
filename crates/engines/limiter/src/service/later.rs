//! Queue mode as use cases: keep a request, hand out those whose turn it is, forget those done.

use kit::sql::SqlError;

use super::Limiter;
use crate::deferred::{DeferError, Waiting};
use crate::model::{Request, Ruling, Verdict};

/// Requests that are handed out at once.
pub const CLAIM_MAX: u32 = 1_000;

impl Limiter {
    /// Keeps a request that was ruled to be kept, with what is to be processed; gives its id.
    ///
    /// # Errors
    /// [`DeferError`]; then the request is to be refused.
    pub async fn defer(
        &self,
        request: &Request<'_>,
        ruling: &Ruling,
        payload: Vec<u8>,
    ) -> Result<i64, DeferError> {
        let over = ruling.statuses.iter().find(|status| status.is_over);
        let place = over.and_then(|status| status.rule.as_ref()).map(|rule| rule.place.as_str());
        self.deferred.keep(place.unwrap_or_default(), request, payload, self.clock.now()).await
    }

    /// Hands out the kept requests whose turn it is, at most `count`, in the order they came: from
    /// the first on, as long as their rules admit them. They are charged now.
    ///
    /// # Errors
    /// The store's own.
    pub async fn claim(&self, place: Option<&str>, count: u32) -> Result<Vec<Waiting>, SqlError> {
        let count = count.min(CLAIM_MAX);
        let waiting = self.deferred.first(place, self.clock.now(), count).await?;
        let mut claimed = Vec::new();
        for one in waiting {
            let request = one.request.request();
            // One that is no request any more could never be admitted; it is handed out as it is.
            let ruling = self.decide(&request).await.ok();
            if ruling.as_ref().is_some_and(|ruling| ruling.verdict != Verdict::Ok) {
                break;
            }
            if self.deferred.take(one.id, self.clock.now()).await? {
                claimed.push(one);
            } else if let Some(ruling) = ruling {
                let lease = ruling.lease.unwrap_or(0);
                // It was a request a moment ago.
                drop(self.give_back(&request, lease).await);
            }
        }
        Ok(claimed)
    }

    /// Forgets a request that was processed; whether it was there.
    ///
    /// # Errors
    /// The store's own.
    pub async fn done(&self, id: i64) -> Result<bool, SqlError> {
        self.deferred.done(id).await
    }

    /// How many requests wait, by rule.
    ///
    /// # Errors
    /// The store's own.
    pub async fn waiting(&self) -> Result<Vec<(String, i64)>, SqlError> {
        self.deferred.counts().await
    }
}

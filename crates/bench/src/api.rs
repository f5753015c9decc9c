//! Single requests outside the load loop: set-up, checks, and the timed calls of `platform`.

use std::time::Duration;

use serde::de::DeserializeOwned;

use crate::clock;
use crate::error::BenchError;
use crate::http::{Connection, HttpError};
use crate::target::{Call, Target};
use crate::traffic::describe;

/// A call that takes longer counts as failed. A fork of a large namespace is the slowest of them.
const CALL_TIMEOUT: Duration = Duration::from_secs(60);

/// A keep-alive connection to one server.
#[derive(Debug)]
pub(crate) struct Api {
    target: Target,
    connection: Connection,
}

/// A successful answer.
#[derive(Debug)]
pub(crate) struct Answer {
    /// The body.
    pub(crate) body: Vec<u8>,
    /// From the first byte sent to the last byte read.
    pub(crate) took: Duration,
}

impl Answer {
    /// The body as JSON.
    ///
    /// # Errors
    /// `BenchError::Unexpected` naming `what` was asked for.
    pub(crate) fn json<T: DeserializeOwned>(&self, what: &str) -> Result<T, BenchError> {
        serde_json::from_slice(&self.body).map_err(|error| BenchError::Unexpected {
            what: what.to_owned(),
            answer: format!("{error} in {}", String::from_utf8_lossy(&self.body)),
        })
    }
}

impl Api {
    /// Connects.
    ///
    /// # Errors
    /// `BenchError::Connect`.
    pub(crate) async fn open(target: &Target) -> Result<Self, BenchError> {
        let address = target.address;
        let opened = tokio::time::timeout(CALL_TIMEOUT, Connection::open(address)).await;
        let connection = opened
            .unwrap_or(Err(HttpError::TimedOut(CALL_TIMEOUT)))
            .map_err(|source| BenchError::Connect { address, source })?;
        Ok(Self { target: target.clone(), connection })
    }

    /// `GET path`, which must answer 2xx.
    ///
    /// # Errors
    /// `BenchError::Exchange` or, for another status, `BenchError::Unexpected`.
    pub(crate) async fn get(
        &mut self,
        path: &str,
        token: Option<&str>,
    ) -> Result<Answer, BenchError> {
        let request = self.target.get(path, token);
        self.send(&request, &format!("GET {path}")).await
    }

    /// `POST` of JSON, which must answer 2xx.
    ///
    /// # Errors
    /// As `get`.
    pub(crate) async fn post(&mut self, call: Call<'_>) -> Result<Answer, BenchError> {
        let mut request = Vec::new();
        self.target.post_json(&call, &mut request);
        self.send(&request, &format!("POST {} {}", call.path, call.body)).await
    }

    async fn send(&mut self, request: &[u8], what: &str) -> Result<Answer, BenchError> {
        if !self.connection.is_reusable() {
            *self = Self::open(&self.target).await?;
        }
        let sent = clock::now();
        let reply = tokio::time::timeout(CALL_TIMEOUT, self.connection.exchange(request))
            .await
            .unwrap_or(Err(HttpError::TimedOut(CALL_TIMEOUT)))
            .map_err(BenchError::exchange(what))?;
        let took = clock::now().saturating_duration_since(sent);
        if !(200..300).contains(&reply.status) {
            let answer = describe(&reply);
            return Err(BenchError::Unexpected { what: what.to_owned(), answer });
        }
        Ok(Answer { body: reply.body.to_vec(), took })
    }
}

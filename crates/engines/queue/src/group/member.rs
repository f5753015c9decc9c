//! One member and what it waits for.

use bytes::Bytes;

use super::model::{InstanceId, Join, Ticket};

/// How long a newcomer whose join is parked is kept without a sign of life. It cannot heartbeat
/// yet, so only this removes those whose client has given up (as in Kafka: 5 minutes).
const NEW_MEMBER_JOIN_TIMEOUT_MS: u64 = 300_000;

/// The request of a member that is parked. At most one: a newer one displaces it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Waiting {
    Join(Ticket),
    Sync(Ticket),
}

#[derive(Debug)]
pub(super) struct Member {
    pub(super) instance_id: Option<InstanceId>,
    pub(super) client_id: String,
    pub(super) client_host: String,
    pub(super) session_timeout_ms: u32,
    pub(super) rebalance_timeout_ms: u32,
    /// Best first.
    pub(super) protocols: Vec<(String, Bytes)>,
    /// The leader's plan for it in this generation.
    pub(super) assignment: Bytes,
    /// When it is dead unless heard from. Not in force while a request of it is parked, except
    /// for a newcomer.
    pub(super) expires_at_ms: u64,
    /// Has not been in a generation yet.
    pub(super) is_new: bool,
    /// Has asked for its part of the plan of this generation.
    pub(super) has_synced: bool,
    pub(super) waiting: Option<Waiting>,
}

impl Member {
    /// A newcomer.
    pub(super) fn new(join: Join, now_ms: u64) -> Self {
        Self {
            instance_id: join.identity.instance_id,
            client_id: join.client_id,
            client_host: join.client_host,
            session_timeout_ms: join.session_timeout_ms,
            rebalance_timeout_ms: join.rebalance_timeout_ms,
            protocols: join.protocols,
            assignment: Bytes::new(),
            expires_at_ms: now_ms.saturating_add(NEW_MEMBER_JOIN_TIMEOUT_MS),
            is_new: true,
            has_synced: false,
            waiting: None,
        }
    }

    /// Takes over what a rejoin says.
    pub(super) fn update(&mut self, join: Join) {
        self.client_id = join.client_id;
        self.client_host = join.client_host;
        self.session_timeout_ms = join.session_timeout_ms;
        self.rebalance_timeout_ms = join.rebalance_timeout_ms;
        self.protocols = join.protocols;
    }

    pub(super) fn heard_from(&mut self, now_ms: u64) {
        let expires_at_ms = now_ms.saturating_add(self.session_timeout_ms.into());
        // A newcomer's longer term is not cut short by an early heartbeat.
        self.expires_at_ms =
            if self.is_new { self.expires_at_ms.max(expires_at_ms) } else { expires_at_ms };
    }

    /// When it is to be taken for dead; none while it is the coordinator's turn to answer.
    pub(super) fn deadline_ms(&self) -> Option<u64> {
        (self.is_new || self.waiting.is_none()).then_some(self.expires_at_ms)
    }

    pub(super) fn awaits_join(&self) -> bool {
        matches!(self.waiting, Some(Waiting::Join(_)))
    }

    pub(super) fn take_parked_sync(&mut self) -> Option<Ticket> {
        let Some(Waiting::Sync(ticket)) = self.waiting else { return None };
        self.waiting = None;
        Some(ticket)
    }

    pub(super) fn take_parked_join(&mut self) -> Option<Ticket> {
        let Some(Waiting::Join(ticket)) = self.waiting else { return None };
        self.waiting = None;
        Some(ticket)
    }

    pub(super) fn supports(&self, protocol: &str) -> bool {
        self.protocols.iter().any(|(name, _)| name == protocol)
    }

    /// What it said for `protocol`; empty if it does not support it.
    pub(super) fn metadata(&self, protocol: &str) -> Bytes {
        let said = self.protocols.iter().find(|(name, _)| name == protocol);
        said.map(|(_, metadata)| metadata.clone()).unwrap_or_default()
    }

    /// Bytes that count towards the limits.
    pub(super) fn bytes(&self) -> usize {
        let instance_id = self.instance_id.as_ref().map_or(0, |id| id.as_str().len());
        instance_id + self.client_id.len() + self.client_host.len() + bytes_of(&self.protocols)
    }
}

/// Bytes of names and metadata, and of holding them, so that many empty ones count too.
pub(super) fn bytes_of(protocols: &[(String, Bytes)]) -> usize {
    let contents = protocols.iter().map(|(name, metadata)| name.len() + metadata.len());
    contents.sum::<usize>() + size_of_val(protocols)
}

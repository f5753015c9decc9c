//! Whose connection it is (KIP-43, KIP-152): SASL PLAIN (RFC 4616) carries a user's password, or
//! any name and a token.

use std::net::SocketAddr;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use bytes::Bytes;
use http::{HeaderMap, HeaderValue, header};
use kafka_protocol::ResponseError;
use kafka_protocol::messages::{
    SaslAuthenticateRequest, SaslAuthenticateResponse, SaslHandshakeRequest, SaslHandshakeResponse,
};
use kafka_protocol::protocol::StrBytes;
use kit::auth::AuthError;
use kit::door::{Caller, Door};
use parking_lot::Mutex;

use super::call::{Answer, Call};
use crate::system::Queues;

const PLAIN: &str = "PLAIN";

/// What a connection is known by.
pub(super) struct Session {
    pub(super) peer: SocketAddr,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    /// As HTTP would carry it, so that all doors share one way in. Empty: none was given.
    credential: HeaderMap,
    is_known: bool,
    is_chosen: bool,
}

impl Session {
    pub(super) fn new(peer: SocketAddr) -> Self {
        Self { peer, state: Mutex::default() }
    }

    /// Whether a credential has counted, or none was needed.
    pub(super) fn is_known(&self) -> bool {
        self.state.lock().is_known
    }

    /// Whose requests these are; looked up anew for each, so that a revoked credential counts no
    /// more and a namespace that was reset is the new one: two looks into memory.
    pub(super) async fn caller(&self, door: &Door<Queues>) -> Option<Caller<Queues>> {
        let credential = self.state.lock().credential.clone();
        let caller = self.try_credential(door, &credential).await;
        let caller = caller.inspect_err(|error| tracing::debug!(%error, "not let in")).ok()?;
        self.state.lock().is_known = true;
        Some(caller)
    }

    async fn try_credential(
        &self,
        door: &Door<Queues>,
        credential: &HeaderMap,
    ) -> Result<Caller<Queues>, String> {
        let told = |error: AuthError| error.to_string();
        let principal = match door.auth.known(credential) {
            Some(principal) => principal,
            None => {
                let source = Some(self.peer.ip());
                door.auth.authenticate_from(credential, source).await.map_err(told)?
            }
        };
        let room =
            door.rooms.open(&principal.namespace).await.map_err(|error| error.to_string())?;
        Ok(Caller { principal, room })
    }
}

/// Agrees on how a credential is shown.
pub(super) fn handshake(mut call: Call) -> Answer {
    let request: SaslHandshakeRequest = call.decode()?;
    let is_plain = &*request.mechanism == PLAIN;
    call.session.state.lock().is_chosen = is_plain;
    let code = if is_plain { 0 } else { ResponseError::UnsupportedSaslMechanism.code() };
    let mechanisms = vec![StrBytes::from_static_str(PLAIN)];
    let answer = SaslHandshakeResponse::default().with_error_code(code);
    call.encode(&answer.with_mechanisms(mechanisms))
}

/// Takes a credential.
pub(super) async fn authenticate(mut call: Call) -> Answer {
    let request: SaslAuthenticateRequest = call.decode()?;
    let answer = SaslAuthenticateResponse::default();
    let session = call.session.clone();
    let refused = |code: ResponseError, what: String| {
        let message = Some(StrBytes::from_string(what));
        SaslAuthenticateResponse::default().with_error_code(code.code()).with_error_message(message)
    };
    if !session.state.lock().is_chosen {
        let what = "name the mechanism by SaslHandshake first".to_owned();
        return call.encode(&refused(ResponseError::IllegalSaslState, what));
    }
    let Some(credential) = plain(&request.auth_bytes) else {
        let what = "PLAIN takes a zero byte, the user, a zero byte and the password".to_owned();
        return call.encode(&refused(ResponseError::SaslAuthenticationFailed, what));
    };
    match session.try_credential(&call.kafka.door, &credential).await {
        Ok(_) => {
            let mut state = session.state.lock();
            (state.credential, state.is_known) = (credential, true);
            drop(state);
            call.encode(&answer)
        }
        Err(what) => call.encode(&refused(ResponseError::SaslAuthenticationFailed, what)),
    }
}

/// A credential as PLAIN has it: an identity to act for, which is not looked at, the name, the
/// password.
fn plain(bytes: &Bytes) -> Option<HeaderMap> {
    let mut parts = bytes.splitn(3, |byte| *byte == 0);
    let (_, user, password) = (parts.next()?, parts.next()?, parts.next()?);
    let pair = [user, b":", password].concat();
    let value = HeaderValue::from_str(&format!("Basic {}", BASE64_STANDARD.encode(pair))).ok()?;
    Some(HeaderMap::from_iter([(header::AUTHORIZATION, value)]))
}

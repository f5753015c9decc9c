//! A device without a browser waits while its person answers on another machine (RFC 8628).

use std::net::IpAddr;
use std::time::Duration;

use super::client::{ClientCredential, ClientInfo, GrantKind};
use super::store::{self, DeviceRow, GrantRow};
use super::{
    DEVICE_FOR, DEVICE_INTERVAL, DEVICE_PREFIX, DEVICES_MAX, OAuthError, authorize, clients, mint,
    user_code,
};
use crate::auth::attempts::Key;
use crate::auth::login::too_many;
use crate::auth::token::Digest;
use crate::auth::{Auth, Login, Scopes, Secret};
use crate::clock::Timestamp;
use crate::sql::{SqlError, Tx};

/// What a device is told to begin with.
#[derive(Clone, Debug)]
pub struct DeviceStart {
    /// For the device: what it asks about.
    pub device_code: Secret,
    /// For the person: what they type, such as `WDJB-MJHT`.
    pub user_code: String,
    /// How long both count.
    pub expires_in: Duration,
    /// How long to wait between two questions.
    pub interval: Duration,
}

/// What a person is asked, once they have typed a code.
#[derive(Clone, Debug)]
pub struct DeviceAsked {
    /// As it is shown.
    pub user_code: String,
    /// Who asks.
    pub client_name: String,
    /// For what.
    pub scopes: Scopes,
}

/// What the person says.
#[derive(Clone, Debug)]
pub enum Decision {
    /// Yes, and who they are.
    Allow(Login),
    /// No.
    Deny,
}

impl Auth {
    /// Begins a device's wait for its person.
    ///
    /// # Errors
    /// [`OAuthError::InvalidClient`], [`OAuthError::UnauthorizedClient`],
    /// [`OAuthError::InvalidScope`], [`OAuthError::TooManyDevices`], [`OAuthError::Auth`].
    pub async fn begin_device(
        &self,
        credential: ClientCredential,
        scope: Option<String>,
    ) -> Result<DeviceStart, OAuthError> {
        let now = self.0.clock.now();
        let (secret, code) =
            (mint(DEVICE_PREFIX, &self.0.entropy), user_code::draw(&self.0.entropy));
        let digests = (Digest::of(secret.expose()), Digest::of(&code));
        let write = move |tx: &mut Tx<'_>| {
            let client = clients::shown(tx, &credential)?;
            client.require(GrantKind::DeviceCode)?;
            let row = DeviceRow {
                client_id: client.id.clone(),
                scopes: client.scopes_asked(scope.as_deref())?,
                grant_id: None,
                is_denied: false,
                interval_seconds: DEVICE_INTERVAL.as_secs().cast_signed(),
                polled_at: None,
                expires_at: now.plus(DEVICE_FOR),
            };
            if store::count_devices(tx, now)? >= DEVICES_MAX {
                return Err(OAuthError::TooManyDevices);
            }
            Ok::<_, OAuthError>(store::insert_device(tx, (&digests.0, &digests.1), &row)?)
        };
        self.0.db.write(write).await?;
        Ok(DeviceStart {
            device_code: secret,
            user_code: user_code::shown(&code),
            expires_in: DEVICE_FOR,
            interval: DEVICE_INTERVAL,
        })
    }

    /// Who waits under the code that a person typed. Wrong codes are counted against the address
    /// that they come from, as wrong passwords are.
    ///
    /// # Errors
    /// [`OAuthError::InvalidGrant`] when nobody waits under it, [`OAuthError::Auth`].
    pub async fn device_asked(
        &self,
        typed: &str,
        source: Option<IpAddr>,
    ) -> Result<DeviceAsked, OAuthError> {
        let (code, waiting, client) = self.waiting(typed, source).await?;
        let user_code = user_code::shown(&code);
        Ok(DeviceAsked { user_code, client_name: client.name, scopes: waiting.scopes })
    }

    /// Stores what the person says to the device that waits under their code.
    ///
    /// # Errors
    /// As [`Auth::device_asked`], and as [`Auth::allow`] for a consent.
    pub async fn decide_device(
        &self,
        typed: &str,
        decision: Decision,
        source: Option<IpAddr>,
    ) -> Result<(), OAuthError> {
        let (code, waiting, client) = self.waiting(typed, source).await?;
        let digest = Digest::of(&code);
        let Decision::Allow(attempt) = decision else {
            let write = move |tx: &mut Tx<'_>| store::answer_device(tx, &digest, None);
            self.0.db.write::<_, SqlError>(write).await?;
            return Ok(());
        };
        let turn = self.turn(&attempt.user, attempt.source).await?;
        let proof = self.prove(turn, attempt.password).await?;
        let now = self.0.clock.now();
        let grant = self.grant(&client, waiting.scopes, &proof, now);
        let write = move |tx: &mut Tx<'_>| {
            // Asked again: someone else may have answered while the password was looked at.
            store::find_waiting(tx, &digest, now)?.ok_or(NOBODY)?;
            authorize::begin_grant(tx, &grant, (&proof, &client.name))?;
            store::answer_device(tx, &digest, Some(&grant.id))?;
            Ok::<_, OAuthError>(())
        };
        self.0.db.write(write).await
    }

    async fn waiting(
        &self,
        typed: &str,
        source: Option<IpAddr>,
    ) -> Result<(String, DeviceRow, ClientInfo), OAuthError> {
        let now = self.0.clock.now();
        let keys: Vec<Key> = source.map(Key::source).into_iter().collect();
        self.0.attempts.lock().charge(&keys, now).map_err(too_many)?;
        let code = user_code::typed(typed).ok_or(NOBODY)?;
        let digest = Digest::of(&code);
        let find = move |tx: &mut Tx<'_>| {
            let Some(device) = store::find_waiting(tx, &digest, now)? else { return Ok(None) };
            let client = store::find_client(tx, &device.client_id)?;
            Ok(client.map(|client| (device, client.info)))
        };
        let found = self.0.db.read::<_, SqlError>(find).await?;
        let (device, client) = found.ok_or(NOBODY)?;
        self.0.attempts.lock().refund(&keys);
        Ok((code, device, client))
    }
}

const NOBODY: OAuthError =
    OAuthError::InvalidGrant("no device waits under this code; look at it again");

/// What a device that asks is told: the consent, or why there is none. The refusal within is to
/// be kept with what it has changed.
pub(super) fn answer(
    tx: &mut Tx<'_>,
    client: &ClientInfo,
    digest: &Digest,
    now: Timestamp,
) -> Result<Result<GrantRow, OAuthError>, OAuthError> {
    const UNKNOWN: OAuthError =
        OAuthError::InvalidGrant("the device code is unknown, used, or another client's");
    let device = store::find_device(tx, digest)?.ok_or(UNKNOWN)?;
    if device.client_id != client.id {
        return Err(UNKNOWN);
    }
    if now >= device.expires_at {
        return Err(OAuthError::ExpiredToken);
    }
    let interval = Duration::from_secs(device.interval_seconds.unsigned_abs());
    let is_early = device.polled_at.is_some_and(|last| now < last.plus(interval));
    let next = if is_early { interval + DEVICE_INTERVAL } else { interval };
    store::poll_device(tx, digest, next.as_secs().cast_signed(), now)?;
    if is_early {
        return Ok(Err(OAuthError::SlowDown));
    }
    if device.is_denied {
        store::remove_device(tx, digest)?;
        return Ok(Err(OAuthError::AccessDenied));
    }
    let Some(id) = device.grant_id else { return Ok(Err(OAuthError::AuthorizationPending)) };
    store::remove_device(tx, digest)?;
    Ok(Ok(store::find_grant(tx, &id)?.ok_or(UNKNOWN)?))
}

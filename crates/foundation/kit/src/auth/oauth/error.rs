//! A refusal in OAuth's own words (RFC 6749, 4.1.2.1 and 5.2; RFC 8628, 3.5).

use http::StatusCode;
use thiserror::Error;

use crate::auth::AuthError;
use crate::sql::SqlError;

/// Why a client gets no token. The text is for people, [`OAuthError::code`] for programs; neither
/// ever holds a code, token or secret.
#[derive(Clone, Debug, Error)]
pub enum OAuthError {
    /// A parameter is missing, came twice or cannot be.
    #[error("{0}")]
    InvalidRequest(&'static str),
    /// There is no such client, or it did not prove who it is.
    #[error("unknown client, or its secret is wrong or missing")]
    InvalidClient,
    /// The code or token was never given, was given to another, is over or was taken back.
    #[error("{0}")]
    InvalidGrant(&'static str),
    /// A code or refresh token came a second time: whoever holds it may have stolen it.
    #[error("it was used before, so all that came of it has been revoked; ask the user again")]
    Reused,
    /// The client is not registered for this.
    #[error("the client is not registered for the grant {0}")]
    UnauthorizedClient(&'static str),
    /// No such grant is known here.
    #[error("this kind of grant is unknown here")]
    UnsupportedGrantType,
    /// Only codes are given.
    #[error("the only response_type is code")]
    UnsupportedResponseType,
    /// The scopes are none, or not the client's.
    #[error("{0}")]
    InvalidScope(String),
    /// The user said no, or has nothing of what was asked for.
    #[error("the user has not allowed it")]
    AccessDenied,
    /// Nobody has answered yet.
    #[error("nobody has answered yet; ask again after the interval")]
    AuthorizationPending,
    /// The device asks too often; its interval has become longer by five seconds.
    #[error("asked too soon; the interval is five seconds longer now")]
    SlowDown,
    /// Nobody has answered in time.
    #[error("the device code has expired; begin again")]
    ExpiredToken,
    /// Too many devices wait.
    #[error("too many devices wait for an answer; try again later")]
    TooManyDevices,
    /// Credentials could not be looked at.
    #[error(transparent)]
    Auth(#[from] AuthError),
}

impl From<SqlError> for OAuthError {
    fn from(error: SqlError) -> Self {
        Self::Auth(error.into())
    }
}

impl OAuthError {
    /// The registered error code.
    pub fn code(&self) -> &'static str {
        match self {
            Self::InvalidRequest(_) => "invalid_request",
            Self::InvalidClient => "invalid_client",
            Self::InvalidGrant(_) | Self::Reused => "invalid_grant",
            Self::UnauthorizedClient(_) => "unauthorized_client",
            Self::UnsupportedGrantType => "unsupported_grant_type",
            Self::UnsupportedResponseType => "unsupported_response_type",
            Self::InvalidScope(_) => "invalid_scope",
            Self::AccessDenied => "access_denied",
            Self::AuthorizationPending => "authorization_pending",
            Self::SlowDown => "slow_down",
            Self::ExpiredToken => "expired_token",
            Self::TooManyDevices => "temporarily_unavailable",
            Self::Auth(error) if self.status().is_server_error() => match error {
                AuthError::Store(store) if store.is_temporary() => "temporarily_unavailable",
                _ => "server_error",
            },
            Self::Auth(_) => "access_denied",
        }
    }

    /// The HTTP status that a token endpoint answers with.
    pub fn status(&self) -> StatusCode {
        match self {
            Self::InvalidClient => StatusCode::UNAUTHORIZED,
            Self::TooManyDevices => StatusCode::SERVICE_UNAVAILABLE,
            Self::Auth(error) => error.status(),
            _ => StatusCode::BAD_REQUEST,
        }
    }
}

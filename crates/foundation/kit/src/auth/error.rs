//! Why a caller was not let in, or not let do something.

use http::StatusCode;
use thiserror::Error;

use super::jwt::JwtRefusal;
use crate::sql::SqlError;

/// A refusal of [`super::Auth`]. No variant ever holds a credential or a part of one.
#[derive(Clone, Debug, Error)]
pub enum AuthError {
    /// No credential came with the request, and anonymous callers are not served.
    #[error("no credential: send `Authorization: Bearer TOKEN` or `X-Api-Key: TOKEN`")]
    Missing,
    /// The credential is none of ours. Unknown and wrong are never told apart.
    #[error("unknown credential: check the token, or the user name and password")]
    Unknown,
    /// The credential cannot be right whatever is stored; the text says what is amiss.
    #[error("malformed credential: {0}")]
    Malformed(&'static str),
    /// The token was right until its time ran out.
    #[error("the token has expired: make a new one or log in again")]
    Expired,
    /// The token was taken back, or its user disabled.
    #[error("the token has been revoked: ask an administrator for a new one")]
    Revoked,
    /// The JWT of another issuer failed a check.
    #[error("the JWT is refused: {0}")]
    Jwt(#[from] JwtRefusal),
    /// The caller is known and may not do this.
    #[error("not allowed: this needs {0}")]
    Forbidden(String),
    /// Too many failed log-ins, or too many at once.
    #[error("too many log-in attempts: try again in {retry_after_s} s")]
    TooMany {
        /// Whole seconds until an attempt is considered again, at least 1.
        retry_after_s: u64,
    },
    /// A new user, role or token was asked for in terms that cannot be.
    #[error("{0}")]
    Invalid(String),
    /// There is no such user, role or token, or not for this caller.
    #[error("there is no {0}")]
    NotFound(String),
    /// The name is taken.
    #[error("{0} exists already: choose another name")]
    Exists(String),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] SqlError),
}

impl AuthError {
    /// The HTTP status that a front door answers with.
    pub fn status(&self) -> StatusCode {
        match self {
            Self::Missing
            | Self::Unknown
            | Self::Malformed(_)
            | Self::Expired
            | Self::Revoked
            | Self::Jwt(_) => StatusCode::UNAUTHORIZED,
            Self::Forbidden(_) => StatusCode::FORBIDDEN,
            Self::TooMany { .. } => StatusCode::TOO_MANY_REQUESTS,
            Self::Invalid(_) => StatusCode::UNPROCESSABLE_ENTITY,
            Self::NotFound(_) => StatusCode::NOT_FOUND,
            Self::Exists(_) => StatusCode::CONFLICT,
            Self::Store(error) if error.is_temporary() => StatusCode::SERVICE_UNAVAILABLE,
            Self::Store(_) => StatusCode::INTERNAL_SERVER_ERROR,
        }
    }
}

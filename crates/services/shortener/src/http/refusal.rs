//! The service's refusals as problem documents.

use http::StatusCode;
use kit::http::Problem;

use crate::model::ShortenError;

impl From<ShortenError> for Problem {
    fn from(error: ShortenError) -> Self {
        let text = error.to_string();
        let problem = |status, kind, title| Self::new(status, kind, title).detail(text.clone());
        match error {
            ShortenError::Target(_) => {
                problem(StatusCode::BAD_REQUEST, "long-url", "The long URL is not acceptable")
            }
            ShortenError::Alias(_) => {
                problem(StatusCode::BAD_REQUEST, "alias", "The alias is not acceptable")
            }
            ShortenError::Field { field, .. } => {
                problem(StatusCode::BAD_REQUEST, "field", "A field is out of bounds")
                    .with("field", field)
            }
            ShortenError::UnknownDomain(_) => {
                problem(StatusCode::BAD_REQUEST, "unknown-domain", "The domain is not yours")
            }
            ShortenError::Taken(_) => {
                problem(StatusCode::CONFLICT, "alias-taken", "The alias is taken")
            }
            ShortenError::Shared(_) => {
                problem(StatusCode::CONFLICT, "shared-link", "Others hold this link")
            }
            ShortenError::NotFound(_) => {
                problem(StatusCode::NOT_FOUND, "no-such-link", "There is no such link")
            }
            ShortenError::Gone(_) => problem(StatusCode::GONE, "link-gone", "The link is gone"),
            ShortenError::NotYet(_) => {
                problem(StatusCode::NOT_FOUND, "link-not-yet", "The link is not active yet")
            }
            ShortenError::NotCreator => {
                problem(StatusCode::FORBIDDEN, "not-creator", "Somebody else's link")
            }
            ShortenError::Immutable => {
                problem(StatusCode::FORBIDDEN, "immutable", "Links cannot be changed here")
            }
            ShortenError::NoCredential => Self::unauthorized(text),
            ShortenError::PasswordNeeded => {
                problem(StatusCode::FORBIDDEN, "password-needed", "A password is needed")
            }
            ShortenError::Limited(seconds) => Self::too_many(text).retry_after(seconds),
            ShortenError::NoCode(_) => Self::unavailable(text).retry_after(5),
            ShortenError::Store(error) => error.into(),
        }
    }
}

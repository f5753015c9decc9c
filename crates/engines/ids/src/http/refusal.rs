//! What the service refuses, as problem documents.

use http::StatusCode;
use kit::http::Problem;

use crate::model::IdError;

impl From<IdError> for Problem {
    fn from(error: IdError) -> Self {
        let text = error.to_string();
        let unsafe_clock = |kind| {
            Self::new(StatusCode::SERVICE_UNAVAILABLE, kind, "No id can be made now")
                .detail(text.clone())
                .retry_after(1)
        };
        match error {
            IdError::ClockBehind { .. } => unsafe_clock("clock-behind"),
            IdError::ClockJumped { .. } => unsafe_clock("clock-jumped"),
            IdError::ClockUnkept(_) => unsafe_clock("clock-unkept"),
            IdError::ClockStands => unsafe_clock("clock-stands"),
            IdError::NoWorker(_) | IdError::Lost => unsafe_clock("no-worker"),
            IdError::RangesAhead { .. } => unsafe_clock("ranges-ahead"),
            IdError::Layout(_) => {
                Self::new(StatusCode::UNPROCESSABLE_ENTITY, "id-layout", "No id can say this")
                    .detail(text)
            }
            IdError::Count { .. } | IdError::NoId(_) | IdError::Name(_) => Self::bad_request(text),
            IdError::Ticket(_) => Self::conflict(text),
            IdError::Refused(error) => error.into(),
            IdError::Store(error) => error.into(),
        }
    }
}

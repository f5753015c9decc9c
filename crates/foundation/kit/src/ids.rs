//! The port of ids: a system asks for unique numbers that rise with time, and cannot tell who makes
//! them.

use std::sync::{Arc, OnceLock};

use thiserror::Error;

use crate::http::BoxFuture;
use crate::namespace::NamespaceName;

/// Who makes ids for the systems of every namespace. Set once, by whoever wires the house.
pub trait IdSource: Send + Sync {
    /// The next id without waiting for anything; none: ask [`IdSource::next`].
    fn next_now(&self, namespace: &NamespaceName) -> Option<u64>;

    /// The next id.
    fn next<'s>(&'s self, namespace: &'s NamespaceName) -> BoxFuture<'s, Result<u64, IdsError>>;
}

/// Why there is no id.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum IdsError {
    /// The engine of ids is switched off.
    #[error("ids are not made here: switch the system ids on")]
    NotThere,
    /// It makes none at the moment, and says why.
    #[error("{0}")]
    Refused(String),
}

/// The ids of one namespace, cheap to clone.
#[derive(Clone)]
pub struct Ids {
    namespace: NamespaceName,
    source: Seat,
}

/// Where the source is put once there is one.
pub(crate) type Seat = Arc<OnceLock<Arc<dyn IdSource>>>;

impl Ids {
    pub(crate) fn new(namespace: NamespaceName, source: Seat) -> Self {
        Self { namespace, source }
    }

    /// None at all, for an instance that is opened by itself.
    pub fn absent() -> Self {
        Self { namespace: NamespaceName::default_name(), source: Seat::default() }
    }

    /// The next id: positive as a signed number, larger than any given out before in this process.
    ///
    /// # Errors
    /// [`IdsError`].
    pub async fn next_id(&self) -> Result<u64, IdsError> {
        let source = self.source.get().ok_or(IdsError::NotThere)?;
        match source.next_now(&self.namespace) {
            Some(id) => Ok(id),
            None => source.next(&self.namespace).await,
        }
    }
}

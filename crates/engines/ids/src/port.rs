//! Ids for the other systems of a namespace: [`kit::ids`] answered from here.

use kit::http::BoxFuture;
use kit::ids::{IdSource, IdsError};
use kit::namespace::NamespaceName;
use kit::system::Rooms;

use crate::system::IdGenerators;

/// The generators of all namespaces, as the house hands them out.
pub struct Port(pub Rooms<IdGenerators>);

impl IdSource for Port {
    fn next_now(&self, namespace: &NamespaceName) -> Option<u64> {
        self.0.opened(namespace)?.next_now()
    }

    fn next<'s>(&'s self, namespace: &'s NamespaceName) -> BoxFuture<'s, Result<u64, IdsError>> {
        Box::pin(async move {
            let refused = |error: &dyn std::fmt::Display| IdsError::Refused(error.to_string());
            let ids = self.0.open(namespace).await.map_err(|error| refused(&error))?;
            ids.next_id().await.map_err(|error| refused(&error))
        })
    }
}

//! Calls to the disk, beside the tasks that wait for them.

use std::io;

use kit::machine;

use crate::error::QueueError;

/// Runs `work` where it may take its time.
pub(crate) async fn blocking<T, E>(
    work: impl FnOnce() -> Result<T, E> + Send + 'static,
) -> Result<T, QueueError>
where
    T: Send + 'static,
    E: Send + 'static + Into<QueueError>,
{
    match machine::blocking(work).await {
        Ok(done) => done.map_err(Into::into),
        Err(unfinished) => Err(io::Error::other(unfinished.to_string()).into()),
    }
}

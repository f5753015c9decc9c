//! The house's own files in a backup.

use std::path::Path;

use super::Platform;
use crate::backup::BackupError;

impl Platform {
    /// Copies the credentials beside the namespaces, as they are at this moment.
    pub(super) fn snapshot_control(&self, to: &Path) -> Result<(), BackupError> {
        let from = self.data.path().join("control");
        if !from.exists() {
            return Ok(());
        }
        let to = to.join("control");
        self.control.snapshot(&from, &to).map_err(|error| BackupError::Io(to.clone(), error))
    }
}

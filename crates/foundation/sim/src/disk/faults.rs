//! How a disk misbehaves: within its fault model (calls that fail, space that runs out), and, to
//! test the tests, outside of it (a disk that lies).

/// Why a call fails.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Failure {
    /// The device reports an error: EIO. A flush may have written any part.
    Io,
    /// ENOSPC, for a call that needs room; EIO for any other.
    Full,
    /// A write or read that ends half-way, without an error; EIO for any other.
    Short,
}

/// Calls that are counted: all that reach the device or the file system's tables.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Schedule {
    /// The call, counted from 1, that fails, and how.
    pub(super) fail: Option<(u64, Failure)>,
    /// The call, counted from 1, before which the power goes.
    pub(super) power_loss: Option<u64>,
}

/// A promise that the disk breaks: a planted bug below the store.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lie {
    /// Flushes of files whose name ends so do nothing.
    FlushesNothing(&'static str),
    /// Flushes of folders do nothing.
    FlushesNoFolder,
    /// Every file claims to have one name only.
    HidesLinks,
    /// A flush reports success when it failed.
    HidesFailedFlushes,
}

//! The file layer on a simulated disk: SQLite's calls, made as `unix-none` makes them.
//!
//! Source: `unixRead`, `unixWrite`, `unixSync`, `unixAccess` and `unixDelete` of SQLite's
//! `os_unix.c`. In particular: the first flush of a journal or log flushes its folder too, a range
//! that is written leaves the bytes beside it alone (`SQLITE_IOCAP_POWERSAFE_OVERWRITE`), and a
//! full disk is told apart from a broken one.

use std::ffi::{CStr, OsStr, c_char, c_int, c_void};
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rusqlite::ffi;

use crate::disk::{Disk, DiskFile, Open};
use crate::machine::Machine;

const SECTOR_BYTES: c_int = 4_096;

/// The start of what SQLite allocated for the file; the shared memory's part comes behind.
#[repr(C)]
struct Slot {
    methods: *const ffi::sqlite3_io_methods,
    opened: *mut Opened,
}

struct Opened {
    file: Box<dyn DiskFile>,
    path: PathBuf,
    machine: Arc<dyn Machine>,
    delete_on_close: bool,
    /// Whether the next flush is to flush the folder too.
    is_new: bool,
}

static METHODS: ffi::sqlite3_io_methods = ffi::sqlite3_io_methods {
    iVersion: 2,
    xClose: Some(close),
    xRead: Some(read),
    xWrite: Some(write),
    xTruncate: Some(truncate),
    xSync: Some(sync),
    xFileSize: Some(file_size),
    xLock: Some(lock),
    xUnlock: Some(lock),
    xCheckReservedLock: Some(check_reserved_lock),
    xFileControl: Some(file_control),
    xSectorSize: Some(sector_size),
    xDeviceCharacteristics: Some(device_characteristics),
    xShmMap: Some(super::shm_map),
    xShmLock: Some(super::shm_lock),
    xShmBarrier: Some(super::shm_barrier),
    xShmUnmap: Some(super::shm_unmap),
    xFetch: None,
    xUnfetch: None,
};

/// # Safety
/// `name` must be a NUL-terminated string that outlives the path.
pub(super) unsafe fn path_of<'n>(name: *const c_char) -> &'n Path {
    // SAFETY: the caller's promise.
    Path::new(OsStr::from_bytes(unsafe { CStr::from_ptr(name) }.to_bytes()))
}

/// Opens a file of `machine`.
///
/// # Safety
/// SQLite's rules for `xOpen`; `file` has room for a [`Slot`] before the tail.
pub(super) unsafe fn open(
    machine: Arc<dyn Machine>,
    name: ffi::sqlite3_filename,
    file: *mut ffi::sqlite3_file,
    flags: c_int,
    out_flags: *mut c_int,
) -> c_int {
    let slot: *mut Slot = file.cast();
    // SAFETY: SQLite allocated the room; without methods it does not call `xClose`.
    unsafe { slot.write(Slot { methods: std::ptr::null(), opened: std::ptr::null_mut() }) };
    let has = |flag| flags & flag != 0;
    // SAFETY: SQLite passes a NUL-terminated name that lives longer than the file.
    let path = unsafe { path_of(name) }.to_owned();
    let how = match (has(ffi::SQLITE_OPEN_READWRITE), has(ffi::SQLITE_OPEN_CREATE)) {
        (true, true) => Open::Create,
        (true, false) => Open::Write,
        (false, _) => Open::Read,
    };
    let journal =
        ffi::SQLITE_OPEN_SUPER_JOURNAL | ffi::SQLITE_OPEN_MAIN_JOURNAL | ffi::SQLITE_OPEN_WAL;
    let Ok(opened) = machine.disk().open(&path, how) else { return ffi::SQLITE_CANTOPEN };
    let opened = Opened {
        file: opened,
        path,
        machine,
        delete_on_close: has(ffi::SQLITE_OPEN_DELETEONCLOSE),
        is_new: has(ffi::SQLITE_OPEN_CREATE) && has(journal),
    };
    // SAFETY: as above; `out_flags` is null or SQLite's place for the answer.
    unsafe {
        slot.write(Slot { methods: &METHODS, opened: Box::into_raw(Box::new(opened)) });
        if !out_flags.is_null() {
            out_flags.write(flags);
        }
    }
    ffi::SQLITE_OK
}

/// Takes a file's name away.
///
/// # Safety
/// SQLite's rules for `xDelete`.
pub(super) unsafe fn delete(disk: &dyn Disk, name: *const c_char, flush_folder: c_int) -> c_int {
    // SAFETY: the caller's promise.
    let path = unsafe { path_of(name) };
    match disk.remove_file(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => ffi::SQLITE_IOERR_DELETE_NOENT,
        Err(_) => ffi::SQLITE_IOERR_DELETE,
        Ok(()) if flush_folder != 0 => {
            let flushed = path.parent().map_or(Ok(()), |folder| disk.flush_folder(folder));
            flushed.map_or(ffi::SQLITE_IOERR_DIR_FSYNC, |()| ffi::SQLITE_OK)
        }
        Ok(()) => ffi::SQLITE_OK,
    }
}

/// Whether a file is there; an empty one counts as missing.
///
/// # Safety
/// SQLite's rules for `xAccess`.
pub(super) unsafe fn access(disk: &dyn Disk, name: *const c_char, out: *mut c_int) -> c_int {
    // SAFETY: the caller's promise.
    let there = disk.metadata(unsafe { path_of(name) }).is_ok_and(|file| file.bytes > 0);
    // SAFETY: `out` is SQLite's place for the answer.
    unsafe { out.write(c_int::from(there)) };
    ffi::SQLITE_OK
}

/// # Safety
/// `file` must have been opened by [`open`], and no other thread uses it during the call.
unsafe fn opened<'f>(file: *mut ffi::sqlite3_file) -> Option<&'f mut Opened> {
    // SAFETY: the slot was written by `open` and lives until `close`.
    unsafe { (*file.cast::<Slot>()).opened.as_mut() }
}

unsafe extern "C" fn close(file: *mut ffi::sqlite3_file) -> c_int {
    // SAFETY: only files that `open` completed have this method; each is closed once.
    unsafe {
        super::let_go(file);
        let slot: *mut Slot = file.cast();
        let opened = std::mem::replace(&mut (*slot).opened, std::ptr::null_mut());
        if !opened.is_null() {
            let opened = Box::from_raw(opened);
            if opened.delete_on_close {
                // As the base layer: what stays behind only takes space.
                let _ = opened.machine.disk().remove_file(&opened.path);
            }
        }
    }
    ffi::SQLITE_OK
}

unsafe extern "C" fn read(
    file: *mut ffi::sqlite3_file,
    into: *mut c_void,
    bytes: c_int,
    at: ffi::sqlite3_int64,
) -> c_int {
    // SAFETY: called by SQLite on a file of ours, with room for so many bytes.
    let (opened, into) = unsafe { (opened(file), buffer(into, bytes)) };
    let (Some(opened), Ok(at)) = (opened, u64::try_from(at)) else {
        return ffi::SQLITE_IOERR_READ;
    };
    let mut filled = 0;
    while filled < into.len() {
        match opened.file.read_at(&mut into[filled..], at + filled as u64) {
            Ok(0) => {
                // What is missing must read as zeros.
                into[filled..].fill(0);
                return ffi::SQLITE_IOERR_SHORT_READ;
            }
            Ok(count) => filled += count,
            Err(_) => return ffi::SQLITE_IOERR_READ,
        }
    }
    ffi::SQLITE_OK
}

/// # Safety
/// `start` must point to `bytes` bytes that nothing else uses meanwhile.
unsafe fn buffer<'b>(start: *mut c_void, bytes: c_int) -> &'b mut [u8] {
    // SAFETY: the caller's promise.
    unsafe { std::slice::from_raw_parts_mut(start.cast(), usize::try_from(bytes).unwrap_or(0)) }
}

unsafe extern "C" fn write(
    file: *mut ffi::sqlite3_file,
    from: *const c_void,
    bytes: c_int,
    at: ffi::sqlite3_int64,
) -> c_int {
    let bytes = usize::try_from(bytes).unwrap_or(0);
    // SAFETY: called by SQLite on a file of ours, with so many bytes to read.
    let (opened, from) =
        unsafe { (opened(file), std::slice::from_raw_parts(from.cast::<u8>(), bytes)) };
    let (Some(opened), Ok(at)) = (opened, u64::try_from(at)) else {
        return ffi::SQLITE_IOERR_WRITE;
    };
    let mut written = 0;
    while written < from.len() {
        match opened.file.write_at(&from[written..], at + written as u64) {
            Ok(0) => return ffi::SQLITE_FULL,
            Ok(count) => written += count,
            Err(error) if error.kind() == io::ErrorKind::StorageFull => return ffi::SQLITE_FULL,
            Err(_) => return ffi::SQLITE_IOERR_WRITE,
        }
    }
    ffi::SQLITE_OK
}

unsafe extern "C" fn truncate(file: *mut ffi::sqlite3_file, bytes: ffi::sqlite3_int64) -> c_int {
    // SAFETY: called by SQLite on a file of ours.
    let opened = unsafe { opened(file) };
    let cut =
        opened.zip(u64::try_from(bytes).ok()).map(|(opened, bytes)| opened.file.set_len(bytes));
    answer(cut, ffi::SQLITE_IOERR_TRUNCATE)
}

unsafe extern "C" fn sync(file: *mut ffi::sqlite3_file, flags: c_int) -> c_int {
    // SAFETY: called by SQLite on a file of ours.
    let Some(opened) = (unsafe { opened(file) }) else { return ffi::SQLITE_IOERR_FSYNC };
    let synced = match flags & ffi::SQLITE_SYNC_DATAONLY {
        0 => opened.file.sync_all(),
        _ => opened.file.sync_data(),
    };
    if synced.is_err() {
        return ffi::SQLITE_IOERR_FSYNC;
    }
    if opened.is_new {
        opened.is_new = false;
        if let Some(folder) = opened.path.parent() {
            // The base layer does not look at the outcome either.
            let _ = opened.machine.disk().flush_folder(folder);
        }
    }
    ffi::SQLITE_OK
}

unsafe extern "C" fn file_size(
    file: *mut ffi::sqlite3_file,
    out: *mut ffi::sqlite3_int64,
) -> c_int {
    // SAFETY: called by SQLite on a file of ours.
    let size = unsafe { opened(file) }.map(|opened| opened.file.metadata());
    match size {
        Some(Ok(size)) => {
            // SAFETY: `out` is SQLite's place for the answer.
            unsafe { out.write(size.bytes.try_into().unwrap_or(i64::MAX)) };
            ffi::SQLITE_OK
        }
        _ => ffi::SQLITE_IOERR_FSTAT,
    }
}

fn answer(done: Option<io::Result<()>>, refusal: c_int) -> c_int {
    match done {
        Some(Ok(())) => ffi::SQLITE_OK,
        _ => refusal,
    }
}

unsafe extern "C" fn lock(_: *mut ffi::sqlite3_file, _: c_int) -> c_int {
    ffi::SQLITE_OK
}

unsafe extern "C" fn check_reserved_lock(_: *mut ffi::sqlite3_file, out: *mut c_int) -> c_int {
    // SAFETY: `out` is SQLite's place for the answer.
    unsafe { out.write(0) };
    ffi::SQLITE_OK
}

unsafe extern "C" fn file_control(_: *mut ffi::sqlite3_file, _: c_int, _: *mut c_void) -> c_int {
    ffi::SQLITE_NOTFOUND
}

unsafe extern "C" fn sector_size(_: *mut ffi::sqlite3_file) -> c_int {
    SECTOR_BYTES
}

unsafe extern "C" fn device_characteristics(_: *mut ffi::sqlite3_file) -> c_int {
    ffi::SQLITE_IOCAP_POWERSAFE_OVERWRITE
}

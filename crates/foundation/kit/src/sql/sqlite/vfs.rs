//! The file layer under SQLite: its own `unix-none`, with the shared memory of the write-ahead log
//! kept in this process.
//!
//! Why not the default layer: it keys the shared memory by inode. A fork hard-links the main file,
//! so a parent and its fork have one inode and two logs, and the default layer would give both the
//! same index. Here the key is the path *and* the inode. POSIX file locks go with it: one process
//! owns a data directory (it holds the directory's lock), and such locks would be dropped whenever
//! a fork or backup closes a copy of the file.
//!
//! Because nothing locks the main file, no connection may believe that it is the last one:
//! every connection is opened with `SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE`.
//!
//! Under a simulation every call goes to the simulated disk instead ([`simulated`]).
//!
//! Source: sqlite.org/vfs.html, and `unixShmMap`/`unixShmLock` of SQLite's `os_unix.c`.
#![allow(unsafe_code, reason = "SQLite calls its file layer through C function pointers")]

mod simulated;

use std::collections::HashMap;
use std::ffi::{CStr, c_char, c_int, c_void};
use std::os::unix::ffi::OsStrExt;
use std::sync::atomic::{Ordering, fence};
use std::sync::{Arc, OnceLock, Weak};
use std::time::Duration;

use parking_lot::Mutex;
use rusqlite::ffi;

use crate::{disk, machine};

/// The name under which the layer is registered.
pub(super) const NAME: &CStr = c"backplane";

const LOCKS: usize = ffi::SQLITE_SHM_NLOCK as usize;

struct Layer {
    base: *mut ffi::sqlite3_vfs,
    /// Where our part of an open file begins, behind the base layer's.
    tail_offset: usize,
    /// The base layer's one table of methods for every file, and ours made from it.
    methods: OnceLock<(ffi::sqlite3_io_methods, ffi::sqlite3_io_methods)>,
}

// SAFETY: `base` points to a layer that SQLite keeps for the life of the process and that it calls
// from any thread itself; the other fields are plain data set once.
unsafe impl Send for Layer {}
// SAFETY: as above.
unsafe impl Sync for Layer {}

static LAYER: OnceLock<Option<Layer>> = OnceLock::new();

/// Registers the layer, once a process.
///
/// # Errors
/// When this build of SQLite has no `unix-none` layer or refuses another one.
pub(super) fn register() -> Result<(), &'static str> {
    match LAYER.get_or_init(register_once) {
        Some(_) => Ok(()),
        None => Err("this build of SQLite has no unix-none file layer"),
    }
}

fn register_once() -> Option<Layer> {
    // SAFETY: SQLite initialises itself here and returns a layer that lives as long as the process.
    let base = unsafe { ffi::sqlite3_vfs_find(c"unix-none".as_ptr()) };
    if base.is_null() {
        return None;
    }
    // SAFETY: `base` is valid, see above. The struct is plain data; its functions take the layer
    // they are called with as an argument and use only fields that the copy shares.
    let mut ours = unsafe { *base };
    let tail_offset = usize::try_from(ours.szOsFile).ok()?.next_multiple_of(align_of::<Tail>());
    ours.szOsFile = c_int::try_from(tail_offset + size_of::<Tail>()).ok()?;
    ours.zName = NAME.as_ptr();
    ours.pNext = std::ptr::null_mut();
    ours.xOpen = Some(open);
    ours.xDelete = Some(delete);
    ours.xAccess = Some(access);
    ours.xFullPathname = Some(full_path_name);
    ours.xSleep = Some(sleep);
    // SAFETY: the struct is leaked, so SQLite may keep the pointer.
    let refused = unsafe { ffi::sqlite3_vfs_register(Box::into_raw(Box::new(ours)), 0) };
    (refused == ffi::SQLITE_OK).then(|| Layer { base, tail_offset, methods: OnceLock::new() })
}

/// Our part of an open main file: null for any other file.
type Tail = *mut Handle;

/// One connection's hold on the shared memory.
struct Handle {
    node: Arc<Node>,
    /// Bit n: this connection holds lock n shared.
    shared: u32,
    /// Bit n: this connection holds lock n exclusively.
    exclusive: u32,
}

/// The shared memory of one database.
struct Node {
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    regions: Vec<Region>,
    /// -1: held exclusively; otherwise the number of shared holders.
    locks: [i32; LOCKS],
}

/// Zeroed memory whose address never changes; only SQLite reads or writes it.
struct Region(*mut [u64]);

// SAFETY: the memory is only handed to SQLite, which orders its own accesses by the locks below.
unsafe impl Send for Region {}

impl Region {
    fn new(bytes: usize) -> Self {
        Self(Box::into_raw(vec![0_u64; bytes.div_ceil(8)].into_boxed_slice()))
    }
}

impl Drop for Region {
    fn drop(&mut self) {
        // SAFETY: made by `Box::into_raw` in `new` and freed only here; a node is dropped after
        // the last connection has unmapped it.
        drop(unsafe { Box::from_raw(self.0) });
    }
}

/// Path, device and inode: see the module's comment.
type NodeKey = (Vec<u8>, u64, u64);

fn nodes() -> &'static Mutex<HashMap<NodeKey, Weak<Node>>> {
    static NODES: OnceLock<Mutex<HashMap<NodeKey, Weak<Node>>>> = OnceLock::new();
    NODES.get_or_init(Mutex::default)
}

fn node_of(path: &CStr) -> Option<Arc<Node>> {
    let name = std::ffi::OsStr::from_bytes(path.to_bytes());
    let file = disk::metadata(std::path::Path::new(name)).ok()?;
    let key = (path.to_bytes().to_vec(), file.device, file.inode);
    let mut nodes = nodes().lock();
    if let Some(node) = nodes.get(&key).and_then(Weak::upgrade) {
        return Some(node);
    }
    nodes.retain(|_, node| node.strong_count() > 0);
    let node = Arc::new(Node { state: Mutex::default() });
    nodes.insert(key, Arc::downgrade(&node));
    Some(node)
}

fn layer() -> Option<&'static Layer> {
    LAYER.get()?.as_ref()
}

/// # Safety
/// `file` must be a file opened by [`open`].
unsafe fn tail(file: *mut ffi::sqlite3_file) -> Option<*mut Tail> {
    // SAFETY: `szOsFile` made SQLite allocate room for a `Tail` at this aligned offset.
    Some(unsafe { file.byte_add(layer()?.tail_offset) }.cast())
}

unsafe extern "C" fn open(
    _: *mut ffi::sqlite3_vfs,
    name: ffi::sqlite3_filename,
    file: *mut ffi::sqlite3_file,
    flags: c_int,
    out_flags: *mut c_int,
) -> c_int {
    let Some(layer) = layer() else { return ffi::SQLITE_CANTOPEN };
    // SAFETY: the base layer is valid for the life of the process, and its part of `file` is
    // the first `szOsFile` bytes of it.
    let Some(base_open) = (unsafe { (*layer.base).xOpen }) else { return ffi::SQLITE_CANTOPEN };
    let simulated = machine::simulated().filter(|_| !name.is_null());
    let is_simulated = simulated.is_some();
    let opened = match simulated {
        // SAFETY: the arguments are SQLite's own, and a slot is smaller than the base layer's part.
        Some(machine) => unsafe { simulated::open(machine, name, file, flags, out_flags) },
        // SAFETY: the arguments are SQLite's own.
        None => unsafe { base_open(layer.base, name, file, flags, out_flags) },
    };
    // SAFETY: SQLite allocated the file with our size.
    let Some(tail) = (unsafe { tail(file) }) else { return ffi::SQLITE_CANTOPEN };
    // SAFETY: as above; no value was there to drop.
    unsafe { tail.write(std::ptr::null_mut()) };
    if opened != ffi::SQLITE_OK || flags & ffi::SQLITE_OPEN_MAIN_DB == 0 || name.is_null() {
        return opened;
    }
    // SAFETY: SQLite passes a NUL-terminated path, and a successful open set the methods.
    let (node, base) =
        unsafe { (node_of(CStr::from_ptr(name as *const c_char)), *(*file).pMethods) };
    let Some(node) = node else { return ffi::SQLITE_OK };
    let handle = Handle { node, shared: 0, exclusive: 0 };
    // SAFETY: `file` and its tail are valid; the methods are in a static.
    unsafe {
        tail.write(Box::into_raw(Box::new(handle)));
        if !is_simulated {
            let (_, methods) = layer.methods.get_or_init(|| (base, with_shared_memory(base)));
            (*file).pMethods = methods;
        }
    }
    ffi::SQLITE_OK
}

fn base() -> Option<&'static ffi::sqlite3_vfs> {
    // SAFETY: the base layer is valid for the life of the process, and SQLite does not change it.
    layer().map(|layer| unsafe { &*layer.base })
}

unsafe extern "C" fn delete(
    _: *mut ffi::sqlite3_vfs,
    name: *const c_char,
    flush_folder: c_int,
) -> c_int {
    if let Some(machine) = machine::simulated() {
        // SAFETY: the arguments are SQLite's own.
        return unsafe { simulated::delete(machine.disk(), name, flush_folder) };
    }
    match base().and_then(|base| base.xDelete.zip(layer())) {
        // SAFETY: the arguments are SQLite's own.
        Some((delete, layer)) => unsafe { delete(layer.base, name, flush_folder) },
        None => ffi::SQLITE_IOERR_DELETE,
    }
}

unsafe extern "C" fn access(
    _: *mut ffi::sqlite3_vfs,
    name: *const c_char,
    flags: c_int,
    out: *mut c_int,
) -> c_int {
    if let Some(machine) = machine::simulated() {
        // SAFETY: the arguments are SQLite's own.
        return unsafe { simulated::access(machine.disk(), name, out) };
    }
    match base().and_then(|base| base.xAccess.zip(layer())) {
        // SAFETY: the arguments are SQLite's own.
        Some((access, layer)) => unsafe { access(layer.base, name, flags, out) },
        None => ffi::SQLITE_IOERR_ACCESS,
    }
}

unsafe extern "C" fn full_path_name(
    _: *mut ffi::sqlite3_vfs,
    name: *const c_char,
    room: c_int,
    out: *mut c_char,
) -> c_int {
    if machine::simulated().is_some() {
        // SAFETY: SQLite passes a NUL-terminated name and so much room. Every path that a store
        // opens on a simulated disk is absolute and has no links to follow.
        return unsafe {
            let bytes = CStr::from_ptr(name).to_bytes_with_nul();
            if usize::try_from(room).is_ok_and(|room| bytes.len() <= room) {
                out.copy_from_nonoverlapping(name, bytes.len());
                ffi::SQLITE_OK
            } else {
                ffi::SQLITE_CANTOPEN
            }
        };
    }
    match base().and_then(|base| base.xFullPathname.zip(layer())) {
        // SAFETY: the arguments are SQLite's own.
        Some((full_path_name, layer)) => unsafe { full_path_name(layer.base, name, room, out) },
        None => ffi::SQLITE_CANTOPEN,
    }
}

unsafe extern "C" fn sleep(_: *mut ffi::sqlite3_vfs, micros: c_int) -> c_int {
    if let Some(machine) = machine::simulated() {
        machine.block_for(Duration::from_micros(micros.unsigned_abs().into()));
        return micros;
    }
    match base().and_then(|base| base.xSleep.zip(layer())) {
        // SAFETY: the arguments are SQLite's own.
        Some((sleep, layer)) => unsafe { sleep(layer.base, micros) },
        None => 0,
    }
}

fn with_shared_memory(base: ffi::sqlite3_io_methods) -> ffi::sqlite3_io_methods {
    ffi::sqlite3_io_methods {
        xClose: Some(close),
        xShmMap: Some(shm_map),
        xShmLock: Some(shm_lock),
        xShmBarrier: Some(shm_barrier),
        xShmUnmap: Some(shm_unmap),
        ..base
    }
}

/// Lets go of the shared memory.
///
/// # Safety
/// `file` must be a file opened by [`open`] that is being closed.
unsafe fn let_go(file: *mut ffi::sqlite3_file) {
    // SAFETY: the caller's promise.
    if let Some(tail) = unsafe { tail(file) } {
        // SAFETY: the tail holds a handle made by `open`, or null; it is taken once.
        unsafe {
            let handle = tail.replace(std::ptr::null_mut());
            if !handle.is_null() {
                release_all(&mut *handle);
                drop(Box::from_raw(handle));
            }
        }
    }
}

unsafe extern "C" fn close(file: *mut ffi::sqlite3_file) -> c_int {
    // SAFETY: only files that `open` completed have this method.
    unsafe { let_go(file) };
    let base_close =
        layer().and_then(|layer| layer.methods.get()).and_then(|(base, _)| base.xClose);
    match base_close {
        // SAFETY: the base layer's close frees what its open took.
        Some(base_close) => unsafe { base_close(file) },
        None => ffi::SQLITE_OK,
    }
}

/// # Safety
/// `file` must be a main file opened by [`open`], which no other thread uses during the call:
/// SQLite's own rule for a connection.
unsafe fn handle<'f>(file: *mut ffi::sqlite3_file) -> Option<&'f mut Handle> {
    // SAFETY: the tail is null or a handle that lives until `close`.
    unsafe { tail(file).and_then(|tail| (*tail).as_mut()) }
}

unsafe extern "C" fn shm_map(
    file: *mut ffi::sqlite3_file,
    region: c_int,
    region_bytes: c_int,
    extend: c_int,
    out: *mut *mut c_void,
) -> c_int {
    // SAFETY: called by SQLite on a main file of ours.
    let handle = unsafe { handle(file) };
    let (Some(handle), Ok(region), Ok(bytes)) =
        (handle, usize::try_from(region), usize::try_from(region_bytes))
    else {
        return ffi::SQLITE_IOERR_SHMMAP;
    };
    let mut state = handle.node.state.lock();
    while extend != 0 && state.regions.len() <= region {
        state.regions.push(Region::new(bytes));
    }
    let address = state.regions.get(region).map_or(std::ptr::null_mut(), |r| r.0.cast());
    // SAFETY: `out` is SQLite's place for the answer.
    unsafe { out.write(address) };
    ffi::SQLITE_OK
}

unsafe extern "C" fn shm_lock(
    file: *mut ffi::sqlite3_file,
    first: c_int,
    count: c_int,
    flags: c_int,
) -> c_int {
    // SAFETY: called by SQLite on a main file of ours.
    let handle = unsafe { handle(file) };
    let (Some(handle), Ok(first), Ok(count)) =
        (handle, usize::try_from(first), usize::try_from(count))
    else {
        return ffi::SQLITE_IOERR_SHMLOCK;
    };
    let node = Arc::clone(&handle.node);
    let mut state = node.state.lock();
    let slots = first..(first + count).min(LOCKS);
    let mask = slots.clone().fold(0_u32, |mask, slot| mask | 1 << slot);
    if flags & ffi::SQLITE_SHM_UNLOCK != 0 {
        unlock(&mut state, handle, slots);
    } else if flags & ffi::SQLITE_SHM_SHARED != 0 {
        if handle.shared & mask == 0 {
            if state.locks[slots.clone()].iter().any(|lock| *lock < 0) {
                return ffi::SQLITE_BUSY;
            }
            state.locks[slots].iter_mut().for_each(|lock| *lock += 1);
            handle.shared |= mask;
        }
    } else {
        let free =
            slots.clone().all(|slot| handle.exclusive & (1 << slot) != 0 || state.locks[slot] == 0);
        if !free {
            return ffi::SQLITE_BUSY;
        }
        state.locks[slots].iter_mut().for_each(|lock| *lock = -1);
        handle.exclusive |= mask;
    }
    ffi::SQLITE_OK
}

fn unlock(state: &mut State, handle: &mut Handle, slots: std::ops::Range<usize>) {
    for slot in slots {
        let bit = 1 << slot;
        if handle.exclusive & bit != 0 {
            state.locks[slot] = 0;
        } else if handle.shared & bit != 0 {
            state.locks[slot] -= 1;
        }
        handle.exclusive &= !bit;
        handle.shared &= !bit;
    }
}

fn release_all(handle: &mut Handle) {
    let node = Arc::clone(&handle.node);
    unlock(&mut node.state.lock(), handle, 0..LOCKS);
}

unsafe extern "C" fn shm_barrier(_: *mut ffi::sqlite3_file) {
    fence(Ordering::SeqCst);
}

unsafe extern "C" fn shm_unmap(file: *mut ffi::sqlite3_file, _: c_int) -> c_int {
    // SAFETY: called by SQLite on a main file of ours. The memory itself goes with the node, when
    // the last connection closes.
    if let Some(handle) = unsafe { handle(file) } {
        release_all(handle);
    }
    ffi::SQLITE_OK
}

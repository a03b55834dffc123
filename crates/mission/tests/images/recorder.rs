//! A file system for SQLite that writes down what it is asked to write and when that was made durable. It stands before the
//! system's own and changes nothing.
#![allow(
    unsafe_code,
    reason = "SQLite's file systems are tables of C functions"
)]

use std::ffi::{CStr, c_char, c_int, c_void};
use std::mem::size_of;
use std::ptr;
use std::sync::{Mutex, Once, OnceLock};

use rusqlite::ffi;

/// One thing that was asked of the disk.
#[derive(Debug, Clone)]
pub(crate) enum Entry {
    Write {
        file: String,
        at: usize,
        bytes: Vec<u8>,
    },
    Truncate {
        file: String,
        size: usize,
    },
    /// Everything asked of this file so far is durable.
    Sync {
        file: String,
    },
    Delete {
        file: String,
    },
    /// Somebody was told that everything up to this event is durable.
    Answered(i64),
}

/// Only files below this folder are written down.
static FOLDER: OnceLock<String> = OnceLock::new();
static LOG: Mutex<Vec<Entry>> = Mutex::new(Vec::new());

pub(crate) fn log(entry: Entry) {
    LOG.lock().expect("nobody panics while it logs").push(entry);
}

/// How often a file was made durable so far.
pub(crate) fn syncs(name: &str) -> usize {
    let log = LOG.lock().expect("nobody panics while it logs");
    let is_it = |entry: &&Entry| matches!(entry, Entry::Sync { file } if file == name);
    log.iter().filter(is_it).count()
}

/// The log so far.
pub(crate) fn taken() -> Vec<Entry> {
    std::mem::take(&mut LOG.lock().expect("nobody panics while it logs"))
}

/// Our file, before that of the system's own file system in the same allocation.
#[repr(C)]
struct File {
    base: ffi::sqlite3_file,
    /// Its name when it is written down.
    name: *mut String,
}

/// The system's own file system.
struct Real(*mut ffi::sqlite3_vfs);
// SAFETY: SQLite registers it once, never frees it, and it holds no state of a thread.
unsafe impl Send for Real {}
// SAFETY: as above; it is only read.
unsafe impl Sync for Real {}

static REAL: OnceLock<Real> = OnceLock::new();

fn real() -> *mut ffi::sqlite3_vfs {
    REAL.get().expect("registered").0
}

/// Makes it the file system of every connection that is opened from now on.
pub(crate) fn record(folder: &str) {
    static DONE: Once = Once::new();
    FOLDER.get_or_init(|| folder.to_owned());
    DONE.call_once(|| {
        // SAFETY: the system's file system lives as long as the process; ours is a copy of it that is leaked, with functions
        // of the same types in place of two of its own.
        unsafe {
            let system = ffi::sqlite3_vfs_find(ptr::null());
            assert!(!system.is_null(), "SQLite has a file system");
            assert!(REAL.set(Real(system)).is_ok(), "only here");
            let mut ours = *system;
            ours.zName = c"recorder".as_ptr();
            ours.pNext = ptr::null_mut();
            ours.szOsFile += size_of::<File>() as c_int;
            ours.xOpen = Some(open);
            ours.xDelete = Some(delete);
            let registered = ffi::sqlite3_vfs_register(Box::into_raw(Box::new(ours)), 1);
            assert_eq!(registered, ffi::SQLITE_OK);
        }
    });
}

/// SAFETY for all below: SQLite calls them with files that `open` made, in an allocation of our size plus the system's.
unsafe fn inner(file: *mut ffi::sqlite3_file) -> *mut ffi::sqlite3_file {
    unsafe { file.cast::<u8>().add(size_of::<File>()).cast() }
}

unsafe fn methods(
    file: *mut ffi::sqlite3_file,
) -> (&'static ffi::sqlite3_io_methods, *mut ffi::sqlite3_file) {
    unsafe {
        let inner = inner(file);
        (&*(*inner).pMethods, inner)
    }
}

unsafe fn name(file: *mut ffi::sqlite3_file) -> Option<String> {
    unsafe { (*file.cast::<File>()).name.as_ref().cloned() }
}

unsafe fn listened_to(name: *const c_char) -> Option<String> {
    if name.is_null() {
        return None;
    }
    let name = unsafe { CStr::from_ptr(name) }.to_str().ok()?;
    let short = name.strip_prefix(FOLDER.get()?.as_str())?;
    Some(short.trim_start_matches('/').to_owned())
}

unsafe extern "C" fn open(
    _vfs: *mut ffi::sqlite3_vfs,
    path: *const c_char,
    file: *mut ffi::sqlite3_file,
    flags: c_int,
    out: *mut c_int,
) -> c_int {
    unsafe {
        let ours = file.cast::<File>();
        (*ours).base.pMethods = ptr::null();
        (*ours).name = ptr::null_mut();
        let opened =
            (*real()).xOpen.expect("it opens files")(real(), path, inner(file), flags, out);
        if opened == ffi::SQLITE_OK {
            (*ours).base.pMethods = &raw const METHODS;
            if let Some(name) = listened_to(path) {
                (*ours).name = Box::into_raw(Box::new(name));
            }
        }
        opened
    }
}

unsafe extern "C" fn delete(
    _vfs: *mut ffi::sqlite3_vfs,
    path: *const c_char,
    sync: c_int,
) -> c_int {
    unsafe {
        if let Some(file) = listened_to(path) {
            log(Entry::Delete { file });
        }
        (*real()).xDelete.expect("it deletes files")(real(), path, sync)
    }
}

static METHODS: ffi::sqlite3_io_methods = ffi::sqlite3_io_methods {
    // Version 2 has shared memory for the log, and no mapping of the file.
    iVersion: 2,
    xClose: Some(close),
    xRead: Some(read),
    xWrite: Some(write),
    xTruncate: Some(truncate),
    xSync: Some(sync),
    xFileSize: Some(file_size),
    xLock: Some(lock),
    xUnlock: Some(unlock),
    xCheckReservedLock: Some(check_reserved),
    xFileControl: Some(control),
    xSectorSize: Some(sector),
    xDeviceCharacteristics: Some(device),
    xShmMap: Some(shm_map),
    xShmLock: Some(shm_lock),
    xShmBarrier: Some(shm_barrier),
    xShmUnmap: Some(shm_unmap),
    xFetch: None,
    xUnfetch: None,
};

type F = *mut ffi::sqlite3_file;

macro_rules! pass_on {
    ($ours:ident, $theirs:ident $(, $arg:ident: $type:ty)* => $back:ty) => {
        unsafe extern "C" fn $ours(file: F $(, $arg: $type)*) -> $back {
            unsafe {
                let (methods, inner) = methods(file);
                methods.$theirs.expect("the system's own has it")(inner $(, $arg)*)
            }
        }
    };
}

pass_on!(read, xRead, to: *mut c_void, count: c_int, at: ffi::sqlite3_int64 => c_int);
pass_on!(file_size, xFileSize, size: *mut ffi::sqlite3_int64 => c_int);
pass_on!(lock, xLock, level: c_int => c_int);
pass_on!(unlock, xUnlock, level: c_int => c_int);
pass_on!(check_reserved, xCheckReservedLock, out: *mut c_int => c_int);
pass_on!(control, xFileControl, op: c_int, arg: *mut c_void => c_int);
pass_on!(sector, xSectorSize => c_int);
pass_on!(device, xDeviceCharacteristics => c_int);
pass_on!(shm_map, xShmMap, page: c_int, size: c_int, extend: c_int, out: *mut *mut c_void => c_int);
pass_on!(shm_lock, xShmLock, at: c_int, count: c_int, flags: c_int => c_int);
pass_on!(shm_barrier, xShmBarrier => ());
pass_on!(shm_unmap, xShmUnmap, remove: c_int => c_int);

unsafe extern "C" fn close(file: F) -> c_int {
    unsafe {
        let ours = file.cast::<File>();
        if !(*ours).name.is_null() {
            drop(Box::from_raw((*ours).name));
            (*ours).name = ptr::null_mut();
        }
        let (methods, inner) = methods(file);
        methods.xClose.expect("it closes files")(inner)
    }
}

unsafe extern "C" fn write(
    file: F,
    from: *const c_void,
    count: c_int,
    at: ffi::sqlite3_int64,
) -> c_int {
    unsafe {
        if let Some(name) = name(file) {
            let bytes = std::slice::from_raw_parts(from.cast::<u8>(), count as usize).to_vec();
            log(Entry::Write {
                file: name,
                at: at as usize,
                bytes,
            });
        }
        let (methods, inner) = methods(file);
        methods.xWrite.expect("it writes")(inner, from, count, at)
    }
}

unsafe extern "C" fn truncate(file: F, size: ffi::sqlite3_int64) -> c_int {
    unsafe {
        if let Some(name) = name(file) {
            log(Entry::Truncate {
                file: name,
                size: size as usize,
            });
        }
        let (methods, inner) = methods(file);
        methods.xTruncate.expect("it truncates")(inner, size)
    }
}

unsafe extern "C" fn sync(file: F, flags: c_int) -> c_int {
    unsafe {
        let (methods, inner) = methods(file);
        let synced = methods.xSync.expect("it syncs")(inner, flags);
        if let Some(name) = name(file).filter(|_| synced == ffi::SQLITE_OK) {
            log(Entry::Sync { file: name });
        }
        synced
    }
}

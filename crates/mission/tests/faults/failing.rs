//! A file system for SQLite that fails as a disk does. It stands before the system's own and passes everything on, except for
//! what a plan refuses below one folder: each test has its own folder, so they may run side by side.
#![allow(
    unsafe_code,
    reason = "SQLite's file systems are tables of C functions"
)]

use std::collections::BTreeMap;
use std::ffi::{CStr, OsStr, c_char, c_int, c_void};
use std::mem::size_of;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::ptr;
use std::sync::{Mutex, MutexGuard, Once, OnceLock};

use rusqlite::ffi;

/// How the disk fails. `after` counts what still goes well from now on.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Plan {
    /// One sync fails. With `lost`, what was written to that file since its last sync is gone as well: a kernel may drop the
    /// pages that it could not write.
    FailSync { after: usize, lost: bool },
    /// One write fails.
    FailWrite { after: usize },
    /// So many writes find no room, and then there is some again.
    Full { after: usize, times: usize },
    /// A file system that was made read-only under open files, as some do after an error. Every system call answers EROFS,
    /// which SQLite's own file system reports as a failed write, truncation, sync or removal, never as `SQLITE_READONLY`. The
    /// shared memory of the log is memory and goes on.
    ReadOnly,
}

/// What is asked of the disk, as the code of its failure.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(i32)]
enum Asked {
    Write = ffi::SQLITE_IOERR_WRITE,
    Truncate = ffi::SQLITE_IOERR_TRUNCATE,
    Sync = ffi::SQLITE_IOERR_FSYNC,
    Delete = ffi::SQLITE_IOERR_DELETE,
}

/// A plan at work.
struct Fault {
    plan: Plan,
    /// What was asked of the kind that the plan is about.
    seen: usize,
    refused: usize,
}

impl Fault {
    /// Whether what a file held before is to be kept, or the code of the refusal.
    fn verdict(&mut self, asked: Asked) -> Result<bool, c_int> {
        let failed = asked as c_int;
        let (kind, after, times, code) = match self.plan {
            Plan::FailSync { after, .. } => (Asked::Sync, after, 1, failed),
            Plan::FailWrite { after } => (Asked::Write, after, 1, failed),
            Plan::Full { after, times } => (Asked::Write, after, times, ffi::SQLITE_FULL),
            Plan::ReadOnly => (asked, 0, usize::MAX, failed),
        };
        if asked == kind {
            self.seen += 1;
            if self.seen > after && self.refused < times {
                self.refused += 1;
                return Err(code);
            }
        }
        Ok(matches!(self.plan, Plan::FailSync { lost: true, .. }))
    }
}

/// What fails now, by folder.
static FAULTS: Mutex<BTreeMap<PathBuf, Fault>> = Mutex::new(BTreeMap::new());

fn faults() -> MutexGuard<'static, BTreeMap<PathBuf, Fault>> {
    FAULTS.lock().expect("nobody panics while it decides")
}

fn verdict(path: &Path, asked: Asked) -> Result<bool, c_int> {
    let mut faults = faults();
    let mut below = faults.iter_mut();
    match below.find(|(folder, _)| path.starts_with(folder)) {
        Some((_, fault)) => fault.verdict(asked),
        None => Ok(false),
    }
}

/// The disk below a folder of its own, which is sound until it is told to fail.
pub(crate) struct Disk {
    /// Without links in its name, as SQLite names its files.
    pub(crate) folder: PathBuf,
    _kept: tempfile::TempDir,
}

impl Disk {
    /// Makes ours the file system of every connection that is opened from now on.
    pub(crate) fn sound() -> Disk {
        register();
        let kept = tempfile::tempdir().expect("a folder");
        let folder = kept.path().canonicalize().expect("a path");
        let _kept = kept;
        Disk { folder, _kept }
    }

    pub(crate) fn fault(&self, plan: Plan) {
        let fault = Fault {
            plan,
            seen: 0,
            refused: 0,
        };
        faults().insert(self.folder.clone(), fault);
    }

    /// How often it has failed under its plan.
    pub(crate) fn refused(&self) -> usize {
        faults().get(&self.folder).map_or(0, |fault| fault.refused)
    }

    /// It is sound again.
    pub(crate) fn lift(&self) {
        faults().remove(&self.folder);
    }
}

/// Our file, before that of the system's own file system in the same allocation.
#[repr(C)]
struct File {
    base: ffi::sqlite3_file,
    /// None for a temporary file, which has no name.
    watched: *mut Watched,
}

struct Watched {
    path: PathBuf,
    /// Where was written since the last sync, and what was there before. Only kept where it may be needed.
    unsynced: Vec<(ffi::sqlite3_int64, Vec<u8>)>,
}

/// The system's own file system.
struct Real(Vfs);
// SAFETY: SQLite registers it once, never frees it, and it holds no state of a thread.
unsafe impl Send for Real {}
// SAFETY: as above; it is only read.
unsafe impl Sync for Real {}

static REAL: OnceLock<Real> = OnceLock::new();

fn real() -> Vfs {
    REAL.get().expect("registered").0
}

fn register() {
    static DONE: Once = Once::new();
    DONE.call_once(|| {
        // SAFETY: the system's file system lives as long as the process; ours is a copy of it that is leaked, with functions
        // of the same types in place of two of its own.
        unsafe {
            let system = ffi::sqlite3_vfs_find(ptr::null());
            assert!(!system.is_null(), "SQLite has a file system");
            assert!(REAL.set(Real(system)).is_ok(), "only here");
            let mut ours = *system;
            ours.zName = c"failing".as_ptr();
            ours.pNext = ptr::null_mut();
            ours.szOsFile += size_of::<File>() as c_int;
            ours.xOpen = Some(open);
            ours.xDelete = Some(delete);
            let registered = ffi::sqlite3_vfs_register(Box::into_raw(Box::new(ours)), 1);
            assert_eq!(registered, ffi::SQLITE_OK);
        }
    });
}

type F = *mut ffi::sqlite3_file;
type Vfs = *mut ffi::sqlite3_vfs;

/// SAFETY for all below: SQLite calls them with files that `open` made, in an allocation of our size plus the system's, and
/// never with one file in two threads at once.
unsafe fn inner(file: F) -> F {
    unsafe { file.cast::<u8>().add(size_of::<File>()).cast() }
}

unsafe fn methods(file: F) -> (&'static ffi::sqlite3_io_methods, F) {
    unsafe {
        let inner = inner(file);
        (&*(*inner).pMethods, inner)
    }
}

unsafe fn watched<'a>(file: F) -> Option<&'a mut Watched> {
    unsafe { (*file.cast::<File>()).watched.as_mut() }
}

unsafe fn named(path: *const c_char) -> Option<PathBuf> {
    if path.is_null() {
        return None;
    }
    let bytes = unsafe { CStr::from_ptr(path) }.to_bytes();
    Some(PathBuf::from(OsStr::from_bytes(bytes)))
}

unsafe extern "C" fn open(
    _vfs: Vfs,
    path: *const c_char,
    file: F,
    flags: c_int,
    out: *mut c_int,
) -> c_int {
    unsafe {
        let ours = file.cast::<File>();
        (*ours).base.pMethods = ptr::null();
        (*ours).watched = ptr::null_mut();
        let opened =
            (*real()).xOpen.expect("it opens files")(real(), path, inner(file), flags, out);
        if opened == ffi::SQLITE_OK {
            (*ours).base.pMethods = &raw const METHODS;
            if let Some(path) = named(path) {
                let unsynced = Vec::new();
                (*ours).watched = Box::into_raw(Box::new(Watched { path, unsynced }));
            }
        }
        opened
    }
}

unsafe extern "C" fn delete(_vfs: Vfs, path: *const c_char, sync: c_int) -> c_int {
    unsafe {
        if let Some(path) = named(path)
            && let Err(code) = verdict(&path, Asked::Delete)
        {
            return code;
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
        if !(*ours).watched.is_null() {
            drop(Box::from_raw((*ours).watched));
            (*ours).watched = ptr::null_mut();
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
        let (methods, inner) = methods(file);
        if let Some(watched) = watched(file) {
            match verdict(&watched.path, Asked::Write) {
                Err(code) => return code,
                Ok(false) => {}
                Ok(true) => {
                    let mut before = vec![0_u8; count as usize];
                    // A file reads as zeros past its end, and so it does where a write was lost.
                    let to = before.as_mut_ptr().cast();
                    methods.xRead.expect("it reads")(inner, to, count, at);
                    watched.unsynced.push((at, before));
                }
            }
        }
        methods.xWrite.expect("it writes")(inner, from, count, at)
    }
}

unsafe extern "C" fn truncate(file: F, size: ffi::sqlite3_int64) -> c_int {
    unsafe {
        let (methods, inner) = methods(file);
        match watched(file).map(|watched| verdict(&watched.path, Asked::Truncate)) {
            Some(Err(code)) => code,
            Some(Ok(_)) | None => methods.xTruncate.expect("it truncates")(inner, size),
        }
    }
}

unsafe extern "C" fn sync(file: F, flags: c_int) -> c_int {
    unsafe {
        let (methods, inner) = methods(file);
        let Some(watched) = watched(file) else {
            return methods.xSync.expect("it syncs")(inner, flags);
        };
        if let Err(code) = verdict(&watched.path, Asked::Sync) {
            for (at, before) in watched.unsynced.drain(..).rev() {
                let (from, count) = (before.as_ptr().cast(), before.len() as c_int);
                methods.xWrite.expect("it writes")(inner, from, count, at);
            }
            return code;
        }
        watched.unsynced.clear();
        methods.xSync.expect("it syncs")(inner, flags)
    }
}

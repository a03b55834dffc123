//! Runs a program with a stop at the beginning of each of its functions, in all processes that come of it, also those in cages. Each stop is
//! taken away where it was met: what is entered often costs no more than what is entered once.

use std::collections::{HashMap, HashSet};
use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{FileExt, MetadataExt};
use std::path::Path;
use std::process::Command;
use std::rc::Rc;

use nix::sys::ptrace::{self, Options};
use nix::sys::signal::{Signal, kill};
use nix::sys::wait::{WaitPidFlag, WaitStatus, waitpid};
use nix::unistd::Pid;

use crate::program::Error;

/// `int3` of x86: a trap of one byte.
const STOP: u8 = 0xcc;
/// Kinds of stops, from the kernel's ptrace.h: a child came of fork, vfork or clone; another program was loaded.
const FORKED: [i32; 3] = [1, 2, 3];
const EXECUTED: i32 = 4;

/// The program's code in one address space, as it was before there were stops in it.
struct Image {
    /// Where the file's first byte lies.
    base: u64,
    code: Vec<u8>,
}

struct Tracer {
    /// Offset of each function, and its names.
    functions: HashMap<u64, Vec<String>>,
    /// The first function, and the first byte behind the last one's beginning.
    range: (u64, u64),
    inode: u64,
    /// By thread. None runs another program.
    images: HashMap<Pid, Option<Rc<Image>>>,
    entered: HashSet<u64>,
    out: File,
}

/// Runs the program to its end and appends the name of each function of its own to `out`, when it is entered first. True when it ended with 0.
pub(super) fn run(names: &Path, out: &Path, program: &Path, args: &[&str]) -> Result<bool, Error> {
    let text = fs::read_to_string(names).map_err(super::at(names))?;
    let functions = functions(&text);
    let (Some(first), Some(last)) = (functions.keys().min(), functions.keys().max()) else {
        return Err(Error::Answer(format!("{names:?} names no function")));
    };
    let mut tracer = Tracer {
        range: (*first, last + 1),
        functions,
        inode: fs::metadata(program).map_err(super::at(program))?.ino(),
        images: HashMap::new(),
        entered: HashSet::new(),
        out: OpenOptions::new()
            .append(true)
            .create(true)
            .open(out)
            .map_err(super::at(out))?,
    };
    // It waits until it is held, and becomes the program then.
    let mut shell = Command::new("sh");
    shell.args(["-c", r#"kill -STOP "$$"; exec "$@""#, "sh"]);
    let child = shell.arg(program).args(args).spawn();
    let child = child.map_err(|source| Error::Start {
        command: program.display().to_string(),
        source,
    })?;
    let first = Pid::from_raw(i32::try_from(child.id()).unwrap_or(i32::MAX));
    tracer
        .follow(first)
        .map_err(|errno| Error::Answer(format!("cannot follow {}: {errno}", program.display())))
}

/// What `nm` printed of code. Two functions that do the same may be one, with two names.
fn functions(nm: &str) -> HashMap<u64, Vec<String>> {
    let mut found: HashMap<u64, Vec<String>> = HashMap::new();
    for line in nm.lines() {
        let mut words = line.split_whitespace();
        if let (Some(at), Some("t" | "T" | "w" | "W"), Some(name)) =
            (words.next(), words.next(), words.next())
            && let Ok(at) = u64::from_str_radix(at, 16)
        {
            found.entry(at).or_default().push(name.to_owned());
        }
    }
    found
}

impl Tracer {
    fn follow(&mut self, first: Pid) -> nix::Result<bool> {
        waitpid(first, Some(WaitPidFlag::WUNTRACED))?;
        let options = Options::PTRACE_O_TRACEFORK
            | Options::PTRACE_O_TRACEVFORK
            | Options::PTRACE_O_TRACECLONE
            | Options::PTRACE_O_TRACEEXEC
            | Options::PTRACE_O_EXITKILL;
        ptrace::seize(first, options)?;
        kill(first, Signal::SIGCONT)?;
        let mut well = false;
        loop {
            let (pid, deliver) = match waitpid(None, Some(WaitPidFlag::__WALL)) {
                Ok(WaitStatus::Exited(pid, code)) => {
                    self.images.remove(&pid);
                    well |= pid == first && code == 0;
                    continue;
                }
                Ok(WaitStatus::Signaled(pid, ..)) => {
                    self.images.remove(&pid);
                    continue;
                }
                Ok(WaitStatus::PtraceEvent(pid, _, event)) => {
                    self.event(pid, event);
                    (pid, None)
                }
                Ok(WaitStatus::Stopped(pid, Signal::SIGTRAP)) => match self.stopped(pid) {
                    true => (pid, None),
                    false => (pid, Some(Signal::SIGTRAP)),
                },
                Ok(WaitStatus::Stopped(pid, signal)) => (pid, Some(signal)),
                Ok(WaitStatus::PtraceSyscall(pid) | WaitStatus::Continued(pid)) => (pid, None),
                Ok(WaitStatus::StillAlive) => continue,
                Err(nix::Error::ECHILD) => return Ok(well),
                Err(nix::Error::EINTR) => continue,
                Err(errno) => return Err(errno),
            };
            match ptrace::cont(pid, deliver) {
                // It was killed meanwhile.
                Ok(()) | Err(nix::Error::ESRCH) => {}
                Err(errno) => return Err(errno),
            }
        }
    }

    fn event(&mut self, pid: Pid, event: i32) {
        if event == EXECUTED {
            // A process that is gone, or another program.
            let image = self.plant(pid).ok().flatten();
            self.images.insert(pid, image.map(Rc::new));
        } else if FORKED.contains(&event)
            && let Ok(child) = ptrace::getevent(pid)
            && let Ok(child) = i32::try_from(child)
        {
            // A copy of the memory, stops included, or the same memory.
            let image = self.images.get(&pid).cloned().flatten();
            self.images.insert(Pid::from_raw(child), image);
        }
    }

    /// Puts a stop at the beginning of each function, before the program's first instruction.
    fn plant(&self, pid: Pid) -> io::Result<Option<Image>> {
        if fs::metadata(format!("/proc/{pid}/exe"))?.ino() != self.inode {
            return Ok(None);
        }
        let maps = fs::read_to_string(format!("/proc/{pid}/maps"))?;
        let Some(base) = maps.lines().find_map(|line| self.base(line)) else {
            return Ok(None);
        };
        let memory = memory(pid)?;
        let (low, high) = self.range;
        let mut code = vec![0; usize::try_from(high - low).map_err(io::Error::other)?];
        memory.read_exact_at(&mut code, base + low)?;
        let mut stopped = code.clone();
        for at in self.functions.keys() {
            let at = usize::try_from(at - low).map_err(io::Error::other)?;
            stopped[at] = STOP;
        }
        memory.write_all_at(&stopped, base + low)?;
        Ok(Some(Image { base, code }))
    }

    /// Where a line of proc_pid_maps(5) says that our file begins.
    fn base(&self, line: &str) -> Option<u64> {
        let mut words = line.split_whitespace();
        let (range, offset, inode) = (words.next()?, words.nth(1)?, words.nth(1)?);
        let ours = inode.parse() == Ok(self.inode) && u64::from_str_radix(offset, 16) == Ok(0);
        let from = range.split('-').next()?;
        u64::from_str_radix(from, 16).ok().filter(|_| ours)
    }

    /// Takes the stop away that a thread met, and notes the function. False when it was none of ours.
    fn stopped(&mut self, pid: Pid) -> bool {
        let Some(image) = self.image(pid) else {
            return false;
        };
        let Ok(mut registers) = ptrace::getregs(pid) else {
            return false;
        };
        let met = registers.rip.wrapping_sub(1);
        let offset = met.wrapping_sub(image.base);
        let Some(names) = self.functions.get(&offset) else {
            return false;
        };
        let Some(&byte) = usize::try_from(offset - self.range.0)
            .ok()
            .and_then(|at| image.code.get(at))
        else {
            return false;
        };
        registers.rip = met;
        let taken = memory(pid).and_then(|memory| memory.write_all_at(&[byte], met));
        if taken.is_err() || ptrace::setregs(pid, registers).is_err() {
            return false;
        }
        if self.entered.insert(offset) {
            let lines: String = names.iter().flat_map(|name| [name, "\n"]).collect();
            // Shown by the list, which then lacks it.
            let _ = self.out.write_all(lines.as_bytes());
        }
        true
    }

    /// A child may stop before its parent has said that there is one.
    fn image(&mut self, pid: Pid) -> Option<Rc<Image>> {
        if let Some(known) = self.images.get(&pid) {
            return known.clone();
        }
        let status = fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
        let field = |name: &str| {
            let line = status.lines().find_map(|line| line.strip_prefix(name))?;
            line.trim().parse().ok().map(Pid::from_raw)
        };
        let of = |pid: Option<Pid>| self.images.get(&pid?).cloned().flatten();
        let image = of(field("Tgid:")).or_else(|| of(field("PPid:")));
        self.images.insert(pid, image.clone());
        image
    }
}

/// A process's memory. Whoever holds it may also write what is read-only to itself.
fn memory(pid: Pid) -> io::Result<File> {
    OpenOptions::new()
        .read(true)
        .write(true)
        .open(format!("/proc/{pid}/mem"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_code_is_a_function() {
        let nm = "0000000000001000 T main\n0000000000001000 t same\n0000000000002000 D data\n                 U outside\n";
        let found = functions(nm);
        assert_eq!(found.len(), 1);
        assert_eq!(found[&0x1000], ["main", "same"]);
    }

    /// A real program, compiled here: what it enters is listed in that order, also in a child, and what it does not enter is not.
    #[test]
    fn what_is_entered_is_listed_in_order() {
        let folder = tempfile::tempdir().unwrap();
        let (source, program) = (folder.path().join("a.rs"), folder.path().join("a"));
        let code = "#[unsafe(no_mangle)] #[inline(never)] extern \"C\" fn z_first() { println!(\"said\") }\n\
            #[unsafe(no_mangle)] #[inline(never)] extern \"C\" fn a_second() { std::process::exit(3) }\n\
            #[unsafe(no_mangle)] #[inline(never)] extern \"C\" fn never() {}\n\
            fn main() { let mut args = std::env::args(); let me = args.next().unwrap();\n\
            match args.next().as_deref() { None => never(), Some(\"child\") => { z_first(); a_second() },\n\
            Some(_) => { let ended = std::process::Command::new(me).arg(\"child\").status().unwrap();\n\
            assert_eq!(ended.code(), Some(3)) } } }";
        fs::write(&source, code).unwrap();
        let rustc = std::env::var_os("RUSTC").unwrap_or_else(|| "rustc".into());
        let built = Command::new(rustc)
            .args(["--edition", "2024", "-o"])
            .args([&program, &source])
            .status();
        assert!(built.unwrap().success());
        let nm = Command::new("nm")
            .arg("--defined-only")
            .arg(&program)
            .output();
        let names = folder.path().join("names");
        fs::write(&names, nm.unwrap().stdout).unwrap();
        let out = folder.path().join("entered");
        assert!(run(&names, &out, &program, &["parent"]).unwrap());
        let entered = fs::read_to_string(&out).unwrap();
        let place = |name: &str| entered.lines().position(|line| line == name);
        assert!(place("main").is_some(), "{entered}");
        assert!(place("main") < place("z_first"), "{entered}");
        assert!(place("z_first") < place("a_second"), "{entered}");
        assert_eq!(place("never"), None);
    }
}

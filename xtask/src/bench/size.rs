//! The release binary: how large it is, how long it takes to build and to start, what it holds.

use super::aims::Aims;
use super::memory::{self, Memory};
use super::release;
use super::sample::{self, Spread};
use crate::program::{self, Error};
use crate::table::table;
use std::fs;
use std::io::{self, Read, Write};
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

/// MB of the file, so that it can be fetched anywhere.
const AIM_MB: f64 = 30.0;
/// Enough for a p99 that is not the slowest one.
const STARTS: usize = 200;
/// A program that has not come to its first word by then is broken.
const FIRST_WORD_TIMEOUT: Duration = Duration::from_secs(10);

pub(super) fn run(aims: &mut Aims) -> Result<(), Error> {
    let (binary, built) = release::build()?;
    let bytes = fs::metadata(&binary)
        .map_err(|source| Error::File {
            path: binary.clone(),
            source,
        })?
        .len();
    let started = starts(&binary)?;
    let held = at_first_word(&binary)?;
    let row = |name: &str, value: String| [name.to_owned(), value];
    let mb = bytes as f64 / 1e6;
    let size = format!("{mb:.2} MB ({bytes} bytes)");
    let aim = aims.judge("size", &size, &format!("< {AIM_MB} MB"), mb < AIM_MB);
    let ms = |time: Duration| time.as_secs_f64() * 1000.0;
    print!(
        "{}",
        table(&[
            row("built with", format!("cargo {}", release::BUILD.join(" "))),
            row(
                "build",
                format!(
                    "{:.1} s, on top of what was built before",
                    built.took.as_secs_f64()
                )
            ),
            row("size", format!("{size}; {aim}")),
            row(
                "start",
                format!(
                    "{:.2} ms median, {:.2} ms p99, of {} runs of `alai --version`",
                    ms(started.median),
                    ms(started.p99),
                    started.count
                ),
            ),
            row(
                "memory",
                format!(
                    "{} KiB PSS, {} KiB RSS, when `alai --version` writes its first word",
                    held.pss_kib, held.rss_kib
                ),
            ),
        ])
    );
    Ok(())
}

fn starts(binary: &Path) -> Result<Spread, Error> {
    let mut series = Vec::with_capacity(STARTS);
    for _ in 0..STARTS {
        let mut version = program::command(binary);
        version.arg("--version");
        let start = Instant::now();
        program::read(version)?;
        series.push(start.elapsed());
    }
    Ok(sample::spread(series).expect("the series has as many values as there were starts"))
}

/// The memory at the moment when the program writes. A stream that is already full holds it there.
fn at_first_word(binary: &Path) -> Result<Memory, Error> {
    let failed = |source| Error::Start {
        command: binary.display().to_string(),
        source,
    };
    let (mut ours, theirs) = full_stream().map_err(failed)?;
    let mut child = Command::new(binary)
        .arg("--version")
        .stdin(Stdio::null())
        .stdout(OwnedFd::from(theirs))
        .spawn()
        .map_err(failed)?;
    let held = when_waiting(child.id());
    // Reading on lets it write and end.
    let drained = ours.read_to_end(&mut Vec::new());
    let ended = child.wait().map_err(failed)?;
    drained.map_err(failed)?;
    if !ended.success() {
        let words = format!("ended with {ended}");
        return Err(Error::Failed {
            command: "alai --version".to_owned(),
            words,
        });
    }
    held
}

/// Two ends of a stream; nothing more can be written into the second until the first is read.
fn full_stream() -> io::Result<(UnixStream, UnixStream)> {
    let (ours, mut theirs) = UnixStream::pair()?;
    theirs.set_nonblocking(true)?;
    let piece = [b' '];
    loop {
        match theirs.write(&piece) {
            Ok(_) => {}
            Err(e) if e.kind() == io::ErrorKind::WouldBlock => break,
            Err(e) => return Err(e),
        }
    }
    theirs.set_nonblocking(false)?;
    Ok((ours, theirs))
}

/// The memory once the process sleeps and holds the same as a moment before.
fn when_waiting(pid: u32) -> Result<Memory, Error> {
    let stat = PathBuf::from(format!("/proc/{pid}/stat"));
    let (deadline, mut last) = (Instant::now() + FIRST_WORD_TIMEOUT, None);
    while Instant::now() < deadline {
        let text = fs::read_to_string(&stat).map_err(|source| Error::File {
            path: stat.clone(),
            source,
        })?;
        let sleeps = text
            .rsplit_once(") ")
            .is_some_and(|(_, rest)| rest.starts_with('S'));
        let held = sleeps.then(|| memory::of(pid)).transpose()?;
        if held.is_some() && held == last {
            return held.ok_or_else(|| Error::Answer("the process holds nothing".to_owned()));
        }
        last = held;
        thread::sleep(Duration::from_millis(5));
    }
    Err(Error::Answer(format!(
        "process {pid} wrote nothing within {FIRST_WORD_TIMEOUT:?}"
    )))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_full_stream_takes_nothing_until_it_is_read() {
        let (mut ours, mut theirs) = full_stream().unwrap();
        theirs.set_nonblocking(true).unwrap();
        assert_eq!(
            theirs.write(b"x").unwrap_err().kind(),
            io::ErrorKind::WouldBlock
        );
        theirs.set_nonblocking(false).unwrap();
        let writer = thread::spawn(move || theirs.write_all(b"word"));
        let mut all = Vec::new();
        ours.read_to_end(&mut all).unwrap();
        writer.join().unwrap().unwrap();
        assert!(all.ends_with(b"word"));
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn a_program_is_measured_while_it_waits_to_write() {
        let held = at_first_word(Path::new("/bin/echo")).unwrap();
        assert!(held.pss_kib > 0 && held.pss_kib <= held.rss_kib, "{held:?}");
    }
}

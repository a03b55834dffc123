//! Starts a project's services in the same cage as a program, before it.
//!
//! The cage starts one program; this makes it a small script that starts the services, waits until each is up and then becomes
//! the program. A service is let go of by a shell between, so that pid 1 of the cage takes it over: an agent's hand ends what
//! its own commands leave behind, and must not take a database for that. The end of the cage ends them all.

use alai_core::services::{Ready, Service};

/// How long a service may take until it is up: a database of a hundred megabytes is made in a few seconds on a slow disk.
const READY_S: u32 = 60;

/// Lines of a service's output that are shown when it or the program fails; all of it is in `~/.alai/services/NAME.log`.
const SHOWN_LINES: u32 = 30;

/// What the script exits with when a service does not come up. No runner uses it: 125 is what `docker run` says of itself.
pub const NOT_UP: i32 = 125;

/// How the message about a service that does not come up begins, on the standard error of the program.
pub const SAYS: &str = "alai: the service ";

/// What becomes of the script once all services are up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Then {
    /// The program takes its place.
    Become,
    /// The program runs in it; when it fails, the end of each service's output is shown too.
    RunAndTell,
}

/// The program with its services before it; the program alone where there are none.
pub fn with_services(services: &[Service], argv: &[String], then: Then) -> Vec<String> {
    if services.is_empty() {
        return argv.to_vec();
    }
    let mut script = String::from("mkdir -p \"$HOME/.alai/services\" || exit 125\n");
    for service in services {
        script.push_str(&start(service));
    }
    match then {
        Then::Become => script.push_str("exec \"$@\"\n"),
        Then::RunAndTell => {
            script.push_str("\"$@\"\ncode=$?\ntest $code -eq 0 && exit 0\n");
            for service in services {
                let name = &service.name;
                script.push_str(&format!(
                    "echo 'alai: what the service {name} wrote:' >&2\n{}",
                    tail(name)
                ));
            }
            script.push_str("exit $code\n");
        }
    }
    let mut all: Vec<String> = ["sh", "-c", &script, "sh"].map(str::to_owned).into();
    all.extend(argv.iter().cloned());
    all
}

fn tail(name: &str) -> String {
    format!("tail -n {SHOWN_LINES} \"$HOME/.alai/services/{name}.log\" >&2\n")
}

/// One service: started, and waited for. The names of services are plain (`alai_core::services::parse_service`).
fn start(service: &Service) -> String {
    let name = &service.name;
    let (command, ready) = (word(service.command()), probe(&service.ready()));
    let tail = tail(name);
    format!(
        "dir=\"$HOME/.alai/services/{name}\"\n\
         rm -rf \"$dir\"; mkdir -p \"$dir\" || exit {NOT_UP}\n\
         (SERVICE_DIR=\"$dir\" sh -c {command} </dev/null >\"$dir.log\" 2>&1 & echo $! >\"$dir.pid\")\n\
         end=$(($(date +%s) + {READY_S}))\n\
         until {ready}; do\n\
         why=\n\
         kill -0 \"$(cat \"$dir.pid\")\" 2>/dev/null || why='ended before it was up'\n\
         test \"$(date +%s)\" -lt $end || why='was not up within {READY_S} s'\n\
         if test -n \"$why\"; then\n\
         echo \"{SAYS}{name} $why; it wrote:\" >&2\n\
         {tail}exit {NOT_UP}\n\
         fi\n\
         sleep 0.05\n\
         done\n"
    )
}

/// A condition of the shell. Who listens is read from the kernel's own table: no tool is needed, and a service that takes one
/// connection and ends is not asked.
fn probe(ready: &Ready) -> String {
    match ready {
        Ready::Port { port } => {
            format!(
                "cat /proc/net/tcp /proc/net/tcp6 2>/dev/null | grep -q ' [0-9A-F]*:{port:04X} [0-9A-F]*:0000 0A '"
            )
        }
        Ready::Command { command } => {
            format!(
                "timeout 10 sh -c {} </dev/null >/dev/null 2>&1",
                word(command)
            )
        }
    }
}

/// A word as `sh` reads it back.
fn word(text: &str) -> String {
    format!("'{}'", text.replace('\'', "'\\''"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_program_without_services_is_started_as_it_is() {
        let argv = ["sh".to_owned(), "-c".to_owned(), "true".to_owned()];
        assert_eq!(with_services(&[], &argv, Then::Become), argv);
    }

    #[test]
    fn a_word_stays_one_word() {
        assert_eq!(
            word("echo 'a b' \"$HOME\""),
            "'echo '\\''a b'\\'' \"$HOME\"'"
        );
    }
}

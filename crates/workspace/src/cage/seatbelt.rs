//! macOS: the cage as a profile of `sandbox-exec`, which is text in a language of its own (SBPL).
//!
//! A pure function of the same [`CageSpec`] that the Linux layers take, so that it is built and tested on every system. It
//! denies by default and names what is allowed; nothing of a path can become a rule, because every path is a quoted string.
//!
//! [`door`] hands out the command line of a cage that promises no more than [`PROMISES`], and else refuses by name. Every cage of the factory
//! promises more, so that on macOS nothing is started ([`super::probe`]). docs/SANDBOX.md, "macOS", tells what is missing.

use std::path::{Component, Path};

use alai_core::cage::Property;

use super::error::CageError;
use super::spec::{Access, CageSpec, Network};

/// The program that applies a profile and then becomes another one. By its path: a folder on `PATH` must not choose the jailer.
pub const SANDBOX_EXEC: &str = "/usr/bin/sandbox-exec";

/// What a profile alone can keep, once it has been seen to hold on a machine. Loopback is the machine's own there, with every
/// server that listens on it; nothing is counted; and a program that leaves its group is not ended with it.
pub const PROMISES: [Property; 4] = [
    Property::WritesInside,
    Property::NoOuterProcess,
    Property::NoSecret,
    Property::NoPrivilege,
];

/// The system's programs, libraries and settings that every program reads, and that hold nothing of a user.
const SYSTEM_READ: [&str; 13] = [
    "/System",
    "/Library/Apple",
    "/Library/Developer/CommandLineTools",
    "/usr/bin",
    "/usr/lib",
    "/usr/libexec",
    "/usr/sbin",
    "/usr/share",
    "/bin",
    "/sbin",
    "/private/etc/ssl",
    "/private/etc/localtime",
    "/private/var/db/timezone",
];

/// Devices that are written to.
const SINKS: [&str; 2] = ["/dev/null", "/dev/zero"];

/// Devices that reach no hardware.
const DEVICES: [&str; 5] = [
    "/dev/null",
    "/dev/zero",
    "/dev/random",
    "/dev/urandom",
    "/dev/dtracehelper",
];

/// Services that a program cannot start without. None of them hands out files, keys, the pasteboard or other programs.
const MACH_SERVICES: [&str; 3] = [
    "com.apple.system.logger",
    "com.apple.system.notification_center",
    "com.apple.system.opendirectoryd.libinfo",
];

/// Names below each folder that stay closed in any spelling: its file system folds case, so `.GIT/hooks` is `.git/hooks`.
/// What git or an agent starts by itself, and who else reads this clone.
const PROTECTED: [&str; 6] = [
    ".git/hooks",
    ".git/config",
    ".mcp.json",
    ".claude",
    ".cursor",
    ".codex",
];

/// A description that cannot be a profile.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SeatbeltError {
    #[error(
        "{0:?} cannot stand in a sandbox profile: it must be an absolute path without .. and without control characters"
    )]
    Path(String),
    #[error(
        "{outside:?} would have to be shown as {inside:?}; a macOS sandbox has no mounts, so both must be the same path"
    )]
    Moved { outside: String, inside: String },
}

/// The command line of a cage that promises these properties.
///
/// # Errors
/// Which of them no profile can keep; and as [`profile`]. Nothing may be started then.
pub fn door(
    spec: &CageSpec,
    argv: &[String],
    promised: &[Property],
) -> Result<Vec<String>, CageError> {
    if !promised.iter().all(|property| PROMISES.contains(property)) {
        return Err(lacks(promised));
    }
    if let Some((uid, _)) = spec.uid {
        return Err(CageError::Spec(format!(
            "a profile leaves a program the user that starts it, and this one is to be {uid}: start the factory as a normal user"
        )));
    }
    command_line(spec, argv).map_err(|error| CageError::Spec(error.to_string()))
}

/// The refusal of a cage that would have to promise these properties.
pub(super) fn lacks(promised: &[Property]) -> CageError {
    let missing = promised
        .iter()
        .filter(|property| !PROMISES.contains(property));
    CageError::Lacking {
        by: "sandbox-exec",
        lacking: missing.copied().collect(),
    }
}

/// The command line that runs `argv` under the profile of this description.
///
/// # Errors
/// As [`profile`].
fn command_line(spec: &CageSpec, argv: &[String]) -> Result<Vec<String>, SeatbeltError> {
    let mut line = vec![SANDBOX_EXEC.to_owned(), "-p".to_owned(), profile(spec)?];
    line.push("--".to_owned());
    line.extend(argv.iter().cloned());
    Ok(line)
}

/// The profile: deny, then what is allowed, then what stays denied within it. The last rule that matches wins.
///
/// # Errors
/// A path that is no plain absolute path, and a bind that would need a mount.
pub fn profile(spec: &CageSpec) -> Result<String, SeatbeltError> {
    let mut text = String::from("(version 1)\n(deny default)\n");
    text.push_str(PROCESSES);
    let system = SYSTEM_READ.iter().chain(&DEVICES).map(Path::new);
    allow(&mut text, "file-read*", system)?;
    allow(&mut text, "file-write-data", SINKS.iter().map(Path::new))?;
    allow(
        &mut text,
        "process-exec*",
        SYSTEM_READ.iter().map(Path::new),
    )?;
    for bind in &spec.toolchains {
        same_place(&bind.outside, &bind.inside)?;
        readable(&mut text, &bind.outside)?;
    }
    // Parents before children, so that what lies deeper has the last word.
    let mut binds: Vec<_> = spec.binds.iter().collect();
    binds.sort_by(|a, b| a.outside.cmp(&b.outside));
    for bind in &binds {
        same_place(&bind.outside, &bind.inside)?;
        readable(&mut text, &bind.outside)?;
        let path = [bind.outside.as_path()];
        match bind.access {
            Access::ReadWrite => allow(&mut text, "file-write*", path)?,
            Access::ReadOnly => rule(&mut text, "deny", "file-write*", &subpath(&bind.outside)?),
        }
    }
    // Below a read-only folder too: one that is writable may lie in it.
    for bind in &binds {
        for name in PROTECTED {
            let folded = folded(&bind.outside, name)?;
            rule(&mut text, "deny", "file-write*", &folded);
        }
    }
    network(&mut text, &spec.network)?;
    mach(&mut text);
    Ok(text)
}

/// Programs may start programs, and look at and signal none but their own. Setuid programs stay denied by default
/// (`forbidden-exec-sugid`), as does debugging.
const PROCESSES: &str = "\
(allow process-fork)\n\
(allow signal (target same-sandbox))\n\
(allow process-info* (target same-sandbox))\n\
(allow sysctl-read)\n\
(allow file-read-metadata (literal \"/\") (literal \"/private\") (literal \"/var\") (literal \"/tmp\") (literal \"/etc\"))\n\
(allow file-ioctl (literal \"/dev/dtracehelper\"))\n";

fn network(text: &mut String, network: &Network) -> Result<(), SeatbeltError> {
    text.push_str("(deny network*)\n");
    for operation in ["network-bind", "network-inbound"] {
        rule(text, "allow", operation, "(local ip \"localhost:*\")");
    }
    rule(
        text,
        "allow",
        "network-outbound",
        "(remote ip \"localhost:*\")",
    );
    if let Network::LoopbackAnd(forward) = network {
        let socket = literal(&forward.outside_socket)?;
        rule(text, "allow", "network-outbound", &socket);
    }
    Ok(())
}

fn mach(text: &mut String) {
    for service in MACH_SERVICES {
        let name = format!("(global-name {})", quoted(service));
        rule(text, "allow", "mach-lookup", &name);
    }
}

fn readable(text: &mut String, path: &Path) -> Result<(), SeatbeltError> {
    allow(text, "file-read*", [path])?;
    allow(text, "process-exec*", [path])?;
    // A path is walked from the top: the parents may be looked at, and not into.
    for parent in path.ancestors().skip(1) {
        let filter = literal(parent)?;
        if !text.contains(&format!("(allow file-read-metadata {filter})\n")) {
            rule(text, "allow", "file-read-metadata", &filter);
        }
    }
    Ok(())
}

fn allow<'a>(
    text: &mut String,
    operation: &str,
    paths: impl IntoIterator<Item = &'a Path>,
) -> Result<(), SeatbeltError> {
    for path in paths {
        rule(text, "allow", operation, &subpath(path)?);
    }
    Ok(())
}

fn rule(text: &mut String, verdict: &str, operation: &str, filter: &str) {
    text.push_str(&format!("({verdict} {operation} {filter})\n"));
}

fn subpath(path: &Path) -> Result<String, SeatbeltError> {
    Ok(format!("(subpath {})", quoted(checked(path)?)))
}

fn literal(path: &Path) -> Result<String, SeatbeltError> {
    Ok(format!("(literal {})", quoted(checked(path)?)))
}

/// The name below the folder in every spelling of its letters, and all below it.
fn folded(folder: &Path, name: &str) -> Result<String, SeatbeltError> {
    let mut pattern = String::from("^");
    for c in checked(folder)?.chars() {
        pattern.push_str(&plain(c));
    }
    pattern.push('/');
    for c in name.chars() {
        match c.is_ascii_alphabetic() {
            true => pattern.push_str(&format!(
                "[{}{}]",
                c.to_ascii_lowercase(),
                c.to_ascii_uppercase()
            )),
            false => pattern.push_str(&plain(c)),
        }
    }
    pattern.push_str("(/|$)");
    // The profile language reads a string first, so that a backslash of the pattern is written twice.
    Ok(format!("(regex {})", quoted(&pattern)))
}

/// One character of a pattern that means itself.
fn plain(c: char) -> String {
    match c.is_ascii_alphanumeric() || "/_- ".contains(c) || !c.is_ascii() {
        true => c.to_string(),
        false => format!("\\{c}"),
    }
}

/// A string of the profile language: only the quote and the backslash mean something in it.
fn quoted(text: &str) -> String {
    let mut quoted = String::from("\"");
    for c in text.chars() {
        if matches!(c, '"' | '\\') {
            quoted.push('\\');
        }
        quoted.push(c);
    }
    quoted.push('"');
    quoted
}

fn checked(path: &Path) -> Result<&str, SeatbeltError> {
    let parts = path
        .components()
        .all(|part| matches!(part, Component::RootDir | Component::Normal(_)));
    let text = path
        .to_str()
        .filter(|text| !text.contains(char::is_control));
    match text {
        Some(text) if path.is_absolute() && parts => Ok(text),
        Some(_) | None => Err(SeatbeltError::Path(path.to_string_lossy().into_owned())),
    }
}

fn same_place(outside: &Path, inside: &Path) -> Result<(), SeatbeltError> {
    if outside == inside {
        return Ok(());
    }
    Err(SeatbeltError::Moved {
        outside: outside.to_string_lossy().into_owned(),
        inside: inside.to_string_lossy().into_owned(),
    })
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use proptest::prelude::*;

    use super::super::spec::{Bind, Limits, UnixSocketForward};
    use super::*;

    fn spec(binds: &[(&str, Access)], tools: &[&str]) -> CageSpec {
        let bind = |path: &str, access| Bind {
            outside: PathBuf::from(path),
            inside: PathBuf::from(path),
            access,
        };
        CageSpec {
            binds: binds
                .iter()
                .map(|(path, access)| bind(path, *access))
                .collect(),
            cwd: PathBuf::from("/"),
            env: Vec::new(),
            network: Network::Loopback,
            limits: Limits::default(),
            uid: None,
            toolchains: tools
                .iter()
                .map(|path| bind(path, Access::ReadWrite))
                .collect(),
            path: "/usr/bin".to_owned(),
        }
    }

    #[test]
    fn a_builder_s_profile() {
        let spec = spec(
            &[
                ("/w/run/clone", Access::ReadOnly),
                ("/w/run/clone/.git", Access::ReadWrite),
                ("/w/run/clone/src", Access::ReadWrite),
            ],
            &["/opt/tool"],
        );
        insta::assert_snapshot!(profile(&spec).unwrap());
        let line = command_line(&spec, &["sh".into(), "-c".into(), "true".into()]).unwrap();
        assert_eq!(line[..2], ["/usr/bin/sandbox-exec", "-p"]);
        assert_eq!(line[3..], ["--", "sh", "-c", "true"]);
    }

    #[test]
    fn a_reviewer_s_clone_is_named_in_no_rule_that_allows_a_write() {
        let spec = spec(
            &[
                ("/w/run/clone", Access::ReadOnly),
                ("/w/run/tmp", Access::ReadWrite),
            ],
            &[],
        );
        let text = profile(&spec).unwrap();
        let writes: Vec<&str> = text
            .lines()
            .filter(|line| line.starts_with("(allow file-write"))
            .collect();
        assert!(
            writes.iter().all(|line| !line.contains("clone")),
            "{writes:?}"
        );
        assert!(writes.contains(&"(allow file-write* (subpath \"/w/run/tmp\"))"));
    }

    #[test]
    fn a_set_up_reaches_its_proxy_s_socket_and_no_other() {
        let mut spec = spec(&[], &[]);
        spec.network = Network::LoopbackAnd(UnixSocketForward {
            outside_socket: PathBuf::from("/w/egress.sock"),
            inside_port: 3128,
        });
        let text = profile(&spec).unwrap();
        let out: Vec<&str> = text
            .lines()
            .filter(|line| line.starts_with("(allow network-outbound"))
            .collect();
        assert_eq!(
            out,
            [
                "(allow network-outbound (remote ip \"localhost:*\"))",
                "(allow network-outbound (literal \"/w/egress.sock\"))",
            ]
        );
    }

    #[test]
    fn names_that_are_protected_are_so_in_every_spelling() {
        let text = profile(&spec(&[("/w/a.b", Access::ReadWrite)], &[])).unwrap();
        let wanted =
            r#"(deny file-write* (regex "^/w/a\\.b/\\.[gG][iI][tT]/[hH][oO][oO][kK][sS](/|$)"))"#;
        assert!(text.contains(wanted), "{text}");
        let allowed = text
            .find("(allow file-write* (subpath \"/w/a.b\"))")
            .unwrap();
        assert!(allowed < text.find(wanted).unwrap(), "the last rule wins");
    }

    #[test]
    fn what_is_no_plain_path_and_what_needs_a_mount_is_refused() {
        for path in ["relative", "/a/../b", "/a\nb", "/a\u{7}b"] {
            let refused = profile(&spec(&[(path, Access::ReadOnly)], &[]));
            assert!(matches!(refused, Err(SeatbeltError::Path(_))), "{path:?}");
        }
        let mut moved = spec(&[("/w/clone", Access::ReadOnly)], &[]);
        moved.binds[0].inside = PathBuf::from("/repo");
        assert!(matches!(profile(&moved), Err(SeatbeltError::Moved { .. })));
    }

    #[test]
    fn the_door_runs_what_a_profile_can_promise_and_refuses_the_rest_by_name() {
        let spec = spec(&[("/w/run/clone", Access::ReadWrite)], &[]);
        let argv = ["git".to_owned(), "--".to_owned(), "-p".to_owned()];
        let line = door(&spec, &argv, &PROMISES).unwrap();
        let whole = [
            SANDBOX_EXEC,
            "-p",
            &profile(&spec).unwrap(),
            "--",
            "git",
            "--",
            "-p",
        ];
        assert_eq!(line, whole, "what the program is told is its own");
        for property in Property::ALL {
            let asked = door(&spec, &argv, &[Property::WritesInside, property]);
            match PROMISES.contains(&property) {
                true => assert_eq!(asked.unwrap(), whole),
                false => assert!(
                    matches!(&asked, Err(CageError::Lacking { lacking, .. }) if *lacking == [property]),
                    "{property:?}: {asked:?}"
                ),
            }
        }
        let mut by_root = spec.clone();
        by_root.uid = Some((64_001, 64_001));
        assert!(
            matches!(door(&by_root, &argv, &PROMISES), Err(CageError::Spec(why)) if why.contains("64001"))
        );
        let mut moved = spec;
        moved.binds[0].inside = PathBuf::from("/repo");
        assert!(matches!(
            door(&moved, &argv, &PROMISES),
            Err(CageError::Spec(_))
        ));
    }

    #[test]
    fn what_a_profile_cannot_promise_is_not_claimed() {
        let missing: Vec<Property> = Property::ALL
            .into_iter()
            .filter(|property| !PROMISES.contains(property))
            .collect();
        assert_eq!(
            missing,
            [Property::OwnNetwork, Property::Bounded, Property::EndsWhole]
        );
    }

    /// Reads a profile as its language does: lists of words and strings. `None` when brackets or quotes do not match.
    fn rules(text: &str) -> Option<Vec<Vec<String>>> {
        let (mut rules, mut rule, mut depth) = (Vec::new(), Vec::new(), 0_usize);
        let mut chars = text.chars().peekable();
        while let Some(c) = chars.next() {
            match c {
                '(' => depth += 1,
                ')' => {
                    depth = depth.checked_sub(1)?;
                    if depth == 0 {
                        rules.push(std::mem::take(&mut rule));
                    }
                }
                '"' => {
                    let mut word = String::from("\"");
                    loop {
                        match chars.next()? {
                            '"' => break,
                            '\\' => word.push(chars.next()?),
                            c => word.push(c),
                        }
                    }
                    rule.push(word);
                }
                c if c.is_whitespace() => {}
                c => {
                    let mut word = String::from(c);
                    while let Some(c) =
                        chars.next_if(|c| !c.is_whitespace() && !matches!(c, '(' | ')' | '"'))
                    {
                        word.push(c);
                    }
                    rule.push(word);
                }
            }
        }
        (depth == 0 && rule.is_empty()).then_some(rules)
    }

    const HOSTILE: &str = r#"[a-zA-Z0-9 ."\\();|*\[\]${}#'`,+?^-]{1,24}"#;

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(256))]

        /// However folders are called, the profile has the rules of a harmless name, and each path stands in it as it is.
        #[test]
        fn no_name_of_a_folder_can_become_a_rule(name in HOSTILE, other in HOSTILE) {
            prop_assume!(![".", ".."].contains(&name.as_str()) && ![".", ".."].contains(&other.as_str()));
            let of = |a: &str, b: &str| {
                let (a, b) = (format!("/w/{a}"), format!("/w/x/{b}"));
                let spec = spec(&[(&a, Access::ReadWrite), (&b, Access::ReadOnly)], &[]);
                rules(&profile(&spec).unwrap()).expect("brackets and quotes match")
            };
            let words = |rules: &[Vec<String>]| -> Vec<Vec<String>> {
                let keep = |rule: &Vec<String>| {
                    rule.iter().filter(|word| !word.starts_with('"')).cloned().collect()
                };
                let mut words: Vec<Vec<String>> = rules.iter().map(keep).collect();
                words.sort();
                words
            };
            let hostile = of(&name, &other);
            prop_assert_eq!(words(&hostile), words(&of("harmless", "plain")));
            let path = format!("\"/w/{name}");
            let written = hostile.iter().any(|rule| {
                rule[..2] == ["allow".to_owned(), "file-write*".to_owned()] && rule.contains(&path)
            });
            prop_assert!(written, "{} is not allowed as it is", path);
        }

        /// No home, key or folder of the factory is readable, whatever is bound beside it.
        #[test]
        fn nothing_that_was_not_given_can_be_read(name in "[a-z]{1,8}", user in "[a-z]{1,8}") {
            let clone = format!("/Users/{user}/.alai/runs/{name}/clone");
            let spec = spec(&[(&clone, Access::ReadWrite)], &[]);
            let rules = rules(&profile(&spec).unwrap()).expect("brackets and quotes match");
            let home = PathBuf::from(format!("/Users/{user}"));
            let secrets = [
                ".ssh/id_ed25519", ".aws/credentials", ".alai/gate.key", ".alai/mission.db", ".alai/token", ".alai/runs",
                "Library/Keychains/login.keychain-db", ".claude/.credentials.json",
            ];
            for rule in rules.iter().filter(|rule| rule[0] == "allow") {
                let opens = rule[1].starts_with("file-read") || rule[1].starts_with("file-write");
                if !opens || !rule.contains(&"subpath".to_owned()) {
                    // A literal folder may be looked at, and its content may not.
                    prop_assert!(!opens || rule[1] == "file-read-metadata" || rule[1] == "file-ioctl", "{:?}", rule);
                    continue;
                }
                for word in rule.iter().filter_map(|word| word.strip_prefix('"')) {
                    for secret in secrets {
                        prop_assert!(!home.join(secret).starts_with(word), "{:?} opens {}", rule, secret);
                    }
                }
            }
        }
    }
}

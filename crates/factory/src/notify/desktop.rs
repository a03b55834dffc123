//! A notification of the desktop, by the system's own program at its own place, and only where somebody is logged in to see it.

use std::path::Path;
use std::time::Duration;

use alai_core::notify::mrkdwn;
use alai_workspace::command;

use super::Outcome;
use super::words::{self, Said};

/// Showing takes milliseconds; a notification daemon that does not answer is not waited for.
const TIME_MAX: Duration = Duration::from_secs(5);

const NOTIFY_SEND: &str = "/usr/bin/notify-send";
const OSASCRIPT: &str = "/usr/bin/osascript";

/// The variables of a session that the program needs, and no others.
const SESSION: [&str; 6] = [
    "DBUS_SESSION_BUS_ADDRESS",
    "XDG_RUNTIME_DIR",
    "DISPLAY",
    "WAYLAND_DISPLAY",
    "XAUTHORITY",
    "HOME",
];

pub(super) fn show(said: &[Said]) -> Outcome {
    let env: Vec<(&str, String)> = SESSION
        .into_iter()
        .filter_map(|name| Some((name, std::env::var(name).ok()?)))
        .collect();
    if cfg!(target_os = "macos") {
        return run(&scripted(said), &env);
    }
    if !has_session(&env) {
        return Outcome::NotShown("no desktop session where alai runs".into());
    }
    run(&shown(Path::new(NOTIFY_SEND), said), &env)
}

/// A bus and a screen.
fn has_session(env: &[(&str, String)]) -> bool {
    let has = |name: &str| {
        env.iter()
            .any(|(known, value)| *known == name && !value.is_empty())
    };
    (has("DBUS_SESSION_BUS_ADDRESS") || has("XDG_RUNTIME_DIR"))
        && (has("DISPLAY") || has("WAYLAND_DISPLAY"))
}

/// The text may be read as markup: what would be some is escaped.
fn shown(program: &Path, said: &[Said]) -> Vec<String> {
    let (title, text) = words::desktop(said);
    vec![
        program.display().to_string(),
        "--app-name=alai".into(),
        "--".into(),
        title,
        mrkdwn(&text),
    ]
}

/// Title and text are the script's arguments and no part of it.
fn scripted(said: &[Said]) -> Vec<String> {
    let (title, text) = words::desktop(said);
    let script = [
        "on run argv",
        "display notification (item 2 of argv) with title (item 1 of argv)",
        "end run",
    ];
    let lines = script.into_iter().flat_map(|line| ["-e", line]);
    std::iter::once(OSASCRIPT)
        .chain(lines)
        .map(str::to_owned)
        .chain([title, text])
        .collect()
}

fn run(argv: &[String], env: &[(&str, String)]) -> Outcome {
    match command::host(argv, Path::new("/"), env, &[], TIME_MAX) {
        Ok(done) if done.success() => Outcome::Told,
        Ok(done) => Outcome::Later(format!("{} ended with {}", argv[0], done.exit), None),
        Err(command::HostError::Start { source, .. })
            if source.kind() == std::io::ErrorKind::NotFound =>
        {
            Outcome::NotShown(format!("there is no {}", argv[0]))
        }
        Err(e) => Outcome::Later(e.to_string(), None),
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use alai_core::ids::TaskId;
    use alai_core::notify::Kind;
    use alai_mission::Notice;

    use super::super::words::Stands;
    use super::*;

    fn said(title: &str) -> Vec<Said> {
        let notice = Notice {
            id: "evt_1_ab".into(),
            kind: Some(Kind::Done),
            task: Some(TaskId(3)),
            goal: None,
            title: title.into(),
            detail: "<b>bold</b>".into(),
            at_ms: 0,
        };
        vec![Said::new(&notice, Stands::default())]
    }

    #[test]
    fn title_and_text_are_arguments_and_no_markup() {
        let dir = tempfile::tempdir().expect("a folder");
        let program = dir.path().join("notify-send");
        let out = dir.path().join("out");
        let text = format!("#!/bin/sh\nprintf '%s\\n' \"$@\" > '{}'\n", out.display());
        std::fs::write(&program, text).expect("written");
        std::fs::set_permissions(&program, PermissionsExt::from_mode(0o700)).expect("set");
        let argv = shown(&program, &said("--help $(id) \"; tell application"));
        assert_eq!(run(&argv, &[]), Outcome::Told);
        assert_eq!(
            std::fs::read_to_string(&out).expect("it ran"),
            "--app-name=alai\n--\nalai #3 done: --help $(id) \"; tell application\n&lt;b&gt;bold&lt;/b&gt;\n"
        );
        let script = scripted(&said("\" & quit"));
        assert!(
            script[..7].iter().all(|word| !word.contains("quit")),
            "{script:?}"
        );
    }

    #[test]
    fn without_a_session_nothing_is_started() {
        let env = |names: &[&'static str]| -> Vec<(&str, String)> {
            names.iter().map(|name| (*name, "x".to_owned())).collect()
        };
        assert!(!has_session(&env(&[])));
        assert!(!has_session(&env(&["DISPLAY"])));
        assert!(!has_session(&env(&["DBUS_SESSION_BUS_ADDRESS"])));
        assert!(has_session(&env(&["XDG_RUNTIME_DIR", "WAYLAND_DISPLAY"])));
        let none = run(&["/nowhere/notify-send".into()], &[]);
        assert!(matches!(none, Outcome::NotShown(_)), "{none:?}");
    }
}

//! `verify/run.sh`: the recorded commands of a package once more, for whoever has git, the repository and the project's tools, and
//! no alai.
//!
//! It is made of the recipe and of the records, and says itself what it cannot repeat.

use alai_core::qa::{Check, CheckResult, Verdict};
use alai_core::record::Exit;

use super::recipe::Recipe;
use super::statement::CommandEntry;
use crate::census::Census;
use crate::measure::Behind;

/// What the gate puts before the line of shell that it runs.
const MERGED: &str = "exec 2>&1\n";

const HEAD: &str = r#"#!/bin/sh
# shellcheck disable=SC2016 # A command is handed on as it is written.
#
# Repeats the recorded commands of this package on their commit, and the tests of the base on the base, each in a fresh clone, and
# compares how they exit.
#
#   sh verify/run.sh REPOSITORY
#
# It needs git, a repository that has the commit, and the project's own tools. The commands are the project's, and nothing holds
# them: run this where they can do no harm. `alai evidence verify DIR --rerun` runs them in a cage, without a network, puts the
# tests of the base back, and asks every check.
#
# Exits 0 where all came out as recorded, 1 where one did not, 2 where it could not be tried.
set -u
"#;

const BODY: &str = r#"
if [ $# -ne 1 ]; then
    printf 'usage: sh verify/run.sh REPOSITORY\n' >&2
    exit 2
fi
case $1 in
    /* | *://*) repository=$1 ;;
    *) repository=$(pwd)/$1 ;;
esac
work=$(mktemp -d) || exit 2
trap 'rm -rf "$work"' EXIT
trap 'exit 2' HUP INT TERM

# Git as nobody has configured it.
plain_git() {
    GIT_CONFIG_GLOBAL=/dev/null GIT_CONFIG_NOSYSTEM=1 GIT_TERMINAL_PROMPT=0 \
        git -c core.hooksPath=/dev/null -c core.fsmonitor=false -c init.defaultBranch=none "$@"
}

plain_git init --quiet --bare "--object-format=$format" "$work/objects" || exit 2
if ! plain_git -C "$work/objects" fetch --quiet --no-tags "$repository" "$head" 2>"$work/why"; then
    # A server may give what has a name only.
    if ! plain_git -C "$work/objects" fetch --quiet --no-tags "$repository" '+refs/*:refs/all/*' 2>>"$work/why" ||
        ! plain_git -C "$work/objects" cat-file -e "$head^{commit}" 2>>"$work/why"; then
        printf '%s does not give the commit %s:\n' "$repository" "$head" >&2
        tr -cd '\11\12\40-\176' <"$work/why" >&2
        exit 2
    fi
fi
plain_git -C "$work/objects" update-ref refs/heads/measured "$head" || exit 2
# It comes with the commit that was made upon it.
plain_git -C "$work/objects" update-ref refs/heads/base "$base" 2>/dev/null

same=0
other=0
left=0
tries=0

# FOLDER COMMAND: runs it there with the project's variables, in a shell of its own.
run_in() {
    cd "$1" || exit 2
    around
    exec sh -c "$2"
}

# LABEL CODE COMMAND [BRANCH]: runs it at the top of a fresh clone of the commit, or of the base.
repeat() {
    tries=$((tries + 1))
    clone=$work/clone-$tries
    plain_git clone --quiet --shared --branch "${4:-measured}" "$work/objects" "$clone" || exit 2
    if [ -n "$setup" ] && ! (run_in "$clone" "$setup") >"$work/out" 2>&1 </dev/null; then
        printf 'the set-up failed: %s\n' "$setup" >&2
        tail -n 20 "$work/out" | tr -cd '\11\12\40-\176' >&2
        exit 2
    fi
    (run_in "$clone" "$3") >"$work/out" 2>&1 </dev/null
    code=$?
    if [ "$code" -eq "$2" ]; then
        same=$((same + 1))
        printf 'same   %s: exit %s\n' "$1" "$code"
    else
        other=$((other + 1))
        printf 'OTHER  %s: exit %s, and %s is recorded\n' "$1" "$code" "$2"
        tail -n 20 "$work/out" | tr -cd '\11\12\40-\176'
    fi
    rm -rf "$clone"
}

# WHAT WHY: what is left to alai.
leave() {
    left=$((left + 1))
    printf 'left   %s: %s\n' "$1" "$2"
}

printf 'commit %s\n' "$head"
"#;

const END: &str = r#"
printf '%s as recorded, %s not, %s left to `alai evidence verify DIR --rerun`\n' "$same" "$other" "$left"
[ "$other" -eq 0 ] || exit 1
[ "$same" -gt 0 ] || exit 2
"#;

/// The script of a package whose records are `commands`; `behind` counts them from 0.
pub(super) fn script(
    (recipe, base_tests): (&Recipe, &Census),
    behind: &Behind,
    commands: &[CommandEntry],
    verdict: &Verdict,
    redact: &dyn Fn(&str) -> String,
) -> String {
    let mut text = HEAD.to_owned();
    text.push_str(&format!("head={}\n", quoted(&recipe.head)));
    text.push_str(&format!("base={}\n", quoted(&recipe.base)));
    let format = match recipe.head.len() {
        40 => "sha1",
        _ => "sha256",
    };
    text.push_str(&format!("format={format}\n"));
    let mut left = Vec::new();
    let is_secret = |text: &str| redact(text) != text;
    let setup = recipe.setup_command.as_deref().unwrap_or_default();
    let setup_is_secret = is_secret(setup);
    let shown = if setup_is_secret { "" } else { setup };
    text.push_str(&format!("setup={}\n", quoted(shown)));
    match (setup.is_empty(), setup_is_secret) {
        (true, _) => left.push(("set-up", "none is recorded; alai finds it by the lockfiles")),
        (false, true) => left.push(("set-up", "a part of it is kept secret")),
        (false, false) => {}
    }
    // In a function, and so after all that the script needs: a project's variable may have the name of one of its own.
    text.push_str("around() {\n    :\n");
    for (name, value) in &recipe.around.variables {
        match is_secret(value) {
            true => left.push(("a variable", "its value is kept secret")),
            false => text.push_str(&format!(
                "    {name}={}\n    export {name}\n",
                quoted(value)
            )),
        }
    }
    text.push_str("}\n");
    if !recipe.around.services.is_empty() {
        left.push(("services", "alai starts them beside the commands"));
    }
    text.push_str(BODY);
    text.push_str(&on_base(recipe, base_tests, &is_secret));
    let own = |command: &Option<String>| command.clone().into_iter().collect::<Vec<_>>();
    let steps = [
        (Check::CleanBuild, own(&recipe.build_command)),
        (Check::BaseTestsPass, vec![recipe.test_command.clone()]),
        (Check::LintFormatTypes, own(&recipe.lint_command)),
        (Check::AcceptanceChecks, recipe.checks.clone()),
    ];
    let mut repeated = Vec::new();
    for (check, command) in steps
        .into_iter()
        .flat_map(|(check, all)| all.into_iter().map(move |command| (check, command)))
        .filter(|(_, command)| !command.is_empty())
    {
        let recorded = recorded(behind, check, &command, commands, recipe.checks.len());
        let line = match (is_secret(&command), recorded) {
            (true, _) => leave(check.id(), "a part of the command is kept secret"),
            (false, Ok(code)) => {
                repeated.push(check);
                let label = quoted(&format!("{}, {}", check.id(), first_line(&command)));
                format!("repeat {label} {code} {}\n", quoted(&command))
            }
            (false, Err(why)) => leave(check.id(), why),
        };
        text.push_str(&line);
    }
    for (what, why) in left {
        text.push_str(&leave(what, why));
    }
    for measurement in &verdict.measurements {
        let check = measurement.check;
        if measurement.result == CheckResult::NotApplicable || check == Check::EvidenceComplete {
            continue;
        }
        let why = match (repeated.contains(&check), check) {
            (true, Check::BaseTestsPass) => "with the tests of the base, and by name",
            (true, _) => continue,
            (false, _) => "alai itself measures it",
        };
        text.push_str(&leave(check.id(), why));
    }
    text.push_str(END);
    text
}

/// The tests of the base on the base itself: what the change is held against.
fn on_base(recipe: &Recipe, base_tests: &Census, is_secret: &dyn Fn(&str) -> bool) -> String {
    let (label, command) = ("the tests of the base, on the base", &recipe.test_command);
    match base_tests.exit {
        _ if is_secret(command) => leave(label, "a part of the command is kept secret"),
        Exit::Code { code } => {
            let repeat = format!("repeat {} {code} {} base", quoted(label), quoted(command));
            let none = leave(label, "the repository does not have the base");
            format!(
                "if plain_git -C \"$work/objects\" rev-parse --quiet --verify refs/heads/base >\"$work/out\" 2>&1; then\n    \
                 {repeat}\nelse\n    {none}fi\n"
            )
        }
        Exit::Signal { .. }
        | Exit::TimedOut { .. }
        | Exit::Cancelled
        | Exit::TooMuchOutput { .. }
        | Exit::OverLimit { .. } => leave(label, "they did not end by themselves"),
    }
}

fn leave(what: &str, why: &str) -> String {
    format!("leave {} {}\n", quoted(what), quoted(why))
}

/// The code that a command of a check is recorded with.
fn recorded(
    behind: &Behind,
    check: Check,
    command: &str,
    commands: &[CommandEntry],
    own: usize,
) -> Result<i32, &'static str> {
    // Of the task's own commands those of the head come first, as many as there are, and those of the base behind them.
    let of_head = match check == Check::AcceptanceChecks {
        true => own,
        false => usize::MAX,
    };
    let places = behind.get(&check).into_iter().flatten().take(of_head);
    let records = places.filter_map(|at| commands.get(*at));
    let of = records.filter(|entry| {
        let line = entry.record.argv.last().map_or("", String::as_str);
        line.strip_prefix(MERGED).unwrap_or(line) == command
    });
    let mut exits: Vec<Exit> = of.map(|entry| entry.record.exit).collect();
    // A runner that would not start for what it was asked was run again without.
    if check == Check::BaseTestsPass {
        exits.drain(..exits.len().saturating_sub(1));
    }
    exits.dedup();
    match exits[..] {
        [Exit::Code { code }] => Ok(code),
        [] => Err("there is no record of just this command"),
        [_] => Err("it did not end by itself"),
        _ => Err("it is recorded on more than one tree, with other exits"),
    }
}

/// One word of a shell, whatever stands in it.
fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', r"'\''"))
}

/// For people: a line that a terminal shows as it is.
fn first_line(command: &str) -> String {
    let line = command.lines().next().unwrap_or_default();
    line.chars().filter(|c| !c.is_control()).take(80).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_word_of_the_shell_stays_what_it_is() {
        for text in ["it's", "$(touch x)", "`x`", "a\nb", "'", "", "\\", "!"] {
            let quoted = quoted(text);
            let inner = quoted.strip_prefix('\'').and_then(|q| q.strip_suffix('\''));
            let inner = inner.expect("it stands in quotes");
            assert_eq!(inner.replace(r"'\''", "'"), text);
            let alone = inner.replace(r"'\''", "");
            assert!(!alone.contains('\''), "{quoted}");
        }
    }
}

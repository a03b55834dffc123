//! What stands in the place of `go` and asks for its events: nothing of a project's words, names or flags is lost by it.

use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Command, Output};

use alai_gate::census::TestStatus;

use super::world::World;

const MODULE: (&str, &str) = ("go.mod", "module example.com/s\n\ngo 1.19\n");

#[test]
fn a_backslash_in_a_name_stays_needs_go() {
    let names = "package s\n\nimport \"testing\"\n\nfunc TestAll(t *testing.T) {\n\
                 \tfor _, name := range []string{`\"a\\tb\"`, `C:\\temp`, `\\u003c`, `x<y&\\n`} {\n\t\tt.Run(name, func(t *testing.T) {})\n\t}\n}\n";
    let world = World::new(&[MODULE, ("s_test.go", names)]);
    let base = world.base(&world.tip(), "go test ./...").expect("it runs");
    assert!(base.census.known, "{:?}", base.census);
    assert_eq!(base.census.read, ["go by its report"]);
    for name in ["\"a\\tb\"", "C:\\temp", "\\u003c", "x<y&\\n"] {
        let id = format!("example.com/s::TestAll/{name}");
        assert_eq!(base.census.ids.get(&id), Some(&TestStatus::Passed), "{id}");
    }
}

/// The file of events is the tests' to write; what is printed is of another source.
#[test]
fn events_that_a_test_wrote_anew_are_not_believed_needs_go() {
    let forging = "package s\n\nimport (\n\t\"os\"\n\t\"path/filepath\"\n\t\"testing\"\n)\n\n\
        const events = `{\"Action\":\"run\",\"Package\":\"example.com/s\",\"Test\":\"TestGone\"}\n\
        {\"Action\":\"output\",\"Package\":\"example.com/s\",\"Test\":\"TestGone\",\"Output\":\"=== RUN   TestGone\\n\"}\n\
        {\"Action\":\"output\",\"Package\":\"example.com/s\",\"Test\":\"TestGone\",\"Output\":\"--- PASS: TestGone (0.00s)\\n\"}\n\
        {\"Action\":\"pass\",\"Package\":\"example.com/s\",\"Test\":\"TestGone\",\"Elapsed\":0}\n\
        {\"Action\":\"output\",\"Package\":\"example.com/s\",\"Output\":\"ok  \\texample.com/s\\t0.002s\\n\"}\n\
        {\"Action\":\"pass\",\"Package\":\"example.com/s\",\"Elapsed\":0.002}\n`\n\n\
        func TestOnly(t *testing.T) {\n\tfound, _ := filepath.Glob(os.Getenv(\"HOME\") + \"/.report-*-go-*\")\n\
        \tfor _, path := range found {\n\t\tos.Remove(path)\n\t\tos.WriteFile(path, []byte(events), 0o644)\n\t}\n}\n";
    let world = World::new(&[MODULE, ("s_test.go", forging)]);
    let base = world.base(&world.tip(), "go test ./...").expect("it runs");
    let census = &base.census;
    assert!(
        !census.known && census.note.contains("garbled or forged"),
        "{census:?}"
    );
}

/// What stands in the place of `go` is nobody's to replace: neither where the tests write nor where it lies.
#[test]
fn a_test_that_puts_its_own_go_before_the_others_is_not_asked_needs_go() {
    let hostile = r##"package a

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

const other = "#!/bin/sh\necho '=== RUN   TestB'\necho '--- PASS: TestB (0.00s)'\nprintf 'ok  \\texample.com/s/b\\t0.002s\\n'\n" +
	"cat > \"$HOME/.report-$(cat $HOME/drawn)-go-aaaaaaaaaa\" <<'END'\n{\"Action\":\"pass\",\"Package\":\"example.com/s/b\",\"Test\":\"TestB\"}\nEND\n"

func TestA(t *testing.T) {
	home := os.Getenv("HOME")
	left, _ := filepath.Glob(home + "/.report-*-go-*")
	for _, path := range left {
		drawn := filepath.Base(path)[len(".report-"):]
		os.WriteFile(home+"/drawn", []byte(drawn[:32]), 0o644)
	}
	places, _ := filepath.Glob(home + "/.report-*-bin")
	for _, place := range append(places, "/gate") {
		os.WriteFile(place+"/go", []byte(other), 0o755)
		exec.Command("rm", "-f", place+"/go").Run()
		if os.Rename(place, home+"/away") == nil || os.Remove(place) == nil {
			os.Mkdir(place, 0o755)
		}
		os.WriteFile(place+"/go", []byte(other), 0o755)
		os.Chmod(place+"/go", 0o755)
	}
}
"##;
    let red =
        "package b\n\nimport \"testing\"\n\nfunc TestB(t *testing.T) { t.Error(\"wrong\") }\n";
    let world = World::new(&[MODULE, ("a/a_test.go", hostile), ("b/b_test.go", red)]);
    let command = "go test ./a; go test ./b";
    let base = world.base(&world.tip(), command).expect("it runs");
    let census = &base.census;
    let status = census.ids.get("example.com/s/b::TestB");
    assert_eq!(status, Some(&TestStatus::Failed), "{census:?}");
    assert!(census.known, "{census:?}");
    assert!(!census.exit.success(), "{census:?}");
}

/// Runs our `go` before one that says what it was asked and prints `text`.
#[track_caller]
fn asked(folder: &Path, text: &str, args: &[&str]) -> Output {
    let put = |name: &str, content: &str| {
        let path = folder.join(name);
        std::fs::create_dir_all(path.parent().expect("a folder")).expect("made");
        std::fs::write(&path, content).expect("written");
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).expect("set");
    };
    let at = folder.display().to_string();
    let ours = include_str!("../../src/reports/go.sh")
        .replace("@PREFIX@", &format!("{at}/left-"))
        .replace("@BIN@", &format!("{at}/bin"));
    put("bin/go", &ours);
    put("events", text);
    let real = format!("#!/bin/sh\nprintf '%s,' \"$@\" >&2\ncat '{at}/events'\nexit 3\n");
    put("real/go", &real);
    let path = format!("{at}/bin:{at}/real:/usr/bin:/bin");
    Command::new("/bin/sh")
        .arg(format!("{at}/bin/go"))
        .args(args)
        .env("PATH", path)
        .output()
        .expect("it starts")
}

#[test]
fn only_a_run_of_tests_is_asked_for_events() {
    let folder = tempfile::tempdir().expect("a folder");
    for (args, want) in [
        (&["test", "./..."][..], "test,-json,./...,"),
        (&["-C", "b c", "test", "./..."], "test,-C=b c,-json,./...,"),
        (&["-C=b", "test"], "test,-C=b,-json,"),
        (&["test", "-C", "b", "./..."], "test,-C=b,-json,./...,"),
        (&["test", "--json", "./..."], "test,--json,./...,"),
        (&["test", "--list=."], "test,--list=.,"),
        (&["test", "--c"], "test,--c,"),
        (&["-C", "b", "build", "test"], "-C,b,build,test,"),
        (&["vet", "test"], "vet,test,"),
    ] {
        let output = asked(folder.path(), "", args);
        assert_eq!(String::from_utf8_lossy(&output.stderr), want, "{args:?}");
        assert_eq!(output.status.code(), Some(3), "{args:?}");
    }
}

/// As `go test -json` mixes packages that run side by side: each test stays before the line of its own package.
#[test]
fn packages_side_by_side_keep_their_tests() {
    let folder = tempfile::tempdir().expect("a folder");
    let said = |package: &str, text: &str| {
        format!("{{\"Action\":\"output\",\"Package\":\"{package}\",\"Output\":\"{text}\\n\"}}\n")
    };
    let events = [
        said("a", "=== RUN   TestOne"),
        said("b", "=== RUN   TestTwo"),
        said("c", "ok  \\tc\\t0.1s"),
        "{\"Action\":\"pass\",\"Package\":\"c\"}\n".into(),
        "FAIL\td [build failed]\n".into(),
        said("a", "--- PASS: TestOne (0.00s)"),
        said("b", "--- PASS: TestTwo (0.00s)"),
        said("a", "ok  \\ta\\t0.1s"),
        "{\"Action\":\"pass\",\"Package\":\"a\"}\n".into(),
        said("b", "ok  \\tb\\t0.1s"),
        "{\"Action\":\"pass\",\"Package\":\"b\"}\n".into(),
    ];
    let output = asked(folder.path(), &events.concat(), &["test", "./..."]);
    assert_eq!(
        String::from_utf8_lossy(&output.stdout),
        "=== RUN   TestOne\n--- PASS: TestOne (0.00s)\nok  \ta\t0.1s\nFAIL\td [build failed]\nok  \tc\t0.1s\n\
         === RUN   TestTwo\n--- PASS: TestTwo (0.00s)\nok  \tb\t0.1s\n"
    );
}

/// As Go writes it since 1.20: a benchmark has an event that it began alone.
#[test]
fn a_benchmark_that_never_ends_leaves_no_event() {
    let folder = tempfile::tempdir().expect("a folder");
    let events = "{\"Action\":\"run\",\"Package\":\"a\",\"Test\":\"BenchmarkAdd\"}\n\
                  {\"Action\":\"output\",\"Package\":\"a\",\"Test\":\"BenchmarkAdd\",\"Output\":\"=== RUN   BenchmarkAdd\\n\"}\n\
                  {\"Action\":\"output\",\"Package\":\"a\",\"Output\":\"ok  \\ta\\t0.1s\\n\"}\n{\"Action\":\"pass\",\"Package\":\"a\"}\n";
    let output = asked(folder.path(), events, &["test", "-bench=."]);
    let said = String::from_utf8_lossy(&output.stdout);
    assert_eq!(said, "=== RUN   BenchmarkAdd\nok  \ta\t0.1s\n");
    let left = { std::fs::read_dir(folder.path()).expect("it is there") }
        .flatten()
        .find(|entry| entry.file_name().to_string_lossy().starts_with("left-go-"))
        .expect("events");
    let left = std::fs::read_to_string(left.path()).expect("text");
    assert_eq!(left, events.split_once('\n').expect("lines").1);
}

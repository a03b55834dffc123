//! The twin of GitHub: a program that stands for `gh` over a file of state, and a bare repository that stands for the remote. It knows the
//! five calls that are made of it, answers in the form of the real one (`gh` 2, its manual and its JSON fields), and misbehaves on demand.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

/// The folder of the twin, for the program; the script that starts it says it.
const FOLDER: &str = "GH_TWIN_FOLDER";
/// What the twin writes on and on when it is asked for an enormous answer.
const ENORMOUS_BYTES: usize = 64 << 20;

/// All that it knows.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct State {
    /// The bare repository behind it.
    pub bare: PathBuf,
    pub pulls: Vec<Pull>,
    /// How calls go wrong, the first that fits.
    pub faults: Vec<Fault>,
    /// The arguments of each call, and the names of its variables.
    pub calls: Vec<Vec<String>>,
    pub variables: Vec<String>,
}

/// A pull request. What hangs on it is in the words of the wire.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Pull {
    pub number: u64,
    pub head: String,
    pub base: String,
    pub title: String,
    pub body: String,
    /// `OPEN`, `MERGED` or `CLOSED`.
    pub state: String,
    /// The commit at which it was merged or closed; where none is said its branch's.
    pub ended_at: String,
    /// Of a fork whose branch has the same name.
    pub cross: bool,
    pub checks: Vec<Value>,
    pub reviews: Vec<Value>,
    pub comments: Vec<Value>,
    /// Comments at lines, as the REST interface has them.
    pub lines: Vec<Value>,
}

/// Calls that begin so go wrong, so many times.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Fault {
    pub on: String,
    pub what: Trouble,
    pub times: u32,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Trouble {
    LoggedOut,
    RateLimited,
    ServerError,
    /// The repository is not there, or the login may not see it: GitHub answers alike.
    NotFound,
    /// It takes the request for none that it can carry out.
    Unprocessable,
    /// It answers what is no JSON.
    Malformed,
    Enormous,
    /// It lists nothing, as a search that is behind.
    Forgets,
    /// It answers only when the file `release` is in its folder.
    Held,
    /// It does what it is asked for, and says that it failed.
    DoneAndLost,
}

/// The twin as a test holds it.
#[derive(Debug)]
pub struct GitHub {
    folder: PathBuf,
}

impl GitHub {
    /// A twin in a folder of its own, with an empty bare repository as its remote.
    ///
    /// # Panics
    /// When it cannot be made.
    pub fn new(folder: &Path) -> GitHub {
        let github = GitHub {
            folder: folder.to_path_buf(),
        };
        std::fs::create_dir_all(folder.join("bin")).expect("a folder");
        let bare = folder.join("remote.git");
        let made = Command::new("git")
            .args(["init", "--quiet", "--bare", "--initial-branch=main"])
            .arg(&bare)
            .status();
        assert!(made.expect("git runs").success(), "a bare repository");
        let state = State {
            bare,
            ..State::default()
        };
        let text = serde_json::to_string(&state).expect("JSON");
        std::fs::write(folder.join("state.json"), text).expect("a file");
        let twin = crate::agent::built("gh_twin", "github");
        let script = format!(
            "#!/bin/sh\n{FOLDER}='{}' exec '{}' \"$@\"\n",
            folder.display(),
            twin.display()
        );
        std::fs::write(github.program(), script).expect("a file");
        let mode = std::os::unix::fs::PermissionsExt::from_mode(0o755);
        std::fs::set_permissions(github.program(), mode).expect("its mode");
        github
    }

    /// The program that stands for `gh`, which is its name.
    pub fn program(&self) -> PathBuf {
        self.folder.join("bin/gh")
    }

    /// The bare repository.
    pub fn remote(&self) -> PathBuf {
        self.folder.join("remote.git")
    }

    /// # Panics
    /// When the state cannot be read.
    pub fn state(&self) -> State {
        change(&self.folder, |state| state.clone())
    }

    /// Somebody does something there.
    ///
    /// # Panics
    /// When the state cannot be written.
    pub fn change(&self, act: impl FnOnce(&mut State)) {
        change(&self.folder, act);
    }

    /// The one pull request that is there.
    ///
    /// # Panics
    /// When there is another number of them.
    pub fn pull(&self) -> Pull {
        let pulls = self.state().pulls;
        assert_eq!(pulls.len(), 1, "{pulls:?}");
        pulls.into_iter().next().expect("counted")
    }

    /// Calls that begin so go wrong from now on.
    pub fn fails(&self, on: &str, what: Trouble, times: u32) {
        let on = on.to_owned();
        self.change(|state| state.faults.push(Fault { on, what, times }));
    }

    /// All is well again.
    pub fn mends(&self) {
        self.change(|state| state.faults.clear());
    }

    /// Lets a call answer that is held.
    ///
    /// # Panics
    /// When the file cannot be written.
    pub fn release(&self) {
        std::fs::write(self.folder.join("release"), "").expect("a file");
    }

    /// How many calls began so.
    pub fn calls(&self, words: &str) -> usize {
        let calls = self.state().calls;
        calls.iter().filter(|args| begins(args, words)).count()
    }
}

fn begins(args: &[String], words: &str) -> bool {
    args.join(" ").starts_with(words)
}

/// Reads the state, lets it be changed and writes it, alone among all processes. What is written
/// takes the old one's place whole: a call is ended at any moment when its daemon is killed.
fn change<T>(folder: &Path, act: impl FnOnce(&mut State) -> T) -> T {
    let path = folder.join("state.json");
    let turn = std::fs::File::create(folder.join("state.lock")).expect("a file");
    turn.lock().expect("a lock");
    let text = std::fs::read_to_string(&path).expect("its text");
    let mut state: State = serde_json::from_str(&text).expect("a state");
    let answer = act(&mut state);
    let text = serde_json::to_string_pretty(&state).expect("JSON");
    let new = folder.join("state.new");
    std::fs::write(&new, text).expect("written");
    std::fs::rename(new, path).expect("in its place");
    answer
}

/// What a call says and how it ends.
struct Said {
    out: String,
    err: String,
    code: u8,
}

fn said(out: impl Into<String>) -> Said {
    Said {
        out: out.into(),
        err: String::new(),
        code: 0,
    }
}

fn refused(code: u8, err: impl Into<String>) -> Said {
    Said {
        out: String::new(),
        err: err.into(),
        code,
    }
}

/// The program.
pub fn main() -> ExitCode {
    let folder =
        PathBuf::from(std::env::var_os(FOLDER).expect("the script says where the twin is"));
    let args: Vec<String> = std::env::args().skip(1).collect();
    let fault = change(&folder, |state| {
        state.calls.push(args.clone());
        state.variables = std::env::vars().map(|(name, _)| name).collect();
        let fits = |fault: &&mut Fault| fault.times > 0 && begins(&args, &fault.on);
        let fault = state.faults.iter_mut().find(fits)?;
        fault.times -= 1;
        Some(fault.what)
    });
    let answer = || change(&folder, |state| answer(state, &args));
    let answer = match fault {
        None => answer(),
        Some(Trouble::LoggedOut) => refused(
            4,
            "To get started with GitHub CLI, please run:  gh auth login\n\
             Alternatively, populate the GH_TOKEN environment variable with a GitHub API authentication token.",
        ),
        Some(Trouble::RateLimited) => refused(
            1,
            "GraphQL: API rate limit exceeded for user ID 1. (pullRequests)",
        ),
        Some(Trouble::ServerError) => {
            refused(1, "HTTP 502: Bad Gateway (https://api.github.com/graphql)")
        }
        Some(Trouble::NotFound) => refused(
            1,
            "GraphQL: Could not resolve to a Repository with the name 'acme/tiny'. (repository)",
        ),
        Some(Trouble::Unprocessable) => refused(
            1,
            "HTTP 422: Validation Failed (https://api.github.com/repos/acme/tiny/pulls)",
        ),
        Some(Trouble::Malformed) => said("<html>not what you asked for</html>"),
        Some(Trouble::Enormous) => said("[\"".to_owned() + &"x".repeat(ENORMOUS_BYTES)),
        Some(Trouble::Forgets) => said("[]"),
        Some(Trouble::Held) => {
            while !folder.join("release").exists() {
                std::thread::yield_now();
            }
            answer()
        }
        Some(Trouble::DoneAndLost) => {
            answer();
            refused(1, "error connecting to api.github.com")
        }
    };
    let mut out = std::io::stdout().lock();
    // Who reads no further has had enough.
    let _closed = out
        .write_all(answer.out.as_bytes())
        .and_then(|()| out.flush());
    if !answer.err.is_empty() {
        let _closed = writeln!(std::io::stderr(), "{}", answer.err);
    }
    ExitCode::from(answer.code)
}

/// The value behind an option.
fn option<'a>(args: &'a [String], name: &str) -> Option<&'a str> {
    let at = args.iter().position(|arg| arg == name)?;
    args.get(at + 1).map(String::as_str)
}

fn answer(state: &mut State, args: &[String]) -> Said {
    let words: Vec<&str> = args.iter().map(String::as_str).collect();
    let repo = option(args, "--repo");
    match words.as_slice() {
        ["pr", "list", ..] if repo.is_some() => list(state, args),
        ["pr", "create", ..] if repo.is_some() => create(state, args),
        ["pr", "view", number, ..] if repo.is_some() => view(state, number, args),
        ["api", "--paginate", path, ..] => lines(state, path),
        _ => refused(1, format!("unknown command {args:?} for \"gh\"")),
    }
}

fn list(state: &State, args: &[String]) -> Said {
    let head = option(args, "--head").unwrap_or_default();
    let wanted = option(args, "--state").unwrap_or("open").to_uppercase();
    let base = option(args, "--base");
    let fits = |pull: &&Pull| {
        pull.head == head && pull.state == wanted && base.is_none_or(|base| pull.base == base)
    };
    let all = state.pulls.iter().filter(fits).map(|pull| {
        json!({"number": pull.number, "url": url(pull.number), "state": pull.state, "isCrossRepository": pull.cross,
            "headRefName": pull.head, "baseRefName": pull.base})
    });
    said(Value::from_iter(all).to_string())
}

fn create(state: &mut State, args: &[String]) -> Said {
    let of = |name: &str| option(args, name).unwrap_or_default().to_owned();
    let (head, base, title) = (of("--head"), of("--base"), of("--title"));
    let Ok(body) = std::fs::read_to_string(of("--body-file")) else {
        return refused(1, "open: no such file or directory");
    };
    let same = |pull: &&Pull| {
        pull.head == head && pull.base == base && pull.state == "OPEN" && !pull.cross
    };
    if let Some(pull) = state.pulls.iter().find(same) {
        let url = url(pull.number);
        return refused(
            1,
            format!(
                "a pull request for branch \"{head}\" into branch \"{base}\" already exists:\n{url}"
            ),
        );
    }
    let (Some(tip), Some(target)) = (tip(state, &head), tip(state, &base)) else {
        return refused(
            1,
            "pull request create failed: GraphQL: Head sha can't be blank, Base sha can't be blank",
        );
    };
    if tip == target {
        return refused(
            1,
            format!(
                "pull request create failed: GraphQL: No commits between {base} and {head} (createPullRequest)"
            ),
        );
    }
    let number = state.pulls.len() as u64 + 1;
    state.pulls.push(Pull {
        number,
        head,
        base,
        title,
        body,
        state: "OPEN".into(),
        ..Pull::default()
    });
    said(format!("{}\n", url(number)))
}

fn view(state: &State, number: &str, args: &[String]) -> Said {
    let Some(pull) = found(state, number) else {
        return refused(
            1,
            "GraphQL: Could not resolve to a PullRequest with the number given. (repository.pullRequest)",
        );
    };
    let head = match pull.ended_at.as_str() {
        "" => tip(state, &pull.head).unwrap_or_default(),
        ended_at => ended_at.to_owned(),
    };
    let known = json!({
        "number": pull.number, "url": url(pull.number), "state": pull.state, "headRefOid": head,
        "statusCheckRollup": pull.checks, "reviews": pull.reviews, "comments": pull.comments,
        "commits": commits(state, &head),
    });
    let mut seen = serde_json::Map::new();
    for field in option(args, "--json").unwrap_or_default().split(',') {
        let Some(value) = known.get(field) else {
            return refused(1, format!("Unknown JSON field: \"{field}\""));
        };
        seen.insert(field.to_owned(), value.clone());
    }
    said(Value::from(seen).to_string())
}

fn lines(state: &State, path: &str) -> Said {
    let number = path.split('/').nth_back(1).unwrap_or_default();
    match found(state, number) {
        Some(pull) => said(Value::from(pull.lines.clone()).to_string()),
        None => refused(1, "gh: Not Found (HTTP 404)"),
    }
}

fn found<'a>(state: &'a State, number: &str) -> Option<&'a Pull> {
    let number: u64 = number.parse().ok()?;
    state.pulls.iter().find(|pull| pull.number == number)
}

fn url(number: u64) -> String {
    format!("https://github.com/acme/tiny/pull/{number}")
}

/// The commits that lead to one, as far as a test asks for them: also those that the target has.
fn commits(state: &State, head: &str) -> Vec<Value> {
    let output = Command::new("git")
        .arg("--git-dir")
        .arg(&state.bare)
        .args(["rev-list", "--end-of-options", head])
        .output();
    let text = output.map(|output| output.stdout).unwrap_or_default();
    let text = String::from_utf8(text).unwrap_or_default();
    text.lines().map(|oid| json!({"oid": oid})).collect()
}

/// The commit of a branch of the bare repository.
fn tip(state: &State, branch: &str) -> Option<String> {
    let output = Command::new("git")
        .arg("--git-dir")
        .arg(&state.bare)
        .args([
            "rev-parse",
            "--verify",
            "--quiet",
            &format!("refs/heads/{branch}"),
        ])
        .output()
        .ok()?;
    let text = String::from_utf8(output.stdout).ok()?;
    output.status.success().then(|| text.trim().to_owned())
}

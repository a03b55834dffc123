//! GitHub by its own program `gh`, with the person's own login. It is started by an absolute path, in a folder of ours and outside of any
//! repository, with an environment of an allow-list. What it answers was written by strangers: it is bounded, parsed, and nothing more.

use std::path::{Path, PathBuf};
use std::time::Duration;

use alai_core::pull::{FailedCheck, PullState, Said, SaidKind, Seen, Slug};
use alai_core::record::Exit;
use serde::Deserialize;

use crate::access::{Access, scrubbed, within};
use crate::{command, crash, files};

/// One call; GitHub answers within seconds or not at all.
const CALL_S: u64 = 60;
/// What one answer may hold: a pull request with hundreds of long comments is a tenth of it.
const ANSWER_BYTES_MAX: u64 = 4 * 1024 * 1024;
/// Words of others that one look takes in.
const SAID_MAX: usize = 500;

/// Its exit code for a missing login, as `gh help exit-codes` has it.
const NEEDS_LOGIN: i32 = 4;

#[derive(Debug, thiserror::Error)]
pub enum GhError {
    #[error(
        "the program `gh` was not found; install it (https://cli.github.com), or set `gh = \"/path/to/gh\"` under [delivery] of alai.toml"
    )]
    Missing,
    #[error(
        "{program} is no program that can be used as `gh`: give an absolute path outside of the repository"
    )]
    NotUsable { program: PathBuf },
    #[error(
        "gh is not logged in at {host}; `gh auth login --hostname {host}`, as the user that alai runs as"
    )]
    LoggedOut { host: String },
    #[error("GitHub's limit of requests is reached; it is tried again later")]
    RateLimited,
    #[error("gh could not {what}: {why}")]
    Failed { what: &'static str, why: String },
    #[error("what gh answered to {what} cannot be read: {why}")]
    Unreadable { what: &'static str, why: String },
}

/// One repository at GitHub.
#[derive(Debug, Clone)]
pub struct Gh {
    program: PathBuf,
    access: Access,
    slug: Slug,
}

/// A pull request as far as it is needed to know it again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pull {
    pub number: u64,
    pub url: String,
}

/// What a pull request says.
#[derive(Debug, Clone, Copy)]
pub struct Proposal<'a> {
    pub base: &'a str,
    pub head: &'a str,
    pub title: &'a str,
    pub body: &'a str,
}

/// The program: the one that is configured, else the first on the person's `PATH`; never one that lies in the repository.
///
/// # Errors
/// [`GhError::Missing`] and [`GhError::NotUsable`].
pub fn open(
    configured: Option<&Path>,
    root: &Path,
    slug: &Slug,
    access: &Access,
) -> Result<Gh, GhError> {
    let program = match configured {
        Some(path) if !path.is_absolute() || within(path, root) => {
            return Err(GhError::NotUsable {
                program: path.to_path_buf(),
            });
        }
        Some(path) if path.is_file() => path.to_path_buf(),
        Some(_) => return Err(GhError::Missing),
        None => access.find("gh").ok_or(GhError::Missing)?,
    };
    Ok(Gh {
        program,
        access: access.clone(),
        slug: slug.clone(),
    })
}

impl Gh {
    /// The open pull request of a branch against another, if there is one. One of a fork whose branch has the same name is not ours, and
    /// one against another branch is somebody else's.
    ///
    /// # Errors
    /// When `gh` cannot answer.
    pub fn find(&self, branch: &str, base: &str) -> Result<Option<Pull>, GhError> {
        const WHAT: &str = "list the pull requests of the branch";
        let fields = "number,url,state,isCrossRepository,headRefName,baseRefName";
        let args = [
            "pr", "list", "--head", branch, "--base", base, "--state", "open", "--limit", "100",
            "--json", fields,
        ];
        let text = self.call(WHAT, &args, None)?;
        let all: Vec<Listed> = read(WHAT, &text)?;
        let ours = all.into_iter().find(|pull| {
            pull.state == "OPEN"
                && !pull.is_cross_repository
                && pull.head_ref_name == branch
                && pull.base_ref_name == base
        });
        Ok(ours.map(|pull| Pull {
            number: pull.number,
            url: pull.url,
        }))
    }

    /// Opens a pull request, or finds the one that is open: two attempts make one.
    ///
    /// # Errors
    /// When `gh` cannot, or says that it did and none is found.
    pub fn propose(&self, of: &Proposal<'_>) -> Result<Pull, GhError> {
        if let Some(pull) = self.find(of.head, of.base)? {
            return Ok(pull);
        }
        crash::point("pull.before");
        const WHAT: &str = "open the pull request";
        let args = [
            "pr", "create", "--head", of.head, "--base", of.base, "--title", of.title,
        ];
        let made = self.call(WHAT, &args, Some(of.body));
        crash::point("pull.after");
        match (made, self.find(of.head, of.base)?) {
            // Also where another one was faster.
            (_, Some(pull)) => Ok(pull),
            (Err(e), None) => Err(e),
            (Ok(_), None) => Err(GhError::Unreadable {
                what: WHAT,
                why: "it ended well, and the pull request is not there".into(),
            }),
        }
    }

    /// How a pull request stands, and what was said of it. Anybody may write there without end: words that cannot be read are said, and
    /// hide neither its state nor the other words.
    ///
    /// # Errors
    /// When `gh` cannot answer, or answers what cannot be read.
    pub fn look(&self, number: u64) -> Result<Seen, GhError> {
        const WHAT: &str = "look at the pull request";
        let number_text = number.to_string();
        let fields = "number,url,state,headRefOid,statusCheckRollup";
        let view: View = self.view(WHAT, &number_text, fields)?;
        let state = match view.state.as_str() {
            "OPEN" => PullState::Open,
            "MERGED" => PullState::Merged,
            "CLOSED" => PullState::Closed,
            other => {
                return Err(GhError::Unreadable {
                    what: WHAT,
                    why: scrubbed(&format!(
                        "its state is `{}`",
                        alai_core::pull::one_line(other, 40)
                    )),
                });
            }
        };
        let mut said = Vec::new();
        let mut unread = Vec::new();
        if state == PullState::Open {
            let talk = |words: Words, into: fn(Talk) -> Said| -> Vec<Said> {
                let all = words.reviews.into_iter().chain(words.comments);
                all.map(into).collect()
            };
            const REVIEWS: &str = "read its reviews";
            let lines = self.at_lines(number);
            let reviews = self.view(REVIEWS, &number_text, "reviews");
            let reviews = reviews.map(|mut words: Words| {
                // A review without words may say all at lines: it waits for them.
                let whole = |talk: &Talk| lines.is_ok() || !talk.body.trim().is_empty();
                words.reviews.retain(whole);
                talk(words, Talk::into_review)
            });
            const COMMENTS: &str = "read its comments";
            let comments = self.view(COMMENTS, &number_text, "comments");
            for words in [
                lines,
                reviews,
                comments.map(|words| talk(words, Talk::into_comment)),
            ] {
                match words {
                    Ok(words) => said.extend(words),
                    Err(e) => unread.push(e.to_string()),
                }
            }
        }
        // Strangers who write without end hide nobody's words.
        said.sort_by_key(|said| !said.of_the_repository());
        said.truncate(SAID_MAX);
        Ok(Seen {
            number: view.number,
            url: view.url,
            state,
            head: view.head_ref_oid,
            failed: view
                .status_check_rollup
                .into_iter()
                .filter_map(Rolled::failed)
                .collect(),
            said,
            unread,
        })
    }

    /// Whether a commit is among those that a pull request proposed.
    ///
    /// # Errors
    /// When `gh` cannot answer, or answers what cannot be read.
    pub fn has_commit(&self, number: u64, oid: &str) -> Result<bool, GhError> {
        const WHAT: &str = "list the commits of the pull request";
        let all: Commits = self.view(WHAT, &number.to_string(), "commits")?;
        Ok(all.commits.iter().any(|commit| commit.oid == oid))
    }

    fn view<T: serde::de::DeserializeOwned>(
        &self,
        what: &'static str,
        number: &str,
        fields: &str,
    ) -> Result<T, GhError> {
        let text = self.call(what, &["pr", "view", number, "--json", fields], None)?;
        read(what, &text)
    }

    /// Comments at lines of the code, which `gh pr view` does not tell.
    fn at_lines(&self, number: u64) -> Result<Vec<Said>, GhError> {
        const WHAT: &str = "read the comments at lines";
        let path = format!(
            "repos/{}/pulls/{number}/comments?per_page=100",
            self.slug.path()
        );
        let args = ["api", "--paginate", &path, "--hostname", self.slug.host()];
        let text = self.start(WHAT, &args, None)?;
        // One list for each page, or one for all: that depends on its version.
        let mut all = Vec::new();
        for page in serde_json::Deserializer::from_slice(&text).into_iter::<Vec<AtLine>>() {
            all.extend(page.map_err(|e| unreadable(WHAT, &e))?);
        }
        Ok(all.into_iter().map(AtLine::into_said).collect())
    }

    fn call(
        &self,
        what: &'static str,
        args: &[&str],
        body: Option<&str>,
    ) -> Result<Vec<u8>, GhError> {
        let mut all = args.to_vec();
        let repo = self.slug.with_host();
        all.extend(["--repo", &repo]);
        self.start(what, &all, body)
    }

    /// `body` is handed over in a file beside it.
    fn start(
        &self,
        what: &'static str,
        args: &[&str],
        body: Option<&str>,
    ) -> Result<Vec<u8>, GhError> {
        let failed = |why: &dyn std::fmt::Display| GhError::Failed {
            what,
            why: scrubbed(&why.to_string()),
        };
        let folder = files::scratch().map_err(|e| failed(&e))?;
        let mut argv = vec![self.program.to_string_lossy().into_owned()];
        argv.extend(args.iter().map(|arg| (*arg).to_owned()));
        if let Some(body) = body {
            let file = folder.path().join("body.md");
            std::fs::write(&file, body).map_err(|e| failed(&e))?;
            argv.extend([
                "--body-file".to_owned(),
                file.to_string_lossy().into_owned(),
            ]);
        }
        let around = folder.path().parent().unwrap_or(Path::new("/"));
        let host = Some(self.slug.host());
        let mut env: Vec<(String, String)> = self.access.env(host).cloned().collect();
        let own = [
            ("PATH", self.access.path()),
            ("GH_PROMPT_DISABLED", "1"),
            ("GH_NO_UPDATE_NOTIFIER", "1"),
            ("GH_NO_EXTENSION_UPDATE_NOTIFIER", "1"),
            ("GH_PAGER", "cat"),
            ("GH_SPINNER_DISABLED", "1"),
            ("NO_COLOR", "1"),
            ("GIT_CONFIG_GLOBAL", "/dev/null"),
            ("GIT_CONFIG_NOSYSTEM", "1"),
            ("GIT_TERMINAL_PROMPT", "0"),
        ];
        env.extend(own.map(|(name, value)| (name.to_owned(), value.to_owned())));
        env.push((
            "GIT_CEILING_DIRECTORIES".to_owned(),
            around.to_string_lossy().into_owned(),
        ));
        let limit = Duration::from_secs(CALL_S);
        let done = command::host_within(&argv, folder.path(), &env, limit, ANSWER_BYTES_MAX);
        let done = done.map_err(|e| failed(&e))?;
        match done.exit {
            Exit::Code { code: 0 } => Ok(done.stdout),
            Exit::Code { code } => Err(self.complaint(what, code, &done.complaint())),
            other @ (Exit::Signal { .. }
            | Exit::TimedOut { .. }
            | Exit::Cancelled
            | Exit::TooMuchOutput { .. }
            | Exit::OverLimit { .. }) => Err(failed(&other)),
        }
    }

    fn complaint(&self, what: &'static str, code: i32, said: &str) -> GhError {
        let lower = said.to_ascii_lowercase();
        if code == NEEDS_LOGIN || lower.contains("gh auth login") || lower.contains("http 401") {
            return GhError::LoggedOut {
                host: self.slug.host().to_owned(),
            };
        }
        if lower.contains("rate limit") || lower.contains("http 429") {
            return GhError::RateLimited;
        }
        let said = alai_core::pull::one_line(&scrubbed(said), 600);
        GhError::Failed {
            what,
            why: format!("exit {code}: {said}"),
        }
    }
}

fn read<'a, T: Deserialize<'a>>(what: &'static str, text: &'a [u8]) -> Result<T, GhError> {
    serde_json::from_slice(text).map_err(|e| unreadable(what, &e))
}

fn unreadable(what: &'static str, error: &serde_json::Error) -> GhError {
    GhError::Unreadable {
        what,
        why: alai_core::pull::one_line(&scrubbed(&error.to_string()), 200),
    }
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Listed {
    number: u64,
    url: String,
    state: String,
    is_cross_repository: bool,
    head_ref_name: String,
    base_ref_name: String,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct View {
    number: u64,
    url: String,
    state: String,
    head_ref_oid: String,
    #[serde(default, deserialize_with = "or_none")]
    status_check_rollup: Vec<Rolled>,
}

/// One of the two, whichever was asked for.
#[derive(Debug, Deserialize)]
struct Words {
    #[serde(default, deserialize_with = "or_none")]
    reviews: Vec<Talk>,
    #[serde(default, deserialize_with = "or_none")]
    comments: Vec<Talk>,
}

#[derive(Debug, Deserialize)]
struct Commits {
    commits: Vec<Commit>,
}

#[derive(Debug, Deserialize)]
struct Commit {
    oid: String,
}

/// `null` stands for an empty list.
fn or_none<'de, D: serde::Deserializer<'de>, T: Deserialize<'de>>(
    from: D,
) -> Result<Vec<T>, D::Error> {
    Ok(Option::<Vec<T>>::deserialize(from)?.unwrap_or_default())
}

/// A check run (`name`, `conclusion`) or a status of the older kind (`context`, `state`).
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Rolled {
    name: Option<String>,
    context: Option<String>,
    conclusion: Option<String>,
    state: Option<String>,
    details_url: Option<String>,
    target_url: Option<String>,
}

impl Rolled {
    fn failed(self) -> Option<FailedCheck> {
        let end = self.conclusion.or(self.state)?;
        let failed = ["FAILURE", "ERROR", "TIMED_OUT", "STARTUP_FAILURE"];
        failed.contains(&end.as_str()).then_some(())?;
        Some(FailedCheck {
            name: self.name.or(self.context)?,
            url: self.details_url.or(self.target_url).unwrap_or_default(),
        })
    }
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Talk {
    id: String,
    author: Option<Author>,
    #[serde(default)]
    author_association: String,
    #[serde(default)]
    body: String,
    /// Of a review alone.
    #[serde(default)]
    state: String,
}

/// Nobody, where the account is gone.
#[derive(Debug, Deserialize)]
struct Author {
    #[serde(default)]
    login: String,
}

fn login(author: Option<Author>) -> String {
    author.map_or_else(|| "ghost".to_owned(), |author| author.login)
}

impl Talk {
    fn into_review(self) -> Said {
        let kind = match self.state.as_str() {
            "CHANGES_REQUESTED" => SaidKind::ChangesRequested,
            _ => SaidKind::Talk,
        };
        self.said("review", kind)
    }

    fn into_comment(self) -> Said {
        self.said("comment", SaidKind::Talk)
    }

    fn said(self, what: &str, kind: SaidKind) -> Said {
        Said {
            key: format!("{what}:{}", self.id),
            author: login(self.author),
            association: self.author_association,
            kind,
            text: self.body,
        }
    }
}

#[derive(Debug, Deserialize)]
struct AtLine {
    id: u64,
    user: Option<Author>,
    #[serde(default)]
    author_association: String,
    #[serde(default)]
    body: String,
    path: String,
    line: Option<u64>,
    original_line: Option<u64>,
}

impl AtLine {
    fn into_said(self) -> Said {
        Said {
            key: format!("line:{}", self.id),
            author: login(self.user),
            association: self.author_association,
            kind: SaidKind::At {
                path: self.path,
                line: self.line.or(self.original_line),
            },
            text: self.body,
        }
    }
}

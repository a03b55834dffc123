//! A command an agent wants to run: would it deploy, pay, tell somebody, or touch real credentials?
//!
//! The cage has no network and no secrets, so most of these could not succeed. They are refused all the same: a run that tries
//! is one that a person should look at, and a script that is only tried here is run for real later.

use super::secret;
use super::shell::{self, Simple};
use super::{Rail, Rule};

/// `sh -c "sh -c ..."` deeper than this hides something.
const NESTING_MAX: usize = 4;
/// Words behind `sudo` or `xargs` that are tried as the program: after options and their values it is among the first.
const WRAPPED_TRIES_MAX: usize = 6;
/// Assignments before a command that are looked at; more of them are noise.
const SETTINGS_MAX: usize = 32;
/// A longer command is a program; nobody can judge it at a glance, so nobody lets it through.
const COMMAND_BYTES_MAX: usize = 64 * 1024;

/// Judges a shell command, as `sh -c` would read it. `None` lets it through to the cage.
pub fn judge_command(command: &str) -> Option<Rail> {
    if command.len() > COMMAND_BYTES_MAX {
        return Some(Rail::hit(
            Rule::Hidden,
            format!("a command of {} bytes", command.len()),
        ));
    }
    if let Some(found) = secret::find(command) {
        return Some(Rail::hit(Rule::Credential, found));
    }
    let plain = super::fold::visible(command);
    judge_script(&plain, Strictness::Command, 0).map(|rule| Rail::hit(rule, &plain))
}

/// How a text came here. In a diff a first word like `mail` may be a variable, so only unmistakable commands count.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Strictness {
    Command,
    Diff,
}

pub(super) fn judge_script(script: &str, strictness: Strictness, depth: usize) -> Option<Rule> {
    if depth > NESTING_MAX {
        return Some(Rule::Hidden);
    }
    let commands = shell::commands(script);
    commands.iter().enumerate().find_map(|(at, simple)| {
        let from = at
            .checked_sub(1)
            .filter(|_| simple.piped)
            .map(|before| &commands[before]);
        piped_into_shell(simple, from, strictness, depth)
            .or_else(|| judge_words(&simple.words, strictness, depth))
    })
}

const SHELLS: [&str; 9] = [
    "sh", "bash", "zsh", "dash", "ash", "ksh", "fish", "busybox", "su",
];
const INTERPRETERS: [&str; 6] = ["python", "python3", "perl", "ruby", "node", "php"];
/// Programs whose output nobody has read yet.
const UNREADABLE: [&str; 11] = [
    "base64", "base32", "xxd", "openssl", "gunzip", "zcat", "rev", "tr", "curl", "wget", "uudecode",
];

fn piped_into_shell(
    to: &Simple,
    from: Option<&Simple>,
    strictness: Strictness,
    depth: usize,
) -> Option<Rule> {
    let from = from?;
    let program = program(to.words.first()?);
    let runs = SHELLS.contains(&program.as_str()) || INTERPRETERS.contains(&program.as_str());
    let bare = to.words.iter().skip(1).all(|word| word.starts_with('-'));
    if !runs || !bare {
        return None;
    }
    let source = self::program(from.words.first()?);
    if UNREADABLE.contains(&source.as_str()) {
        return Some(Rule::Hidden);
    }
    let says = matches!(source.as_str(), "echo" | "printf");
    says.then(|| judge_script(&from.words[1..].join(" "), strictness, depth + 1))
        .flatten()
}

/// Programs that start the program named in their arguments.
const WRAPPERS: [&str; 27] = [
    "sudo", "doas", "env", "nohup", "time", "nice", "ionice", "exec", "command", "builtin",
    "timeout", "xargs", "stdbuf", "setsid", "npx", "bunx", "uvx", "pipx", "watch", "parallel",
    "chroot", "unshare", "then", "do", "else", "if", "while",
];
/// Two-word forms of the same.
const WRAPPER_PAIRS: [(&str, &str); 8] = [
    ("bundle", "exec"),
    ("uv", "run"),
    ("poetry", "run"),
    ("pnpm", "dlx"),
    ("yarn", "dlx"),
    ("npm", "exec"),
    ("pdm", "run"),
    ("op", "run"),
];

fn judge_words(words: &[String], strictness: Strictness, depth: usize) -> Option<Rule> {
    judge_with(&[], words, strictness, depth)
}

/// `outer` are the assignments that stood before a wrapper (`RAILS_ENV=production bundle exec ...`).
fn judge_with(
    outer: &[String],
    words: &[String],
    strictness: Strictness,
    depth: usize,
) -> Option<Rule> {
    if depth > NESTING_MAX {
        return Some(Rule::Hidden);
    }
    let start = words.iter().position(|word| !assignment(word))?;
    let own = &words[..start];
    let settings: Vec<String> = outer
        .iter()
        .chain(own)
        .take(SETTINGS_MAX)
        .cloned()
        .collect();
    let name = program(&words[start]);
    let args = &words[start + 1..];
    let target = Target {
        name: &name,
        args,
        settings: &settings,
    };
    if WRAPPERS.contains(&name.as_str()) || wrapper_pair(&name, args) {
        // Which of its words is the program depends on options we do not know, so the first few are tried.
        let starts = (0..args.len())
            .filter(|at| !args[*at].starts_with('-'))
            .filter(|at| *at == 0 || !assignment(&args[at - 1]));
        return starts
            .take(WRAPPED_TRIES_MAX)
            .find_map(|at| judge_with(&settings, &args[at..], strictness, depth + 1));
    }
    if name == "eval" {
        return judge_script(&args.join(" "), strictness, depth + 1);
    }
    if SHELLS.contains(&name.as_str()) {
        let scripts = args.iter().filter(|arg| arg.contains(char::is_whitespace));
        let short = args
            .iter()
            .position(|arg| arg == "-c")
            .and_then(|at| args.get(at + 1));
        return scripts
            .chain(short)
            .find_map(|text| judge_script(text, strictness, depth + 1))
            .or_else(|| target.rule(strictness));
    }
    if INTERPRETERS.contains(&name.as_str()) && args.first().is_some_and(|arg| arg == "-m") {
        return judge_with(&settings, &args[1..], strictness, depth + 1);
    }
    target.rule(strictness)
}

fn wrapper_pair(name: &str, args: &[String]) -> bool {
    let next = args.first().map_or("", String::as_str);
    WRAPPER_PAIRS.contains(&(name, next))
}

fn assignment(word: &str) -> bool {
    word.split_once('=').is_some_and(|(name, _)| {
        !name.is_empty()
            && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_')
            && !name.as_bytes()[0].is_ascii_digit()
    })
}

/// The file name of a program, in lower case.
fn program(word: &str) -> String {
    let name = word
        .rsplit(['/', '\\'])
        .next()
        .unwrap_or(word)
        .to_ascii_lowercase();
    name.strip_suffix(".exe").map(str::to_owned).unwrap_or(name)
}

/// Program and first arguments that act on the world, and what they would do.
const ACTS: &[(&[&str], Rule)] = &[
    (&["kubectl", "apply"], Rule::Production),
    (&["kubectl", "create"], Rule::Production),
    (&["kubectl", "delete"], Rule::Production),
    (&["kubectl", "replace"], Rule::Production),
    (&["kubectl", "patch"], Rule::Production),
    (&["kubectl", "set"], Rule::Production),
    (&["kubectl", "scale"], Rule::Production),
    (&["kubectl", "rollout"], Rule::Production),
    (&["kubectl", "exec"], Rule::Production),
    (&["kubectl", "edit"], Rule::Production),
    (&["kubectl", "drain"], Rule::Production),
    (&["oc", "apply"], Rule::Production),
    (&["oc", "rollout"], Rule::Production),
    (&["helm", "install"], Rule::Production),
    (&["helm", "upgrade"], Rule::Production),
    (&["helm", "uninstall"], Rule::Production),
    (&["helm", "rollback"], Rule::Production),
    (&["helmfile", "apply"], Rule::Production),
    (&["helmfile", "sync"], Rule::Production),
    (&["argocd", "app", "sync"], Rule::Production),
    (&["nomad", "job", "run"], Rule::Production),
    (&["terraform", "apply"], Rule::Production),
    (&["terraform", "destroy"], Rule::Production),
    (&["tofu", "apply"], Rule::Production),
    (&["tofu", "destroy"], Rule::Production),
    (&["terragrunt", "apply"], Rule::Production),
    (&["pulumi", "up"], Rule::Production),
    (&["pulumi", "destroy"], Rule::Production),
    (&["cdk", "deploy"], Rule::Production),
    (&["cdk", "destroy"], Rule::Production),
    (&["sam", "deploy"], Rule::Production),
    (&["serverless", "deploy"], Rule::Production),
    (&["sls", "deploy"], Rule::Production),
    (&["eb", "deploy"], Rule::Production),
    (&["fly", "deploy"], Rule::Production),
    (&["flyctl", "deploy"], Rule::Production),
    (&["fly", "launch"], Rule::Production),
    (&["railway", "up"], Rule::Production),
    (&["kamal", "deploy"], Rule::Production),
    (&["firebase", "deploy"], Rule::Production),
    (&["wrangler", "deploy"], Rule::Production),
    (&["wrangler", "publish"], Rule::Production),
    (&["gcloud", "app", "deploy"], Rule::Production),
    (&["gcloud", "run", "deploy"], Rule::Production),
    (&["gcloud", "functions", "deploy"], Rule::Production),
    (&["gcloud", "secrets"], Rule::Credential),
    (&["aws", "s3", "sync"], Rule::Production),
    (&["aws", "s3", "cp"], Rule::Production),
    (&["aws", "s3", "rm"], Rule::Production),
    (&["aws", "ecs", "update-service"], Rule::Production),
    (&["aws", "lambda", "update-function-code"], Rule::Production),
    (&["aws", "cloudformation", "deploy"], Rule::Production),
    (&["aws", "cloudformation", "create-stack"], Rule::Production),
    (&["aws", "cloudformation", "update-stack"], Rule::Production),
    (&["aws", "cloudformation", "delete-stack"], Rule::Production),
    (&["aws", "deploy"], Rule::Production),
    (&["aws", "ses"], Rule::Outsider),
    (&["aws", "sesv2"], Rule::Outsider),
    (&["aws", "sns", "publish"], Rule::Outsider),
    (&["aws", "iam"], Rule::Credential),
    (&["aws", "secretsmanager"], Rule::Credential),
    (&["az", "webapp", "deploy"], Rule::Production),
    (&["az", "webapp", "up"], Rule::Production),
    (&["az", "deployment"], Rule::Production),
    (&["az", "containerapp", "up"], Rule::Production),
    (&["az", "containerapp", "update"], Rule::Production),
    (&["az", "keyvault"], Rule::Credential),
    (&["heroku", "container:release"], Rule::Production),
    (&["heroku", "releases:rollback"], Rule::Production),
    (&["heroku", "pg:reset"], Rule::Production),
    (&["heroku", "config:set"], Rule::Credential),
    (&["heroku", "run"], Rule::Production),
    (&["docker", "push"], Rule::Outsider),
    (&["podman", "push"], Rule::Outsider),
    (&["docker", "stack", "deploy"], Rule::Production),
    (&["docker", "service", "update"], Rule::Production),
    (&["skopeo", "copy"], Rule::Outsider),
    (&["npm", "publish"], Rule::Outsider),
    (&["yarn", "publish"], Rule::Outsider),
    (&["yarn", "npm", "publish"], Rule::Outsider),
    (&["pnpm", "publish"], Rule::Outsider),
    (&["bun", "publish"], Rule::Outsider),
    (&["cargo", "publish"], Rule::Outsider),
    (&["cargo", "yank"], Rule::Outsider),
    (&["cargo", "login"], Rule::Credential),
    (&["npm", "login"], Rule::Credential),
    (&["npm", "token"], Rule::Credential),
    (&["twine", "upload"], Rule::Outsider),
    (&["poetry", "publish"], Rule::Outsider),
    (&["uv", "publish"], Rule::Outsider),
    (&["flit", "publish"], Rule::Outsider),
    (&["gem", "push"], Rule::Outsider),
    (&["mvn", "deploy"], Rule::Outsider),
    (&["gradle", "publish"], Rule::Outsider),
    (&["gradlew", "publish"], Rule::Outsider),
    (&["dotnet", "nuget", "push"], Rule::Outsider),
    (&["nuget", "push"], Rule::Outsider),
    (&["vsce", "publish"], Rule::Outsider),
    (&["eas", "submit"], Rule::Outsider),
    (&["fastlane", "deliver"], Rule::Outsider),
    (&["fastlane", "release"], Rule::Outsider),
    (&["git", "push"], Rule::Outsider),
    (&["git", "send-email"], Rule::Outsider),
    (&["gh", "release"], Rule::Outsider),
    (&["gh", "pr", "create"], Rule::Outsider),
    (&["gh", "pr", "merge"], Rule::Outsider),
    (&["gh", "pr", "comment"], Rule::Outsider),
    (&["gh", "pr", "review"], Rule::Outsider),
    (&["gh", "pr", "close"], Rule::Outsider),
    (&["gh", "issue", "create"], Rule::Outsider),
    (&["gh", "issue", "comment"], Rule::Outsider),
    (&["gh", "issue", "close"], Rule::Outsider),
    (&["gh", "repo", "delete"], Rule::Outsider),
    (&["gh", "repo", "edit"], Rule::Outsider),
    (&["gh", "workflow", "run"], Rule::Production),
    (&["gh", "secret"], Rule::Credential),
    (&["gh", "auth"], Rule::Credential),
    (&["gh", "api"], Rule::Outsider),
    (&["glab", "mr", "merge"], Rule::Outsider),
    (&["glab", "mr", "create"], Rule::Outsider),
    (&["vault"], Rule::Credential),
    (&["op", "read"], Rule::Credential),
    (&["op", "item"], Rule::Credential),
    (&["security", "find-generic-password"], Rule::Credential),
    (&["pass", "show"], Rule::Credential),
];
/// Programs that reach a machine or a person by name. In a diff these words can be anything.
const REACHING: [(&str, Rule); 13] = [
    ("mail", Rule::Outsider),
    ("mailx", Rule::Outsider),
    ("mutt", Rule::Outsider),
    ("sendmail", Rule::Outsider),
    ("msmtp", Rule::Outsider),
    ("swaks", Rule::Outsider),
    ("telnet", Rule::Outsider),
    ("ssh", Rule::Production),
    ("scp", Rule::Production),
    ("sftp", Rule::Production),
    ("rsync", Rule::Production),
    ("mosh", Rule::Production),
    ("ansible-playbook", Rule::Production),
];
/// Programs that run a target or a script by name.
const RUNNERS: [&str; 20] = [
    "make",
    "gmake",
    "just",
    "task",
    "npm",
    "yarn",
    "pnpm",
    "bun",
    "rake",
    "invoke",
    "fab",
    "cap",
    "ant",
    "gradle",
    "gradlew",
    "composer",
    "poe",
    "nox",
    "ansible",
    "capistrano",
];
const DATABASES: [&str; 10] = [
    "psql",
    "mysql",
    "mongosh",
    "mongo",
    "redis-cli",
    "pg_dump",
    "pg_restore",
    "mysqldump",
    "mysqladmin",
    "sqlcmd",
];
const HTTP: [&str; 5] = ["curl", "wget", "http", "https", "xh"];
/// Options that name where a program acts; their value is not a subcommand.
const TARGET_OPTIONS: [&str; 24] = [
    "--context",
    "--kube-context",
    "--namespace",
    "-n",
    "--env",
    "--environment",
    "--stage",
    "-s",
    "--profile",
    "--region",
    "--project",
    "-i",
    "--inventory",
    "--workspace",
    "-w",
    "-C",
    "-c",
    "--kubeconfig",
    "--git-dir",
    "--cwd",
    "--prefix",
    "--config",
    "-e",
    "-R",
];
const SECRET_FILES: [&str; 9] = [
    ".ssh/id_",
    ".aws/credentials",
    "/etc/shadow",
    ".netrc",
    ".docker/config.json",
    ".kube/config",
    ".gnupg",
    ".git-credentials",
    "/proc/1/environ",
];

struct Target<'a> {
    name: &'a str,
    args: &'a [String],
    settings: &'a [String],
}

impl Target<'_> {
    fn rule(&self, strictness: Strictness) -> Option<Rule> {
        if self.dry() {
            return None;
        }
        self.act()
            .or_else(|| self.vercel_like())
            .or_else(|| self.stripe())
            .or_else(|| self.address())
            .or_else(|| self.database())
            .or_else(|| match strictness {
                Strictness::Diff => None,
                Strictness::Command => self
                    .reaching()
                    .or_else(|| self.runner())
                    .or_else(|| self.secret_file()),
            })
    }

    fn has(&self, options: &[&str]) -> bool {
        self.args.iter().any(|arg| options.contains(&arg.as_str()))
    }

    /// Options that are documented to change nothing. `--dry-run=none` of kubectl is not one of them.
    fn dry(&self) -> bool {
        self.has(&[
            "--dry-run",
            "--dry-run=client",
            "--dry-run=server",
            "--help",
            "--version",
        ]) && !(self.name == "kubectl" && self.has(&["--dry-run=none"]))
    }

    /// The words that are neither options nor values of options that name a target.
    fn plain(&self) -> Vec<&str> {
        let mut plain = Vec::new();
        let mut skip = false;
        for arg in self.args {
            if std::mem::take(&mut skip) {
                continue;
            }
            if arg.starts_with('-') {
                skip = TARGET_OPTIONS.contains(&arg.as_str());
                continue;
            }
            plain.push(arg.as_str());
        }
        plain
    }

    fn act(&self) -> Option<Rule> {
        let plain = self.plain();
        let found = ACTS.iter().find(|(words, _)| {
            words[0] == self.name
                && plain.len() + 1 >= words.len()
                && words[1..].iter().zip(&plain).all(|(a, b)| a == b)
        });
        let (words, rule) = found?;
        let local = match words {
            ["git", "push"] => plain.get(1).is_some_and(|remote| {
                remote.starts_with(['/', '.']) || remote.starts_with("file://")
            }),
            ["docker" | "podman", "push"] => plain
                .get(1)
                .is_some_and(|image| image.starts_with("localhost") || image.starts_with("127.")),
            ["aws", "s3", "cp" | "sync"] => plain.last().is_some_and(|to| !to.starts_with("s3:")),
            _ => false,
        };
        (!local && !self.harmless()).then_some(*rule)
    }

    /// Whether an option or setting says that it acts on something meant for trying, and none names production.
    fn harmless(&self) -> bool {
        let mut values = self
            .args
            .windows(2)
            .filter(|pair| TARGET_OPTIONS.contains(&pair[0].as_str()))
            .map(|pair| pair[1].as_str());
        let mut joined = self
            .args
            .iter()
            .chain(self.settings)
            .filter_map(|arg| arg.split_once('='))
            .map(|(_, value)| value);
        let trial = values.any(is_trial) || joined.any(is_trial);
        trial
            && !self
                .args
                .iter()
                .chain(self.settings)
                .any(|word| is_production(word))
    }

    /// Deploys that take an option to mean production.
    fn vercel_like(&self) -> Option<Rule> {
        let known = ["vercel", "now", "netlify", "surge"].contains(&self.name);
        let named = self
            .args
            .windows(2)
            .any(|pair| pair[0] == "--target" && is_production(&pair[1]));
        let real = self.has(&["--prod", "--production", "-p"]) || named;
        (known && real).then_some(Rule::Production)
    }

    fn stripe(&self) -> Option<Rule> {
        (self.name == "stripe" && self.has(&["--live"])).then_some(Rule::Money)
    }

    /// Addresses in the arguments: live payment and message services, production hosts, and data that leaves the machine.
    fn address(&self) -> Option<Rule> {
        let words = || self.args.iter().chain(self.settings);
        if HTTP.contains(&self.name) {
            if let Some(rule) = words().find_map(|word| super::diff::live_host(word)) {
                return Some(rule);
            }
            let sends = self.args.iter().any(|arg| {
                let long = [
                    "--data",
                    "--form",
                    "--upload-file",
                    "--post-data",
                    "--post-file",
                    "--json",
                ];
                let short = arg.starts_with("-d") || arg.starts_with("-F") || arg.starts_with("-T");
                let verb = ["POST", "PUT", "PATCH", "DELETE"].iter().any(|verb| {
                    arg.trim_start_matches("-X")
                        .trim_start_matches("--request=")
                        == *verb
                });
                (self.name != "wget" && short)
                    || long.iter().any(|option| arg.starts_with(option))
                    || verb
            });
            let foreign = words().any(|word| {
                let bare = self.args.iter().any(|arg| arg == word)
                    && !word.starts_with('-')
                    && word.contains('.')
                    && !word.contains([' ', '{', '=']);
                host(word).map_or(
                    bare && !secret::local(word.split(['/', ':']).next().unwrap_or("")),
                    |host| !secret::local(&host),
                )
            });
            if sends && foreign {
                return Some(Rule::Outsider);
            }
        }
        let production = words().any(|word| host(word).is_some_and(|host| is_production(&host)));
        production.then_some(Rule::Production)
    }

    fn database(&self) -> Option<Rule> {
        let words = || self.args.iter().chain(self.settings);
        let client = DATABASES.contains(&self.name) && words().any(|word| is_production(word));
        let migrates = self.args.iter().any(|arg| {
            ["db:", "migrate", "migration", "flush", "dropdb"]
                .iter()
                .any(|verb| arg.contains(verb))
        });
        let setting = words().any(|word| word.contains("=production") || word.contains("=prod"))
            || self
                .args
                .windows(2)
                .any(|pair| pair[0].starts_with("--env") && is_production(&pair[1]));
        (client || (migrates && setting)).then_some(Rule::Production)
    }

    fn reaching(&self) -> Option<Rule> {
        let (_, rule) = REACHING.iter().find(|(name, _)| *name == self.name)?;
        let plain = self.plain();
        let own = match self.name {
            "rsync" | "scp" => !plain.iter().any(|word| word.contains(':')),
            "ssh" | "mosh" | "sftp" | "telnet" => plain
                .first()
                .is_none_or(|to| secret::local(to.rsplit('@').next().unwrap_or(to))),
            "ansible-playbook" => self.has(&["--check", "--syntax-check"]) || self.harmless(),
            _ => plain.is_empty(),
        };
        (!own).then_some(*rule)
    }

    /// `make deploy`, `npm run deploy:prod`, `./scripts/deploy.sh`, `bash deploy.sh`.
    fn runner(&self) -> Option<Rule> {
        let runs = RUNNERS.contains(&self.name)
            || SHELLS.contains(&self.name)
            || INTERPRETERS.contains(&self.name);
        let own = std::iter::once(self.name).filter(|_| !RUNNERS.contains(&self.name));
        let named = self
            .args
            .iter()
            .map(String::as_str)
            .filter(|arg| runs && !arg.starts_with('-') && !arg.contains(' '));
        let acts = own.chain(named).any(|word| {
            let file = word.rsplit('/').next().unwrap_or(word);
            let parts: Vec<String> = parts(file).collect();
            let acts = parts
                .iter()
                .any(|part| ["deploy", "publish", "rollout", "promote"].contains(&part.as_str()));
            acts && !parts.iter().any(|part| is_trial(part)) && !is_text_file(file)
        });
        let trial = self
            .args
            .iter()
            .chain(self.settings)
            .any(|word| is_trial(word));
        let production = self
            .args
            .iter()
            .chain(self.settings)
            .any(|word| is_production(word));
        (acts && (!trial || production)).then_some(Rule::Production)
    }

    fn secret_file(&self) -> Option<Rule> {
        let named = self
            .args
            .iter()
            .any(|arg| SECRET_FILES.iter().any(|file| arg.contains(file)));
        named.then_some(Rule::Credential)
    }
}

fn is_text_file(file: &str) -> bool {
    [".md", ".txt", ".rst", ".adoc"]
        .iter()
        .any(|end| file.ends_with(end))
}

/// The words a name is glued together from: `deploy-prod.sh` is deploy, prod, sh.
fn parts(word: &str) -> impl Iterator<Item = String> {
    word.split(|c: char| !c.is_alphanumeric())
        .filter(|part| !part.is_empty())
        .map(str::to_lowercase)
}

fn is_production(word: &str) -> bool {
    parts(word).any(|part| ["prod", "production", "live", "prd"].contains(&part.as_str()))
}

fn is_trial(word: &str) -> bool {
    const TRIAL: [&str; 14] = [
        "staging",
        "stage",
        "test",
        "tests",
        "dev",
        "development",
        "local",
        "localhost",
        "sandbox",
        "kind",
        "minikube",
        "k3d",
        "preview",
        "qa",
    ];
    parts(word).any(|part| TRIAL.contains(&part.as_str())) || word.contains("docker-desktop")
}

/// The host of an address with a scheme.
fn host(word: &str) -> Option<String> {
    let (_, rest) = word.split_once("://")?;
    let authority = rest.split(['/', '?', '#', '"', '\'']).next().unwrap_or("");
    let host = authority.rsplit('@').next().unwrap_or("");
    let host = host.split(':').next().unwrap_or("");
    (!host.is_empty()).then(|| host.to_ascii_lowercase())
}

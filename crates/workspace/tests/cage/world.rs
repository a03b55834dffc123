//! One way to run a cage here: a layer and a user. Cages are run by the launcher as a process of its own, which can be
//! another user and can be killed.

use std::fs;
use std::os::unix::fs::{PermissionsExt, chown};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use alai_core::record::Captured;
use alai_workspace::cage::{
    Access, Bind, CageSpec, Layer, Limits, Network, agent_ids, set_launcher,
};

pub(crate) const LAUNCHER: &str = env!("CARGO_BIN_EXE_cage_launcher");
pub(crate) const INSIDE: &str = "/alai/launcher";

/// A normal user without an account.
const STRANGER: u32 = 54_321;

/// How long a test looks for something that happens in milliseconds; only a broken cage makes it wait.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

pub(crate) struct World {
    pub(crate) layer: Layer,
    /// Set when the cage is run by another user than ourselves.
    user: Option<u32>,
    /// Readable by that user, and its own: the launcher, `home`, `work`, the description of the cage.
    pub(crate) dir: tempfile::TempDir,
}

/// Every layer, as ourselves and as a normal user. `ALAI_CAGE_TESTS=bwrap` or `own` leaves the other layer out on machines
/// that cannot have it; nothing is left out silently.
pub(crate) fn worlds() -> Vec<World> {
    let only = std::env::var("ALAI_CAGE_TESTS").ok();
    let layers = [(Layer::Bwrap, "bwrap"), (Layer::Own, "own")];
    let layers = layers
        .into_iter()
        .filter(|(_, name)| only.as_deref().is_none_or(|only| only == *name));
    let users: &[Option<u32>] = if agent_ids().is_some() {
        &[None, Some(STRANGER)]
    } else {
        &[None]
    };
    layers
        .flat_map(|(layer, _)| users.iter().map(move |user| World::new(layer, *user)))
        .collect()
}

impl World {
    fn new(layer: Layer, user: Option<u32>) -> World {
        set_launcher(PathBuf::from(LAUNCHER));
        let dir = tempfile::Builder::new()
            .prefix("cage-test-")
            .tempdir()
            .unwrap();
        let world = World { layer, user, dir };
        fs::set_permissions(world.dir.path(), fs::Permissions::from_mode(0o755)).unwrap();
        if user.is_some() {
            fs::copy(LAUNCHER, world.path("launcher")).unwrap();
            chown(world.dir.path(), user, user).unwrap();
        }
        for name in ["work", "home"] {
            fs::create_dir(world.path(name)).unwrap();
            world.give(&world.path(name));
        }
        world
    }

    pub(crate) fn name(&self) -> String {
        format!(
            "{} as {}",
            self.layer,
            self.user
                .map_or("ourselves".to_owned(), |user| user.to_string())
        )
    }

    pub(crate) fn is_ourselves(&self) -> bool {
        self.user.is_none()
    }

    /// The other user that runs the cage.
    pub(crate) fn user(&self) -> Option<u32> {
        self.user
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    /// Makes the user inside the owner.
    pub(crate) fn give(&self, path: &Path) {
        let owner = self.inside_id();
        chown(path, owner, owner).unwrap();
    }

    /// The user inside, when it is not simply ourselves.
    pub(crate) fn inside_id(&self) -> Option<u32> {
        self.user.or(agent_ids().map(|(uid, _)| uid))
    }

    /// `work` writable at `/clone`, `home` at `/home/agent`.
    pub(crate) fn spec(&self) -> CageSpec {
        let bind = |name: &str, inside: &str| Bind {
            outside: self.path(name),
            inside: PathBuf::from(inside),
            access: Access::ReadWrite,
        };
        CageSpec {
            binds: vec![bind("work", "/clone"), bind("home", "/home/agent")],
            cwd: PathBuf::from("/clone"),
            env: vec![("HOME".to_owned(), "/home/agent".to_owned())],
            network: Network::Loopback,
            limits: Limits {
                wall_s: 120,
                ..Limits::default()
            },
            uid: agent_ids(),
            toolchains: Vec::new(),
            path: "/usr/local/bin:/usr/bin:/bin".to_owned(),
        }
    }

    /// Runs a program in the usual cage.
    pub(crate) fn run(&self, argv: &[&str]) -> Captured {
        self.run_spec(&self.spec(), argv)
    }

    pub(crate) fn run_spec(&self, spec: &CageSpec, argv: &[&str]) -> Captured {
        self.try_spec(spec, argv)
            .unwrap_or_else(|error| panic!("{}: {error}", self.name()))
    }

    /// Runs a program in a cage; an error is the refusal.
    pub(crate) fn try_spec(&self, spec: &CageSpec, argv: &[&str]) -> Result<Captured, String> {
        let output: Output = self.command(spec, argv).output().unwrap();
        let text = String::from_utf8(output.stdout).unwrap();
        if output.status.success() {
            Ok(serde_json::from_str(&text).unwrap())
        } else {
            Err(text + &String::from_utf8_lossy(&output.stderr))
        }
    }

    /// The process that runs the cage, not started.
    pub(crate) fn command(&self, spec: &CageSpec, argv: &[&str]) -> Command {
        self.by("run", spec, argv)
    }

    /// The same by another verb of the launcher.
    pub(crate) fn by(&self, verb: &str, spec: &CageSpec, argv: &[&str]) -> Command {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let file = self.path(&format!(
            "spec-{}.json",
            COUNT.fetch_add(1, Ordering::SeqCst)
        ));
        fs::write(&file, serde_json::to_vec(spec).unwrap()).unwrap();
        let layer = match self.layer {
            Layer::Bwrap => "bwrap",
            Layer::Own => "own",
        };
        let words = [verb, layer, file.to_str().unwrap()];
        self.launcher(&[&words[..], argv].concat())
    }

    /// The launcher as the user that runs cages, not started.
    pub(crate) fn launcher(&self, words: &[&str]) -> Command {
        let mut command = match self.user {
            None => Command::new(LAUNCHER),
            Some(user) => {
                let mut command = Command::new(self.path("launcher"));
                command.uid(user).gid(user);
                command
            }
        };
        command.args(words).current_dir("/");
        command
            .env_clear()
            .env("OUTER_SECRET", "s3cret")
            .stdin(Stdio::null());
        command
    }

    /// Runs a probe that must succeed and returns what it printed.
    pub(crate) fn allowed(&self, probe: &[&str]) -> String {
        let captured = self.run(&[&[INSIDE], probe].concat());
        assert!(
            captured.success(),
            "{}: {probe:?}: {}",
            self.name(),
            captured.combined()
        );
        captured.stdout.trim().to_owned()
    }

    /// Runs a probe that must be refused by the kernel, and not fail otherwise.
    pub(crate) fn denied(&self, probe: &[&str]) -> String {
        let captured = self.run(&[&[INSIDE], probe].concat());
        let why = captured.combined();
        let refused = why.contains("os error");
        assert!(
            !captured.success() && refused,
            "{}: {probe:?} was not denied: {why}",
            self.name()
        );
        why.trim().to_owned()
    }
}

/// A word that no other process has on its command line.
pub(crate) fn token() -> String {
    static COUNT: AtomicU32 = AtomicU32::new(0);
    format!(
        "token-{}-{}",
        std::process::id(),
        COUNT.fetch_add(1, Ordering::SeqCst)
    )
}

/// Processes of this machine that were started as `VERB ... TOKEN` by the probe, dead ones not counted.
pub(crate) fn holders(verb: &str, token: &str) -> usize {
    let processes = fs::read_dir("/proc").unwrap().flatten();
    let lines = processes.filter_map(|process| fs::read(process.path().join("cmdline")).ok());
    let is_holder = |line: &Vec<u8>| {
        let words: Vec<&[u8]> = line.split(|byte| *byte == 0).collect();
        words.get(1) == Some(&verb.as_bytes()) && words.contains(&token.as_bytes())
    };
    lines.filter(is_holder).count()
}

/// Looks until `count` such processes live.
pub(crate) fn until_holders(verb: &str, token: &str, count: usize) {
    until_seen(verb, token, |seen| seen == count);
}

/// Looks until at least one such process lives.
pub(crate) fn until_a_holder(verb: &str, token: &str) {
    until_seen(verb, token, |seen| seen > 0);
}

fn until_seen(verb: &str, token: &str, enough: impl Fn(usize) -> bool) {
    let deadline = Instant::now() + PATIENCE;
    loop {
        let seen = holders(verb, token);
        if enough(seen) {
            return;
        }
        assert!(
            Instant::now() < deadline,
            "saw {seen} processes {verb} {token} at the end"
        );
        std::thread::sleep(Duration::from_millis(5));
    }
}

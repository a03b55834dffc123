//! Which tools the tests need, which packages bring them, and what is left out without them. Pure.

/// A program of the machine that some tests need. Tests say so in their names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Tool {
    /// One of the layers of the sandbox.
    Bubblewrap,
    /// python3 with venv and pip.
    Python,
    /// Node 18 or later, with npm.
    Node,
    Go,
    /// A wall clock that a test sets.
    Faketime,
    /// The server and its clients.
    Postgres,
    Redis,
    /// A C compiler with make, zlib and cmocka, which the sample in C builds and tests itself with.
    Cmocka,
    /// The scanner of shell scripts.
    Shellcheck,
    /// A Java runtime and PostgreSQL's driver for it, for what the scaffold in Kotlin can be tried with. The tests of the
    /// workspace itself need neither.
    Java,
}

pub(crate) const TOOLS: [Tool; 9] = [
    Tool::Bubblewrap,
    Tool::Python,
    Tool::Node,
    Tool::Go,
    Tool::Faketime,
    Tool::Postgres,
    Tool::Redis,
    Tool::Cmocka,
    Tool::Shellcheck,
];

/// What `cargo xtask scaffolds` needs.
pub(crate) const SCAFFOLD_TOOLS: [Tool; 5] = [
    Tool::Bubblewrap,
    Tool::Python,
    Tool::Node,
    Tool::Postgres,
    Tool::Java,
];

/// What a test's name contains when it downloads packages.
pub(crate) const REGISTRY_MARK: &str = "needs_registry";

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Manager {
    Apt,
    Dnf,
    Zypper,
    Pacman,
    Apk,
    Brew,
}

/// In the order in which they are looked for: some machines have a second one as a curiosity.
pub(crate) const MANAGERS: [Manager; 6] = [
    Manager::Apt,
    Manager::Dnf,
    Manager::Zypper,
    Manager::Pacman,
    Manager::Apk,
    Manager::Brew,
];

/// What we may do to the system's packages.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Right {
    Root,
    /// sudo works without asking.
    Sudo,
    /// Nobody is there to type a password, or the user asked not to install.
    Ask,
}

/// What to do about missing tools.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Plan {
    Nothing,
    /// Run these, in order. The first may fail: an index that cannot be refreshed may still do.
    Install(Vec<Vec<String>>),
    /// Tell the user to type this.
    ByHand(String),
    /// No package manager that we know.
    Unknown,
}

impl Tool {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Tool::Bubblewrap => "bubblewrap",
            Tool::Python => "python3 with venv and pip",
            Tool::Node => "node 18 or later with npm",
            Tool::Go => "go",
            Tool::Faketime => "faketime",
            Tool::Postgres => "a PostgreSQL server",
            Tool::Redis => "a Redis server",
            Tool::Cmocka => "a C compiler with make, zlib and cmocka",
            Tool::Shellcheck => "shellcheck",
            Tool::Java => "Java with PostgreSQL's driver in /usr/share/java",
        }
    }

    /// What the names of the tests that need it contain.
    pub(crate) fn mark(self) -> &'static str {
        match self {
            Tool::Bubblewrap => "needs_bwrap",
            Tool::Python => "needs_python",
            Tool::Node => "needs_node",
            Tool::Go => "needs_go",
            Tool::Faketime => "needs_faketime",
            Tool::Postgres => "needs_postgres",
            Tool::Redis => "needs_redis",
            Tool::Cmocka => "needs_cmocka",
            Tool::Shellcheck => "needs_shellcheck",
            Tool::Java => "needs_java",
        }
    }

    /// Shell commands that all exit with 0 where the tool is there and whole.
    pub(crate) fn probe(self) -> &'static str {
        match self {
            Tool::Bubblewrap => "bwrap --version",
            // Debian ships venv without ensurepip until python3-venv is installed.
            Tool::Python => "python3 -c 'import venv, ensurepip' && python3 -m pip --version",
            Tool::Node => {
                "node -e 'process.exit(parseInt(process.versions.node) >= 18 ? 0 : 1)' && npm --version"
            }
            Tool::Go => "go version",
            // Its library, where the tests look for it.
            Tool::Faketime => {
                "for dir in /usr/lib/* /usr/lib /usr/lib64 /usr/local/lib; do \
                 test ! -f $dir/faketime/libfaketimeMT.so.1 || exit 0; done; exit 1"
            }
            // Debian keeps the server's programs apart from PATH, by version.
            Tool::Postgres => {
                "psql --version && pg_isready --version && (initdb --version || ls /usr/lib/postgresql/*/bin/initdb)"
            }
            Tool::Redis => "redis-server --version && redis-cli --version",
            Tool::Cmocka => {
                "make --version && echo 'int main(void) { return 0; }' | cc -x c - -lcmocka -lz -o /dev/null"
            }
            Tool::Shellcheck => "shellcheck --version",
            Tool::Java => "java -version && test -f /usr/share/java/postgresql.jar",
        }
    }

    fn packages(self, manager: Manager) -> &'static [&'static str] {
        match (self, manager) {
            // macOS has a sandbox of its own.
            (Tool::Bubblewrap, Manager::Brew) => &[],
            (
                Tool::Bubblewrap,
                Manager::Apt | Manager::Dnf | Manager::Zypper | Manager::Pacman | Manager::Apk,
            ) => &["bubblewrap"],
            (Tool::Python, Manager::Apt) => &["python3", "python3-venv", "python3-pip"],
            (Tool::Python, Manager::Dnf | Manager::Zypper) => &["python3", "python3-pip"],
            (Tool::Python, Manager::Pacman) => &["python", "python-pip"],
            (Tool::Python, Manager::Apk) => &["python3", "py3-pip"],
            (Tool::Python, Manager::Brew) => &["python"],
            (Tool::Node, Manager::Zypper) => &["nodejs-default", "npm-default"],
            (Tool::Node, Manager::Brew) => &["node"],
            (Tool::Node, Manager::Apt | Manager::Dnf | Manager::Pacman | Manager::Apk) => {
                &["nodejs", "npm"]
            }
            (Tool::Go, Manager::Apt) => &["golang-go"],
            (Tool::Go, Manager::Dnf) => &["golang"],
            (Tool::Go, Manager::Zypper | Manager::Pacman | Manager::Apk | Manager::Brew) => &["go"],
            // On macOS it would have to be let into programs in another way.
            (Tool::Faketime, Manager::Brew) => &[],
            (Tool::Faketime, Manager::Apt) => &["faketime"],
            (Tool::Faketime, Manager::Dnf | Manager::Zypper | Manager::Pacman | Manager::Apk) => {
                &["libfaketime"]
            }
            (Tool::Postgres, Manager::Dnf | Manager::Zypper) => &["postgresql-server"],
            (Tool::Postgres, Manager::Apt | Manager::Pacman | Manager::Apk | Manager::Brew) => {
                &["postgresql"]
            }
            (Tool::Redis, Manager::Apt) => &["redis-server"],
            (
                Tool::Redis,
                Manager::Dnf | Manager::Zypper | Manager::Pacman | Manager::Apk | Manager::Brew,
            ) => &["redis"],
            (Tool::Shellcheck, Manager::Dnf | Manager::Zypper) => &["ShellCheck"],
            (Tool::Shellcheck, Manager::Apt | Manager::Pacman | Manager::Apk | Manager::Brew) => {
                &["shellcheck"]
            }
            (Tool::Java, Manager::Apt) => &["openjdk-17-jre-headless", "libpostgresql-jdbc-java"],
            (Tool::Java, Manager::Dnf) => &["java-headless", "postgresql-jdbc"],
            // Their packages put the driver elsewhere, or have none.
            (Tool::Java, Manager::Zypper | Manager::Pacman | Manager::Apk | Manager::Brew) => &[],
            (Tool::Cmocka, Manager::Apt) => &["gcc", "make", "zlib1g-dev", "libcmocka-dev"],
            (Tool::Cmocka, Manager::Dnf | Manager::Zypper) => {
                &["gcc", "make", "zlib-devel", "libcmocka-devel"]
            }
            (Tool::Cmocka, Manager::Pacman) => &["gcc", "make", "zlib", "cmocka"],
            (Tool::Cmocka, Manager::Apk) => &["build-base", "zlib-dev", "cmocka-dev"],
            (Tool::Cmocka, Manager::Brew) => &["cmocka"],
        }
    }
}

impl Manager {
    pub(crate) fn program(self) -> &'static str {
        match self {
            Manager::Apt => "apt-get",
            Manager::Dnf => "dnf",
            Manager::Zypper => "zypper",
            Manager::Pacman => "pacman",
            Manager::Apk => "apk",
            Manager::Brew => "brew",
        }
    }

    fn refresh(self) -> &'static [&'static str] {
        match self {
            Manager::Apt => &["apt-get", "update"],
            Manager::Zypper => &["zypper", "--non-interactive", "refresh"],
            Manager::Pacman => &["pacman", "-Sy", "--noconfirm"],
            Manager::Apk => &["apk", "update"],
            // Both refresh by themselves.
            Manager::Dnf | Manager::Brew => &[],
        }
    }

    fn install(self) -> &'static [&'static str] {
        match self {
            Manager::Apt => &["apt-get", "install", "--yes", "--no-install-recommends"],
            Manager::Dnf => &["dnf", "install", "--assumeyes"],
            Manager::Zypper => &["zypper", "--non-interactive", "install"],
            Manager::Pacman => &["pacman", "-S", "--needed", "--noconfirm"],
            Manager::Apk => &["apk", "add"],
            Manager::Brew => &["brew", "install"],
        }
    }
}

/// Decides what to do about the missing tools on this machine.
pub(crate) fn plan(missing: &[Tool], manager: Option<Manager>, right: Right) -> Plan {
    if missing.is_empty() {
        return Plan::Nothing;
    }
    let Some(manager) = manager else {
        return Plan::Unknown;
    };
    // One command for each tool: package managers refuse all when they refuse one, and nodejs from
    // another source than the system's conflicts with the system's npm.
    let installs: Vec<Vec<&str>> = missing
        .iter()
        .map(|tool| tool.packages(manager))
        .filter(|packages| !packages.is_empty())
        .map(|packages| [manager.install(), packages].concat())
        .collect();
    if installs.is_empty() {
        return Plan::Nothing;
    }
    let prefix: &[&str] = match (manager, right) {
        // brew belongs to its user and refuses root.
        (Manager::Brew, Right::Root) => return by_hand(&installs, ""),
        (Manager::Brew, Right::Sudo | Right::Ask) => &[],
        (_, Right::Ask) => return by_hand(&installs, "sudo "),
        (_, Right::Root) => &[],
        (_, Right::Sudo) => &["sudo", "-n"],
    };
    let refresh = Some(manager.refresh().to_vec()).filter(|words| !words.is_empty());
    let commands = refresh.into_iter().chain(installs);
    Plan::Install(
        commands
            .map(|words| {
                prefix
                    .iter()
                    .chain(&words)
                    .map(|&word| word.to_owned())
                    .collect()
            })
            .collect(),
    )
}

fn by_hand(installs: &[Vec<&str>], prefix: &str) -> Plan {
    let lines: Vec<String> = installs
        .iter()
        .map(|words| format!("{prefix}{}", words.join(" ")))
        .collect();
    Plan::ByHand(lines.join(" && "))
}

/// The parts of names of the tests that must be left out.
pub(crate) fn left_out(missing: &[Tool], offline: bool) -> Vec<&'static str> {
    let registry = offline.then_some(REGISTRY_MARK);
    missing
        .iter()
        .map(|tool| tool.mark())
        .chain(registry)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn installs(plan: Plan) -> Vec<String> {
        match plan {
            Plan::Install(commands) => commands.iter().map(|c| c.join(" ")).collect(),
            other @ (Plan::Nothing | Plan::ByHand(_) | Plan::Unknown) => panic!("{other:?}"),
        }
    }

    #[test]
    fn only_what_is_missing_is_installed() {
        assert_eq!(plan(&[], Some(Manager::Apt), Right::Root), Plan::Nothing);
        assert_eq!(
            installs(plan(
                &[Tool::Bubblewrap, Tool::Python],
                Some(Manager::Apt),
                Right::Root
            )),
            [
                "apt-get update",
                "apt-get install --yes --no-install-recommends bubblewrap",
                "apt-get install --yes --no-install-recommends python3 python3-venv python3-pip",
            ]
        );
    }

    #[test]
    fn a_normal_user_goes_through_sudo_only_where_it_does_not_ask() {
        assert_eq!(
            installs(plan(&[Tool::Node], Some(Manager::Dnf), Right::Sudo)),
            ["sudo -n dnf install --assumeyes nodejs npm"]
        );
        assert_eq!(
            plan(&[Tool::Node], Some(Manager::Pacman), Right::Ask),
            Plan::ByHand("sudo pacman -S --needed --noconfirm nodejs npm".to_owned())
        );
    }

    #[test]
    fn a_tool_that_is_of_no_use_on_a_machine_is_not_installed_there() {
        let clock = [Tool::Faketime];
        assert_eq!(
            installs(plan(&clock, Some(Manager::Apt), Right::Root)),
            [
                "apt-get update",
                "apt-get install --yes --no-install-recommends faketime"
            ]
        );
        let brew = plan(&clock, Some(Manager::Brew), Right::Ask);
        assert_eq!(brew, Plan::Nothing);
        assert_eq!(left_out(&clock, false), ["needs_faketime"]);
    }

    #[test]
    fn brew_runs_as_its_user_and_never_as_root() {
        let missing = [Tool::Bubblewrap, Tool::Python];
        assert_eq!(
            installs(plan(&missing, Some(Manager::Brew), Right::Ask)),
            ["brew install python"]
        );
        assert_eq!(
            plan(&missing, Some(Manager::Brew), Right::Root),
            Plan::ByHand("brew install python".to_owned())
        );
        assert_eq!(
            plan(&[Tool::Bubblewrap], Some(Manager::Brew), Right::Ask),
            Plan::Nothing
        );
    }

    #[test]
    fn an_unknown_machine_is_told_so() {
        assert_eq!(plan(&[Tool::Python], None, Right::Root), Plan::Unknown);
    }

    #[test]
    fn tests_are_left_out_by_the_marks_in_their_names() {
        assert_eq!(left_out(&[], false), [""; 0]);
        assert_eq!(
            left_out(&[Tool::Node], true),
            ["needs_node", "needs_registry"]
        );
    }
}

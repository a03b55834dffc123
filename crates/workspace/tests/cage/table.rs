//! The table of docs/SANDBOX.md: what holds for root and for a normal user, by either layer. Each cell is tried, and the file
//! is compared with what was found. `ALAI_WRITE_DOCS=1` writes it.

use std::collections::BTreeMap;
use std::fs;
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};

use alai_core::record::{Exit, Limit};
use alai_workspace::cage::{
    Access, Bind, CageSpec, Layer, Limits, Scope, agent_ids, builder_binds,
};

use crate::world::{INSIDE, World, holders, token, worlds};

const FILE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/SANDBOX.md");
const BEGIN: &str = "<!-- what-holds: written by crates/workspace/tests/cage/table.rs -->\n";
const END: &str = "<!-- /what-holds -->";

const COLUMNS: [&str; 4] = [
    "root, bwrap",
    "root, own",
    "normal user, bwrap",
    "normal user, own",
];

/// A cell that could not be kept; it must not get into the file unseen.
const FAILS: &str = "**does not hold**";

type Try = fn(&World) -> String;

/// What is promised, and how it is tried.
const ROWS: [(&str, Try); 22] = [
    ("user inside", user),
    ("no write but to writable folders and `/tmp`", writes),
    ("a read-only folder inside a writable one", read_only_part),
    (
        "a builder its folders and commits, a reviewer nothing",
        roles,
    ),
    (
        "mode, times, name, length and links of files outside",
        changes,
    ),
    ("no kernel setting opened for writing", settings),
    ("no file of the machine but its programs", secrets),
    ("no network but its own loopback", network),
    ("no metadata server, no name resolved", beyond),
    ("no socket of an agent or a container daemon", sockets),
    ("no outer process", processes_seen),
    ("own session and group, no terminal", session),
    ("no capability, none to be gained", privileges),
    ("bounding set of capabilities", bounding),
    ("no mount, namespace, tracing, raw socket, io_uring", calls),
    ("processes counted", processes_counted),
    ("memory of all together", memory),
    ("bytes and files on disk", disk),
    ("daemons ended with the program", daemons),
    ("on a machine without Landlock", without_landlock),
    ("on a machine without seccomp", without_seccomp),
    ("on a machine without namespaces", without_namespaces),
];

#[test]
fn the_table_in_the_documentation_is_what_holds_here() {
    let mut found: BTreeMap<&str, Vec<String>> = BTreeMap::new();
    for world in worlds() {
        let cells = ROWS.iter().map(|(_, attempt)| attempt(&world)).collect();
        found.insert(column(&world), cells);
    }
    let text = fs::read_to_string(FILE).unwrap();
    let (before, rest) = text.split_once(BEGIN).expect("the table begins somewhere");
    let (table, after) = rest.split_once(END).expect("the table ends somewhere");
    let mut written = cells(table);
    let same = found
        .iter()
        .all(|(name, cells)| written.get(*name) == Some(cells));
    if std::env::var_os("ALAI_WRITE_DOCS").is_some() {
        // What cannot be tried here stays as it was.
        written.extend(
            found
                .into_iter()
                .map(|(name, cells)| (name.to_owned(), cells)),
        );
        fs::write(
            FILE,
            format!("{before}{BEGIN}{}{END}{after}", rendered(&written)),
        )
        .unwrap();
        return;
    }
    assert!(
        same,
        "docs/SANDBOX.md says otherwise; what holds here (ALAI_WRITE_DOCS=1 writes it):\n{found:#?}"
    );
    let all = written.values().flatten();
    assert!(all.clone().count() > 0 && all.clone().all(|cell| !cell.starts_with(FAILS)));
}

fn column(world: &World) -> &'static str {
    let as_root = agent_ids().is_some() && world.is_ourselves();
    match (as_root, world.layer) {
        (true, Layer::Bwrap) => COLUMNS[0],
        (true, Layer::Own) => COLUMNS[1],
        (false, Layer::Bwrap) => COLUMNS[2],
        (false, Layer::Own) => COLUMNS[3],
    }
}

fn rendered(found: &BTreeMap<String, Vec<String>>) -> String {
    let mut text = format!("| | {} |\n|---|---|---|---|---|\n", COLUMNS.join(" | "));
    for (at, (name, _)) in ROWS.iter().enumerate() {
        let cell = |column: &&str| found.get(*column).and_then(|cells| cells.get(at)).cloned();
        let cells = COLUMNS
            .iter()
            .map(|column| cell(column).unwrap_or_default());
        text += &format!("| {name} | {} |\n", cells.collect::<Vec<_>>().join(" | "));
    }
    text
}

/// The cells of a table by their column, when its rows are ours.
fn cells(table: &str) -> BTreeMap<String, Vec<String>> {
    let mut found: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for (line, (name, _)) in table.lines().skip(2).zip(ROWS) {
        let words: Vec<&str> = line.trim_matches('|').split('|').map(str::trim).collect();
        if words.first() != Some(&name) || words.len() != COLUMNS.len() + 1 {
            return BTreeMap::new();
        }
        for (column, cell) in COLUMNS.iter().zip(&words[1..]) {
            let column = found.entry((*column).to_owned()).or_default();
            column.push((*cell).to_owned());
        }
    }
    found
}

fn holds(yes: bool) -> String {
    if yes { "holds" } else { FAILS }.to_owned()
}

/// True when the kernel refuses every one of these probes, of which each says one line. They share a cage.
fn all_denied(world: &World, spec: &CageSpec, probes: &[&[&str]]) -> bool {
    let lines = probes.iter().map(|probe| {
        let words = probe.iter().map(|word| format!(" '{word}'"));
        format!("{INSIDE}{}", words.collect::<String>())
    });
    let script = lines.collect::<Vec<_>>().join("; ");
    let said = world.run_spec(spec, &["/bin/sh", "-c", &script]).stdout;
    said.lines().count() == probes.len() && said.lines().all(|line| line.contains("os error"))
}

fn works(world: &World, spec: &CageSpec, probe: &[&str]) -> bool {
    world.run_spec(spec, &[&[INSIDE], probe].concat()).success()
}

fn fact(world: &World, name: &str) -> String {
    let status = world.allowed(&["status"]);
    let mut facts = status.lines().filter_map(|line| line.split_once('='));
    let found = facts.find(|(found, _)| *found == name);
    found.map(|(_, value)| value.to_owned()).unwrap_or_default()
}

fn user(world: &World) -> String {
    let uid = fact(world, "Uid");
    match uid.split(' ').next() {
        Some("64001") => "64001".to_owned(),
        Some("0") | None => FAILS.to_owned(),
        Some(_) => "its own".to_owned(),
    }
}

fn writes(world: &World) -> String {
    let spec = world.spec();
    let denied: [&[&str]; 6] = [
        &["write", "/new"],
        &["write", "/usr/new"],
        &["write", "/etc/passwd"],
        &["write", "/dev/new"],
        &["write", "/alai/launcher"],
        &["write", "/proc/self/comm"],
    ];
    let allowed = ["/clone/new", "/home/agent/new", "/tmp/new"];
    let can = allowed
        .iter()
        .all(|path| works(world, &spec, &["write", path]));
    holds(can && all_denied(world, &spec, &denied))
}

/// The usual cage, and a folder of its user that is shown read-only.
fn with_kept(world: &World, inside: &str) -> CageSpec {
    let kept = world.path("table-kept");
    if !kept.exists() {
        fs::create_dir(&kept).unwrap();
        fs::write(kept.join("file"), "kept").unwrap();
        world.give(&kept.join("file"));
        world.give(&kept);
    }
    let mut spec = world.spec();
    spec.binds.push(Bind {
        outside: kept,
        inside: PathBuf::from(inside),
        access: Access::ReadOnly,
    });
    spec
}

fn read_only_part(world: &World) -> String {
    let inside = world.path("work/part");
    if !inside.exists() {
        fs::create_dir(&inside).unwrap();
        world.give(&inside);
    }
    let spec = with_kept(world, "/clone/part");
    let denied: [&[&str]; 2] = [
        &["write", "/clone/part/file"],
        &["write", "/clone/part/new"],
    ];
    holds(works(world, &spec, &["write", "/clone/new"]) && all_denied(world, &spec, &denied))
}

fn changes(world: &World) -> String {
    let spec = with_kept(world, "/kept");
    let made = works(world, &spec, &["write", "/clone/mine"]);
    let denied: [&[&str]; 6] = [
        &["chmod", "/kept/file"],
        &["utimes", "/kept/file"],
        &["truncate", "/kept/file"],
        &["rename", "/kept/file", "/clone/taken"],
        &["rename", "/clone/mine", "/kept/mine"],
        &["hard-link", "/clone/mine", "/kept/twin"],
    ];
    holds(made && all_denied(world, &spec, &denied))
}

fn settings(world: &World) -> String {
    let denied: [&[&str]; 3] = [
        &["open-write", "/proc/sys/kernel/core_pattern"],
        &["open-write", "/proc/sys/vm/drop_caches"],
        &["open-write", "/proc/sysrq-trigger"],
    ];
    holds(all_denied(world, &world.spec(), &denied))
}

fn secrets(world: &World) -> String {
    let path = world.path("table-secret");
    fs::write(&path, "s3cret").unwrap();
    let path = path.display().to_string();
    let denied: [&[&str]; 5] = [
        &["read", &path],
        &["read", "/etc/shadow"],
        &["read", "/proc/1/environ"],
        &["list", "/root"],
        &["list", "/run"],
    ];
    holds(all_denied(world, &world.spec(), &denied) && fact(world, "env") == "HOME PATH")
}

fn network(world: &World) -> String {
    let server = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = server.local_addr().unwrap().to_string();
    let denied: [&[&str]; 3] = [
        &["tcp", &address],
        &["tcp", "192.0.2.1:80"],
        &["udp", "192.0.2.1:53"],
    ];
    let spec = world.spec();
    holds(works(world, &spec, &["loopback"]) && all_denied(world, &spec, &denied))
}

fn beyond(world: &World) -> String {
    let denied: [&[&str]; 3] = [
        &["tcp", "169.254.169.254:80"],
        &["tcp", "[fd00:ec2::254]:80"],
        &["udp", "[2001:db8::53]:53"],
    ];
    let spec = world.spec();
    let named = works(world, &spec, &["resolve", "example.com"]);
    holds(!named && all_denied(world, &spec, &denied))
}

fn sockets(world: &World) -> String {
    let path = world.path("table-agent");
    let _agent = UnixListener::bind(&path).unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o777)).unwrap();
    let path = path.display().to_string();
    let denied: [&[&str]; 3] = [
        &["unix", &path],
        &["unix", "/run/docker.sock"],
        &["unix", "/var/run/docker.sock"],
    ];
    holds(all_denied(world, &world.spec(), &denied))
}

fn roles(world: &World) -> String {
    let clone = world.path("table-clone");
    for folder in ["", ".git", "src"] {
        fs::create_dir_all(clone.join(folder)).unwrap();
        world.give(&clone.join(folder));
    }
    let show = |binds: Vec<Bind>| {
        let mut spec = world.spec();
        spec.binds.extend(binds);
        spec
    };
    let scope = Scope {
        allowed: &["src/**".to_owned()],
        forbidden: &[],
        tracked: &["src/a".to_owned()],
    };
    let scoped = builder_binds(&clone, Path::new("/repo"), &scope, None).unwrap();
    let builder = show(scoped.binds);
    let reviewer = show(vec![Bind {
        outside: clone,
        inside: PathBuf::from("/repo"),
        access: Access::ReadOnly,
    }]);
    let own = ["/repo/src/new", "/repo/.git/new"];
    let can = own
        .iter()
        .all(|path| works(world, &builder, &["write", path]));
    let outside: [&[&str]; 2] = [
        &["write", "/repo/new"],
        &["rename", "/repo/src", "/repo/gone"],
    ];
    let nothing: [&[&str]; 3] = [
        &["write", "/repo/new"],
        &["write", "/repo/src/more"],
        &["write", "/repo/.git/more"],
    ];
    holds(can && all_denied(world, &builder, &outside) && all_denied(world, &reviewer, &nothing))
}

fn processes_seen(world: &World) -> String {
    holds(fact(world, "PPid") == "1" && fact(world, "pids").split(' ').count() == 2)
}

fn session(world: &World) -> String {
    let facts = ["session", "group", "terminal"].map(|name| fact(world, name));
    holds(facts == ["1", "1", "0"])
}

fn privileges(world: &World) -> String {
    let sets = ["CapInh", "CapPrm", "CapEff", "CapAmb"];
    let empty = sets.iter().all(|name| is_empty(&fact(world, name)));
    let denied: [&[&str]; 1] = [&["call", "setuid-root"]];
    let none_gained = fact(world, "NoNewPrivs") == "1";
    holds(empty && none_gained && all_denied(world, &world.spec(), &denied))
}

fn is_empty(set: &str) -> bool {
    !set.is_empty() && set.chars().all(|digit| digit == '0')
}

fn bounding(world: &World) -> String {
    if is_empty(&fact(world, "CapBnd")) {
        "empty".to_owned()
    } else {
        "as it was, of no use".to_owned()
    }
}

fn calls(world: &World) -> String {
    let names = [
        "mount",
        "unshare-user",
        "clone-user",
        "setns",
        "ptrace",
        "raw-socket",
        "io-uring",
        "bpf",
    ];
    let probes = names.map(|name| ["call", name]);
    let probes: Vec<&[&str]> = probes.iter().map(|probe| &probe[..]).collect();
    holds(all_denied(world, &world.spec(), &probes))
}

fn limited(world: &World, change: impl FnOnce(&mut Limits)) -> CageSpec {
    let mut spec = world.spec();
    change(&mut spec.limits);
    spec
}

fn processes_counted(world: &World) -> String {
    let spec = limited(world, |limits| limits.processes_max = 40);
    let captured = world.run_spec(&spec, &[INSIDE, "threads", "30"]);
    let layers = captured.record.cage.join(" ");
    let by_cage = ["processes:own", "processes:cgroup"]
        .iter()
        .any(|name| layers.contains(name));
    let denied: [&[&str]; 1] = [&["threads", "60"]];
    if !captured.success() || !all_denied(world, &spec, &denied) {
        return FAILS.to_owned();
    }
    if by_cage {
        "each cage apart"
    } else {
        "all cages together"
    }
    .to_owned()
}

fn ended_over(world: &World, spec: &CageSpec, argv: &[&str], wanted: Limit) -> bool {
    let exit = world.run_spec(spec, argv).record.exit;
    matches!(exit, Exit::OverLimit { limit, .. } if limit == wanted)
}

fn memory(world: &World) -> String {
    let spec = limited(world, |limits| limits.memory_bytes = 96 << 20);
    let one = format!("{INSIDE} hold-memory 41943040 &");
    let script = format!("{} wait", one.repeat(3));
    let ended = ended_over(world, &spec, &["/bin/sh", "-c", &script], Limit::Memory);
    holds(ended)
}

fn disk(world: &World) -> String {
    let bytes = limited(world, |limits| limits.disk_bytes_max = 4 << 20);
    let files = limited(world, |limits| limits.disk_files_max = 50);
    let full = [INSIDE, "bomb", "files", "/clone", "8", "1048576"];
    let many = [INSIDE, "bomb", "files", "/clone", "100", "0"];
    let ended = ended_over(world, &bytes, &full, Limit::Disk)
        && ended_over(world, &files, &many, Limit::Files);
    clear(&world.path("work"));
    holds(ended)
}

fn clear(folder: &Path) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_file() {
            fs::remove_file(path).unwrap();
        }
    }
}

fn daemons(world: &World) -> String {
    let token = token();
    world.allowed(&["daemon", &token]);
    holds(holders("hold", &token) == 0)
}

fn without_landlock(world: &World) -> String {
    refused_without(world, "landlock", "Landlock")
}

fn without_seccomp(world: &World) -> String {
    refused_without(world, "seccomp", "seccomp")
}

fn without_namespaces(world: &World) -> String {
    // Each layer in its own words, and not in those of the advice behind them.
    let why = match (world.layer, column(world)) {
        (Layer::Bwrap, _) => "new namespace",
        (Layer::Own, "root, own") => "root may not make namespaces here",
        (Layer::Own, _) => "this machine forbids user namespaces",
    };
    refused_without(world, "namespaces", why)
}

/// No layer stands in for another: without one nothing is started, and the reason says `named`.
fn refused_without(world: &World, layer: &str, named: &str) -> String {
    let written = world.path("work/without");
    let attempt = |missing: &str| {
        let inner = world.command(&world.spec(), &[INSIDE, "write", "/clone/without"]);
        let mut command = world.launcher(&["without", missing]);
        command.arg(inner.get_program()).args(inner.get_args());
        let output = command.output().unwrap();
        let said = [output.stdout, output.stderr].concat();
        (
            output.status.success(),
            String::from_utf8_lossy(&said).into_owned(),
        )
    };
    let (started, said) = attempt(layer);
    let is_refused = !started && !written.exists() && said.contains(named);
    // The same command line in the same way where nothing is missing: it is the layer that was missed, and not the attempt that is broken.
    let (whole, _) = attempt("nothing");
    let ran = whole && written.exists();
    clear(&world.path("work"));
    match is_refused && ran {
        true => "nothing is started".to_owned(),
        false => format!("{FAILS} ({})", said.trim()),
    }
}

//! What an attack is aimed at: files, sockets and listeners outside of every cage, and a look that tells whether anything came of it.

use std::collections::BTreeMap;
use std::fs;
use std::io::ErrorKind;
use std::net::{TcpListener, UdpSocket};
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};

use alai_testkit::git;
use tempfile::TempDir;

use crate::world::{World, run};

/// What stands in every file that nobody may read or change.
pub(super) const CANARY: &str = "canary-7c1f: nobody reads or changes this";

/// Where the launcher is that every cage shows: our own binary.
const LAUNCHER: &str = "/alai/launcher";

/// Sockets of the host, as an ssh agent and a container daemon have them.
const SOCKETS: [&str; 2] = ["agent.sock", "run/docker.sock"];

/// The targets of one attack. There are two of each: the real ones, and a twin for the control.
pub(super) struct Place {
    dir: TempDir,
    tcp: TcpListener,
    udp: UdpSocket,
    sockets: Vec<UnixListener>,
    /// A commit of a repository that is nobody else's business.
    pub(super) vault: String,
    words: BTreeMap<&'static str, String>,
    /// What is compared: every file below these.
    roots: Vec<PathBuf>,
    before: BTreeMap<PathBuf, Seen>,
}

/// What can be seen of a file from outside.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Seen {
    mode: u32,
    owner: (u32, u32),
    links: u64,
    modified: (i64, i64),
    bytes: Vec<u8>,
}

impl Place {
    /// Beside a world: its person, its home and its repository are targets, too.
    pub(super) fn beside(world: &World) -> Place {
        Place::new(world, LAUNCHER)
    }

    /// The same things to the last file, for a control. `world` is a twin that nobody else uses.
    pub(super) fn twin(world: &World) -> Place {
        let mut twin = Place::new(world, "");
        let word = |name: &str| twin.out().join(name).display().to_string();
        let (system, sockets) = (word("system"), word("run"));
        twin.words
            .extend([("SYSTEM", system), ("SOCKETS", sockets)]);
        let shell = run(control_shell(world, "printf %s \"$ALAI\"")).exits(0);
        twin.words.insert("ALAI", shell.out);
        twin
    }

    fn new(world: &World, alai: &str) -> Place {
        let dir = tempfile::Builder::new()
            .prefix("alai-out-")
            .tempdir()
            .expect("a folder");
        // Whoever a hostile program might become on the host could write here.
        fs::set_permissions(dir.path(), fs::Permissions::from_mode(0o777)).expect("set");
        let out = dir.path();
        for name in ["file", "moved", "system", "mode"] {
            fs::write(out.join(name), CANARY).expect("written");
        }
        fs::write(out.join("hosts"), NAMES).expect("written");
        fs::create_dir(out.join("run")).expect("made");
        let sockets = SOCKETS.map(|name| UnixListener::bind(out.join(name)).expect("a socket"));
        let person = world.path("person");
        for (name, mode) in [(".ssh/id_ed25519", 0o600), (".netrc", 0o600)] {
            let path = person.join(name);
            fs::create_dir_all(path.parent().expect("a folder")).expect("made");
            fs::write(&path, CANARY).expect("written");
            fs::set_permissions(&path, fs::Permissions::from_mode(mode)).expect("set");
        }
        let vault = vault(&out.join("vault"));
        let tcp = TcpListener::bind("127.0.0.1:0").expect("a port");
        let udp = UdpSocket::bind("127.0.0.1:0").expect("a port");
        tcp.set_nonblocking(true).expect("set");
        udp.set_nonblocking(true).expect("set");
        for socket in &sockets {
            socket.set_nonblocking(true).expect("set");
        }
        let shown = |path: PathBuf| path.display().to_string();
        let port = |address: std::io::Result<std::net::SocketAddr>| {
            address.expect("bound").port().to_string()
        };
        let words = BTreeMap::from([
            ("OUT", shown(out.to_path_buf())),
            ("PERSON", shown(person.clone())),
            ("HOME", shown(world.home())),
            ("REPO", shown(world.repo())),
            ("ALAI", alai.to_owned()),
            ("SYSTEM", "/etc/passwd".to_owned()),
            ("SOCKETS", "/var/run".to_owned()),
            ("TCP", port(tcp.local_addr())),
            ("UDP", port(udp.local_addr())),
            ("VAULT", vault.clone()),
        ]);
        let roots = vec![out.to_path_buf(), person, world.home().join("keys")];
        let mut place = Place {
            dir,
            tcp,
            udp,
            sockets: sockets.into(),
            vault,
            words,
            roots,
            before: BTreeMap::new(),
        };
        place.looks_so();
        place
    }

    pub(super) fn out(&self) -> &Path {
        self.dir.path()
    }

    /// A script with its targets put in for `@NAME@`.
    pub(super) fn aimed(&self, script: &str) -> String {
        let put = |text: String, (name, value): (&&str, &String)| {
            text.replace(&format!("@{name}@"), value)
        };
        self.words.iter().fold(script.to_owned(), put)
    }

    /// What is there now is how it should stay.
    pub(super) fn looks_so(&mut self) {
        self.before = self.look();
    }

    fn look(&self) -> BTreeMap<PathBuf, Seen> {
        let mut seen = BTreeMap::new();
        self.roots.iter().for_each(|root| look_at(root, &mut seen));
        seen
    }

    /// Nothing was made, changed, linked, renamed or removed, and nobody has connected.
    #[track_caller]
    pub(super) fn is_untouched(&self) {
        assert_eq!(self.touched(), [""; 0]);
    }

    /// The files that are not as they were, and the listeners that somebody has reached.
    pub(super) fn touched(&self) -> Vec<String> {
        let now = self.look();
        let paths = self.before.keys().chain(now.keys());
        let mut touched: Vec<String> = paths
            .filter(|path| now.get(*path) != self.before.get(*path))
            .map(|path| path.display().to_string())
            .collect();
        let quiet = |kind: Option<ErrorKind>| kind == Some(ErrorKind::WouldBlock);
        let tcp = self.tcp.accept().err().map(|e| e.kind());
        let udp = self.udp.recv_from(&mut [0; 8]).err().map(|e| e.kind());
        touched.extend((!quiet(tcp)).then(|| "TCP".to_owned()));
        touched.extend((!quiet(udp)).then(|| "UDP".to_owned()));
        for (name, socket) in SOCKETS.iter().zip(&self.sockets) {
            let reached = !quiet(socket.accept().err().map(|e| e.kind()));
            touched.extend(reached.then(|| (*name).to_owned()));
        }
        touched
    }
}

fn look_at(path: &Path, seen: &mut BTreeMap<PathBuf, Seen>) {
    let Ok(what) = fs::symlink_metadata(path) else {
        return;
    };
    if what.is_dir() {
        for entry in fs::read_dir(path).expect("a folder").flatten() {
            look_at(&entry.path(), seen);
        }
        return;
    }
    let bytes = if what.is_file() {
        fs::read(path).expect("a file")
    } else {
        Vec::new()
    };
    let all = Seen {
        mode: what.mode(),
        owner: (what.uid(), what.gid()),
        links: what.nlink(),
        modified: (what.mtime(), what.mtime_nsec()),
        bytes,
    };
    seen.insert(path.to_path_buf(), all);
}

/// A repository that only its owner may enter; its one commit.
fn vault(dir: &Path) -> String {
    fs::create_dir(dir).expect("made");
    fs::write(dir.join("secret"), CANARY).expect("written");
    let commit = git::init_repo(dir).expect("a repository");
    fs::set_permissions(dir, fs::Permissions::from_mode(0o700)).expect("set");
    commit
}

/// Runs in a user, mount, network, process and host-name space of its own that ends with it, where only the folders of the
/// place may be written. `env` is what the attacked program would see.
fn control_shell(world: &World, script: &str) -> std::process::Command {
    let mut command = world.program("unshare");
    let spaces = [
        "--user",
        "--map-root-user",
        "--mount",
        "--net",
        "--pid",
        "--uts",
        "--ipc",
    ];
    command.args(spaces);
    command.args([
        "--fork",
        "--kill-child",
        "--mount-proc",
        "--",
        "sh",
        "-c",
        script,
    ]);
    command
}

/// The other side of a control: what answers on its loopback, a proxy without rules, and a process with a secret.
const AROUND: &str = r#"
use strict; use Socket; use IO::Socket::INET; use IO::Select;
socket(my $s, PF_INET, SOCK_DGRAM, 0) or die;
my $n = 0;
for my $ip ('127.0.0.1', '169.254.169.254', '192.0.2.53') {
    my $name = $n++ ? "lo:$n" : 'lo';
    ioctl($s, 0x8916, pack('a16 S n a4 x16', $name, AF_INET, 0, inet_aton($ip))) or die "$name: $!";
    ioctl($s, 0x8914, pack('a16 s x22', $name, 0x41)) or die "$name: $!";
}
my %proxy; my $all = IO::Select->new;
for my $port (@TCP@, 80, 443, 3128) {
    my $l = IO::Socket::INET->new(LocalAddr => '0.0.0.0', LocalPort => $port, Listen => 9, ReuseAddr => 1) or die "$port: $!";
    $proxy{$l} = $port == 3128; $all->add($l);
}
my %echo;
for my $port (@UDP@, 53) {
    my $l = IO::Socket::INET->new(LocalAddr => '0.0.0.0', LocalPort => $port, Proto => 'udp') or die "$port: $!";
    $echo{$l} = 1; $all->add($l);
}
exit if fork;
open STDOUT, '>', '/dev/null'; open STDERR, '>', '/dev/null';
my @kept;
while (my @ready = $all->can_read) {
    for my $l (@ready) {
        if ($echo{$l}) { my $from = recv($l, my $got, 512, 0); send($l, $got, 0, $from); next }
        my $c = $l->accept; push @kept, $c;
        next unless $proxy{$l};
        my $line = <$c>;
        my ($host, $port) = $line =~ m{^\S+ (?:http://)?([^:/ ]+):(\d+)};
        my $far = $host && IO::Socket::INET->new(PeerAddr => $host, PeerPort => $port);
        push @kept, $far;
        print $c $far ? "HTTP/1.1 200 OK\r\n\r\n" : "HTTP/1.1 502 Bad\r\n\r\n"; $c->flush;
    }
}
"#;

/// Names as an attacker's name server would answer for them.
const NAMES: &str = "127.0.0.1 localhost rebind.example\n169.254.169.254 metadata.google.internal\n127.0.0.1 drop.example\n";

/// Runs a script where nothing but a name space holds it: what is refused elsewhere must work here. It stands at the top of a clone
/// of the world's repository, with the twin's person as its user. What it says.
pub(super) fn unprotected(world: &World, twin: &Place, script: &str) -> String {
    let out = twin.out().display();
    fs::write(twin.out().join("around.pl"), twin.aimed(AROUND)).expect("written");
    fs::write(twin.out().join("script"), twin.aimed(script)).expect("written");
    let text = format!(
        "set -e\nmount --make-rprivate /\nfor own in {out} {world}; do mount --bind $own $own; done\n\
         mount --bind {out}/hosts /etc/hosts\nmount -o remount,bind,ro /\nperl {out}/around.pl\n\
         rm -rf {out}/clone\nmkdir -p {out}/tmp\nexport TMPDIR={out}/tmp\ngit clone --quiet --no-hardlinks {repo} {out}/clone\ncd {out}/clone\n\
         git config user.name Agent\ngit config user.email agent@example.invalid\n\
         env RED_SECRET=canary-7c1f sleep 600 > /dev/null 2>&1 &\n\
         until grep -q RED_SECRET /proc/$!/environ; do :; done\n\
         export SSH_AUTH_SOCK={out}/agent.sock HTTPS_PROXY=http://127.0.0.1:3128\nset +e\nsh {out}/script 2>&1\n",
        world = world.path("").display(),
        repo = world.repo().display(),
    );
    let ran = run(control_shell(world, &text));
    assert!(ran.err.is_empty(), "the control itself: {ran}");
    ran.out
}

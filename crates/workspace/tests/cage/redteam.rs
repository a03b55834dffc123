//! Attempts on what a machine of a developer has beside the work: keys, agents, container daemons, other programs' variables,
//! metadata servers. Each has a control: the same attempt outside succeeds, so it was the cage that refused it.

use std::ffi::OsStr;
use std::fs;
use std::io::{BufRead, BufReader};
use std::net::{TcpListener, UdpSocket};
use std::os::unix::fs::{PermissionsExt, symlink};
use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use alai_workspace::cage::{Access, Bind};

use crate::world::{INSIDE, LAUNCHER, World, token, worlds};

/// What no output of any cage may ever hold.
const SECRET: &str = "s3cret-of-the-machine";

/// A probe as a process of its own outside: the control.
fn outside(world: &World, words: &[&str]) -> bool {
    let mut command = Command::new(LAUNCHER);
    if let Some(user) = world.user() {
        use std::os::unix::process::CommandExt;
        command = Command::new(world.path("launcher"));
        command.uid(user).gid(user);
    }
    let ended = command.args(words).env_clear().output().unwrap();
    ended.status.success()
}

/// A program outside that holds a secret in its environment, as a daemon holds its provider's key.
struct Daemon(Child);

impl Daemon {
    fn start(world: &World) -> Daemon {
        let mut command = Command::new(LAUNCHER);
        if let Some(user) = world.user() {
            use std::os::unix::process::CommandExt;
            command = Command::new(world.path("launcher"));
            command.uid(user).gid(user);
        }
        command.args(["hold", &token()]).env_clear();
        command
            .env("PROVIDER_KEY", SECRET)
            .stdin(Stdio::null())
            .stdout(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let mut line = String::new();
        let mut said = BufReader::new(child.stdout.take().unwrap());
        said.read_line(&mut line).unwrap();
        assert_eq!(line, "held\n");
        Daemon(child)
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Runs a script inside; nothing of what it prints may be the secret.
fn finds_nothing(world: &World, script: &str) -> String {
    let captured = world.run(&["/bin/sh", "-c", script]);
    let said = captured.combined();
    assert!(!said.contains(SECRET), "{}: {said}", world.name());
    said
}

#[test]
fn no_variable_of_an_outer_process_can_be_read() {
    for world in worlds() {
        let daemon = Daemon::start(&world);
        let environ = format!("/proc/{}/environ", daemon.0.id());
        let control = Command::new(LAUNCHER).args(["read", &environ]).output();
        let control = control.unwrap().stdout;
        assert!(
            String::from_utf8_lossy(&control).contains(SECRET),
            "the control sees it"
        );
        world.denied(&["read", &environ]);
        let said = finds_nothing(
            &world,
            "cat /proc/[0-9]*/environ /proc/[0-9]*/cmdline /proc/[0-9]*/maps; ls -l /proc/[0-9]*/cwd /proc/[0-9]*/fd; env; set",
        );
        assert!(!said.contains("OUTER_SECRET"), "{}: {said}", world.name());
    }
}

#[test]
fn no_key_and_no_agent_s_socket_of_a_home_can_be_reached() {
    for world in worlds() {
        let home = world.path("person");
        let files = [
            ".ssh/id_ed25519",
            ".aws/credentials",
            ".config/gh/hosts.yml",
            ".netrc",
            ".docker/config.json",
            ".alai/gate.key",
            ".alai/mission.db",
            ".claude/.credentials.json",
            ".codex/auth.json",
        ];
        for file in files {
            let path = home.join(file);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(&path, SECRET).unwrap();
        }
        let sockets = ["agent.123", "S.gpg-agent", "docker.sock", "alai.sock"];
        let kept: Vec<UnixListener> = sockets
            .iter()
            .map(|name| UnixListener::bind(home.join(name)).unwrap())
            .collect();
        open_to_all(&home);
        for file in files {
            let path = home.join(file).display().to_string();
            assert!(outside(&world, &["read", &path]), "{path}: the control");
            world.denied(&["read", &path]);
        }
        for socket in sockets {
            let path = home.join(socket).display().to_string();
            assert!(outside(&world, &["unix", &path]), "{path}: the control");
            world.denied(&["unix", &path]);
        }
        // A variable that names the agent leads nowhere, and the well-known places are empty.
        let mut spec = world.spec();
        let agent = home.join("agent.123").display().to_string();
        spec.env.push(("SSH_AUTH_SOCK".to_owned(), agent));
        let script =
            format!("{INSIDE} unix \"$SSH_AUTH_SOCK\"; find / -xdev -type s 2>/dev/null; true");
        let captured = world.run_spec(&spec, &["/bin/sh", "-c", &script]);
        assert!(
            captured.stdout.lines().count() == 1 && captured.stdout.contains("os error"),
            "{}: {}",
            world.name(),
            captured.combined()
        );
        finds_nothing(
            &world,
            "cat ~/.ssh/* /root/.ssh/* /home/*/.ssh/* /home/*/.alai/* /tmp/*/person/.*/* /etc/ssh/*_key /etc/shadow",
        );
        drop(kept);
    }
}

fn open_to_all(path: &Path) {
    let what = fs::symlink_metadata(path).unwrap();
    fs::set_permissions(path, fs::Permissions::from_mode(0o777)).unwrap();
    if what.is_dir() {
        for entry in fs::read_dir(path).unwrap() {
            open_to_all(&entry.unwrap().path());
        }
    }
}

#[test]
fn no_container_daemon_s_socket_is_there() {
    for world in worlds() {
        for path in [
            "/var/run/docker.sock",
            "/run/docker.sock",
            "/run/podman/podman.sock",
            "/run/containerd/containerd.sock",
            "/run/systemd/private",
            "/run/dbus/system_bus_socket",
            "/run/systemd/resolve/io.systemd.Resolve",
        ] {
            assert!(
                world.denied(&["unix", path]).contains("os error 2)"),
                "{path}"
            );
        }
        // A socket is no bind, and one in a folder that is bound is what the promise leaves out: it must be put there by us.
        let socket = world.path("docker.sock");
        let _daemon = UnixListener::bind(&socket).unwrap();
        let mut spec = world.spec();
        spec.binds.push(Bind {
            outside: socket,
            inside: PathBuf::from("/clone-docker.sock"),
            access: Access::ReadWrite,
        });
        let refused = world.try_spec(&spec, &[INSIDE, "status"]).unwrap_err();
        assert!(
            refused.contains("neither a folder nor a regular file"),
            "{refused}"
        );
    }
}

/// Opened for writing and never written: they belong to the whole machine.
#[test]
fn no_setting_of_the_kernel_can_be_opened() {
    let settings = [
        "/proc/sys/kernel/core_pattern",
        "/proc/sys/kernel/modprobe",
        "/proc/sys/vm/drop_caches",
        "/proc/sys/fs/binfmt_misc/register",
        "/proc/sysrq-trigger",
        "/sys/kernel/uevent_helper",
        "/sys/fs/cgroup/cgroup.procs",
        "/sys/fs/cgroup/release_agent",
        "/proc/1/oom_score_adj",
        "/proc/1/attr/current",
        "/dev/mem",
        "/dev/kmsg",
        "/dev/kvm",
    ];
    for world in worlds() {
        for path in settings {
            world.denied(&["open-write", path]);
        }
    }
}

#[test]
fn no_datagram_leaves_and_no_name_is_resolved() {
    for world in worlds() {
        let server = UdpSocket::bind("127.0.0.1:0").unwrap();
        server.set_nonblocking(true).unwrap();
        let address = server.local_addr().unwrap().to_string();
        let heard = || server.recv_from(&mut [0; 64]).is_ok();
        // A datagram to itself may be taken by the cage's own loopback; it must not arrive here.
        world.run(&[INSIDE, "udp", &address]);
        assert!(!heard(), "{}: a datagram came out", world.name());
        assert!(
            outside(&world, &["udp", &address]) && heard(),
            "the control arrives"
        );
        for resolver in [
            "192.0.2.53:53",
            "8.8.8.8:53",
            "[2001:db8::53]:53",
            "255.255.255.255:67",
        ] {
            world.denied(&["udp", resolver]);
        }
        for name in [
            "example.com",
            "metadata.google.internal",
            "secret.of.exfil.example",
        ] {
            let captured = world.run(&[INSIDE, "resolve", name]);
            assert!(!captured.success(), "{name}: {}", captured.combined());
        }
    }
}

#[test]
fn no_metadata_server_and_no_neighbour_can_be_reached() {
    for world in worlds() {
        for address in [
            "169.254.169.254:80",
            "169.254.170.2:80",
            "[fd00:ec2::254]:80",
            "[fe80::1]:80",
            "10.0.0.1:22",
            "192.168.1.1:80",
            "172.17.0.1:2375",
        ] {
            let why = world.denied(&["tcp", address]);
            // No route, or no such interface: refused at once by a network with nothing in it, not by a server that is away.
            assert!(
                [
                    "os error 101)",
                    "os error 22)",
                    "os error 99)",
                    "os error 113)"
                ]
                .iter()
                .any(|errno| why.contains(errno)),
                "{}: {address}: {why}",
                world.name()
            );
        }
        // The host's own loopback under its other names.
        let server = TcpListener::bind("0.0.0.0:0").unwrap();
        let port = server.local_addr().unwrap().port();
        for host in [
            "127.0.0.1",
            "127.1.2.3",
            "0.0.0.0",
            "localhost",
            "[::ffff:127.0.0.1]",
        ] {
            world.denied(&["tcp", &format!("{host}:{port}")]);
        }
        assert!(
            outside(&world, &["tcp", &format!("127.0.0.1:{port}")]),
            "the control"
        );
    }
}

/// An agent swaps a folder in its clone for a link to the secret again and again, while cages that show it start: each cage
/// shows the folder, or is refused.
#[test]
fn a_folder_that_is_swapped_all_the_time_never_shows_another() {
    for world in worlds() {
        let (place, honest, secret) = (
            world.path("work/swapped"),
            world.path("work/honest"),
            world.path("elsewhere"),
        );
        for (folder, text) in [(&place, "honest"), (&secret, SECRET)] {
            fs::create_dir(folder).unwrap();
            fs::write(folder.join("file"), text).unwrap();
            open_to_all(folder);
        }
        let stop = Arc::new(AtomicBool::new(false));
        let swapper = {
            let (stop, place, honest) = (Arc::clone(&stop), place.clone(), honest.clone());
            std::thread::spawn(move || {
                let mut swaps = 0_u64;
                while !stop.load(Ordering::SeqCst) {
                    fs::rename(&place, &honest).unwrap();
                    symlink(&secret, &place).unwrap();
                    std::thread::yield_now();
                    fs::remove_file(&place).unwrap();
                    fs::rename(&honest, &place).unwrap();
                    std::thread::yield_now();
                    swaps += 1;
                }
                swaps
            })
        };
        let mut spec = world.spec();
        spec.binds.push(Bind {
            outside: place.clone(),
            inside: PathBuf::from("/shown"),
            access: Access::ReadOnly,
        });
        let (mut shown, mut refused) = (0, 0);
        // Until both have been seen, or often enough; how often each wins depends on the machine.
        while shown + refused < 60 && (shown < 3 || refused < 3) {
            match world.try_spec(&spec, &[INSIDE, "read", "/shown/file"]) {
                Ok(captured) => {
                    let said = captured.combined();
                    assert!(!said.contains(SECRET), "{}: {said}", world.name());
                    shown += i32::from(said.contains("honest"));
                }
                Err(why) => {
                    assert!(!why.contains(SECRET), "{}: {why}", world.name());
                    refused += 1;
                }
            }
        }
        stop.store(true, Ordering::SeqCst);
        let swaps = swapper.join().unwrap();
        assert!(
            swaps > 0 && shown + refused > 0,
            "{swaps} {shown} {refused}"
        );
    }
}

/// What starts a cage gets the descriptors that it needs and no other: a `bwrap` whose owner was killed at the wrong moment
/// would hold them until somebody ends it.
#[test]
fn what_starts_a_cage_is_given_no_descriptor_of_ours() {
    for world in worlds() {
        let script = world.path("bwrap");
        let seen_in = world.path("seen");
        fs::write(&seen_in, "").unwrap();
        open_to_all(&seen_in);
        let text = format!(
            "#!/bin/sh\n[ \"$1\" = --version ] && exec /usr/bin/bwrap --version\nls -l /proc/$$/fd >> {}\nexec /usr/bin/bwrap \"$@\"\n",
            seen_in.display()
        );
        fs::write(&script, text).unwrap();
        fs::set_permissions(&script, fs::Permissions::from_mode(0o755)).unwrap();
        // A folder of the host and a file of ours, both open over exec in whoever starts the cage.
        let mine = world.path("mine");
        fs::write(&mine, SECRET).unwrap();
        open_to_all(&mine);
        let inner = world.command(&world.spec(), &[INSIDE, "status"]);
        let mut shell = Command::new("/bin/sh");
        let keep = format!("exec 8<{} 9</etc 7</; exec \"$0\" \"$@\"", mine.display());
        shell.args([OsStr::new("-c"), keep.as_ref(), inner.get_program()]);
        shell
            .args(inner.get_args())
            .env_clear()
            .env("ALAI_BWRAP", &script);
        if let Some(user) = world.user() {
            use std::os::unix::process::CommandExt;
            shell.uid(user).gid(user);
        }
        let output = shell.stdin(Stdio::null()).output().unwrap();
        assert!(output.status.success(), "{}: {output:?}", world.name());
        let said = String::from_utf8(output.stdout).unwrap();
        assert!(said.contains("fds=0 1 2\\n"), "{}: {said}", world.name());
        let seen = fs::read_to_string(&seen_in).unwrap();
        let targets: Vec<&str> = seen
            .lines()
            .filter_map(|line| Some(line.split_once(" -> ")?.1))
            .collect();
        if world.layer == alai_workspace::cage::Layer::Own {
            assert_eq!(seen, "", "no bwrap was started");
            continue;
        }
        assert!(targets.len() > 3, "{}: {seen}", world.name());
        for target in targets {
            let given = ["pipe:", "socket:", "/memfd:"]
                .iter()
                .any(|kind| target.starts_with(kind));
            // The shell's own script, and what this test reads, are the two files.
            let own = [&script, &seen_in]
                .iter()
                .any(|file| Path::new(target) == file.as_path());
            assert!(given || own, "{}: {target} in {seen}", world.name());
        }
    }
}

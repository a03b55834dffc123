//! What a program inside tries, and must not get.

use std::fs;
use std::net::{TcpListener, UdpSocket};
use std::os::linux::net::SocketAddrExt;
use std::os::unix::fs::{MetadataExt, PermissionsExt, chown, symlink};
use std::os::unix::net::{SocketAddr, UnixListener};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use alai_workspace::cage::{Access, Bind};

use crate::world::{INSIDE, LAUNCHER, token, worlds};

#[test]
fn writes_stay_in_writable_binds_and_tmp() {
    for world in worlds() {
        for path in [
            "/clone/new",
            "/home/agent/new",
            "/tmp/new",
            "/dev/shm/new",
            "/dev/null",
        ] {
            world.allowed(&["write", path]);
        }
        assert_eq!(
            fs::read_to_string(world.path("work/new")).unwrap(),
            "escaped"
        );
        let outside = world.path("launcher-twin").display().to_string();
        let denied = [
            outside.as_str(),
            "/new",
            "/etc/passwd",
            "/etc/ld.so.preload",
            "/usr/new",
            "/usr/bin/new",
            "/home/new",
            "/dev/new",
            "/alai/launcher",
            "/proc/sys/kernel/core_pattern",
            "/proc/sysrq-trigger",
            "/proc/1/mem",
            // Its owner may write it, and proc is mounted writable: only Landlock says no.
            "/proc/self/comm",
        ];
        for path in denied {
            world.denied(&["write", path]);
            assert!(!world.path("launcher-twin").exists());
        }
        world.denied(&["open-write", "/proc/sys/kernel/core_pattern"]);
        world.denied(&["open-write", "/proc/sys/vm/drop_caches"]);
        world.denied(&["hard-link", "/etc/passwd", "/clone/passwd"]);
        world.allowed(&["hard-link", "/clone/new", "/clone/twin"]);
    }
}

#[test]
fn nothing_private_of_the_machine_can_be_read() {
    for world in worlds() {
        let secret = world.path("secret");
        fs::write(&secret, "s3cret").unwrap();
        let secret = secret.display().to_string();
        for path in [
            secret.as_str(),
            "/etc/shadow",
            "/etc/hostname-of-the-host",
            "/root/secret",
            "/proc/1/environ",
            "/proc/1/mem",
        ] {
            world.denied(&["read", path]);
        }
        for path in ["/root", "/var", "/run", "/sys", "/clone/../root"] {
            world.denied(&["list", path]);
        }
        assert_eq!(world.allowed(&["list", "/home"]), "agent");
        assert_eq!(world.allowed(&["list", "/tmp"]), "");
        let users = world.allowed(&["read", "/etc/passwd"]);
        assert_eq!(users.lines().count(), 3, "{users}");
    }
}

#[test]
fn links_in_a_writable_bind_lead_nowhere() {
    for world in worlds() {
        let outside = world.path("outside");
        fs::write(&outside, "untouched").unwrap();
        fs::set_permissions(&outside, fs::Permissions::from_mode(0o666)).unwrap();
        symlink(&outside, world.path("work/link")).unwrap();
        symlink("/etc/shadow", world.path("work/shadow")).unwrap();
        world.denied(&["read", "/clone/link"]);
        world.denied(&["write", "/clone/link"]);
        world.denied(&["read", "/clone/shadow"]);
        world.allowed(&[
            "make-link",
            "/proc/1/root/etc/shadow",
            "/clone/through-proc",
        ]);
        world.denied(&["read", "/clone/through-proc"]);
        assert_eq!(fs::read_to_string(&outside).unwrap(), "untouched");
    }
}

#[test]
fn a_read_only_bind_protects_a_part_of_a_writable_one() {
    for world in worlds() {
        fs::create_dir(world.path("work/.git")).unwrap();
        world.give(&world.path("work/.git"));
        let mut spec = world.spec();
        spec.binds.push(Bind {
            outside: world.path("work/.git"),
            inside: PathBuf::from("/clone/.git"),
            access: Access::ReadOnly,
        });
        let captured = world.run_spec(&spec, &[INSIDE, "write", "/clone/.git/config"]);
        assert!(
            captured.stdout.contains("Read-only file system"),
            "{}",
            captured.combined()
        );
        assert!(
            world
                .run_spec(&spec, &[INSIDE, "write", "/clone/file"])
                .success()
        );
        // The same place is writable without that bind, so it was the bind that protected it.
        world.allowed(&["write", "/clone/.git/config"]);
    }
}

/// Its files are the program's own, so that no owner forbids anything: only the mount does.
#[test]
fn nothing_about_a_file_outside_can_be_changed_and_no_file_moves_out() {
    for world in worlds() {
        let kept = world.path("kept");
        fs::create_dir(&kept).unwrap();
        fs::write(kept.join("file"), "untouched").unwrap();
        world.give(&kept.join("file"));
        world.give(&kept);
        let before = facts(&kept);
        let mut spec = world.spec();
        spec.binds.push(Bind {
            outside: kept.clone(),
            inside: PathBuf::from("/kept"),
            access: Access::ReadOnly,
        });
        let probe = |words: &[&str]| world.run_spec(&spec, &[&[INSIDE], words].concat());
        for file in ["/clone/own", "/clone/other"] {
            assert!(probe(&["write", file]).success());
        }
        let denied: [&[&str]; 18] = [
            &["chmod", "/kept/file"],
            &["chmod", "/kept"],
            &["chmod", "/usr/bin/env"],
            &["chmod", "/"],
            &["utimes", "/kept/file"],
            &["utimes", "/kept"],
            &["utimes", "/etc/passwd"],
            &["truncate", "/kept/file"],
            &["truncate", "/etc/passwd"],
            &["rename", "/clone/own", "/kept/own"],
            &["rename", "/clone/own", "/own"],
            &["rename", "/clone/own", "/usr/own"],
            &["rename", "/kept/file", "/clone/taken"],
            &["rename", "/kept/file", "/kept/moved"],
            &["hard-link", "/clone/own", "/kept/own"],
            &["hard-link", "/clone/own", "/own"],
            &["hard-link", "/kept/file", "/clone/twin"],
            &["hard-link", "/kept/file", "/kept/twin"],
        ];
        for words in denied {
            let captured = probe(words);
            assert!(
                !captured.success() && captured.combined().contains("os error"),
                "{}: {words:?} was not denied: {}",
                world.name(),
                captured.combined()
            );
        }
        assert_eq!(facts(&kept), before, "{}", world.name());
        // The same attempts, where they are allowed: they were denied for the place and not for the probe.
        let allowed: [&[&str]; 5] = [
            &["chmod", "/clone/own"],
            &["utimes", "/clone/own"],
            &["truncate", "/clone/own"],
            &["rename", "/clone/own", "/clone/moved"],
            &["hard-link", "/clone/moved", "/clone/twin"],
        ];
        for words in allowed {
            let captured = probe(words);
            assert!(captured.success(), "{words:?}: {}", captured.combined());
        }
    }
}

/// Names, content, mode, links and times of a folder and what is in it.
fn facts(folder: &Path) -> Vec<(PathBuf, Vec<u8>, u32, u64, i64)> {
    let entries = fs::read_dir(folder).unwrap();
    let mut paths: Vec<PathBuf> = entries.map(|entry| entry.unwrap().path()).collect();
    paths.push(folder.to_owned());
    paths.sort();
    let one = |path: PathBuf| {
        let what = fs::symlink_metadata(&path).unwrap();
        let content = fs::read(&path).unwrap_or_default();
        (path, content, what.mode(), what.nlink(), what.mtime())
    };
    paths.into_iter().map(one).collect()
}

#[test]
fn no_socket_of_the_machine_can_be_reached() {
    for world in worlds() {
        let tcp = TcpListener::bind("127.0.0.1:0").unwrap();
        let udp = UdpSocket::bind("127.0.0.1:0").unwrap();
        udp.set_nonblocking(true).unwrap();
        let name = token();
        let by_name = SocketAddr::from_abstract_name(&name).unwrap();
        let _abstract = UnixListener::bind_addr(&by_name).unwrap();
        let path = world.path("socket");
        let _pathname = UnixListener::bind(&path).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o777)).unwrap();
        let tcp = tcp.local_addr().unwrap().to_string();
        world.denied(&["tcp", &tcp]);
        world.denied(&["abstract", &name]);
        world.denied(&["unix", &path.display().to_string()]);
        // The cage's own loopback takes the datagram, or refuses it; ours must not get it.
        world.run(&[INSIDE, "udp", &udp.local_addr().unwrap().to_string()]);
        assert!(
            udp.recv_from(&mut [0; 16]).is_err(),
            "{}: a datagram came out",
            world.name()
        );
        world.denied(&["udp", "192.0.2.1:53"]);
        world.denied(&["tcp", "192.0.2.1:80"]);
        // Controls: outside, the same attempts succeed.
        for attempt in [
            ["tcp", &tcp],
            ["abstract", &name],
            ["unix", path.to_str().unwrap()],
        ] {
            assert!(
                Command::new(LAUNCHER)
                    .args(attempt)
                    .output()
                    .unwrap()
                    .status
                    .success(),
                "{attempt:?}"
            );
        }
    }
}

#[test]
fn servers_and_clients_meet_on_the_cages_own_loopback() {
    for world in worlds() {
        world.allowed(&["loopback"]);
    }
}

#[test]
fn system_calls_that_widen_the_attack_are_refused() {
    let calls = [
        "mount",
        "bind-mount",
        "umount",
        "chroot",
        "unshare-user",
        "clone-user",
        "setns",
        "ptrace",
        "ptrace-init",
        "process-vm-readv",
        "io-uring",
        "bpf",
        "keyctl",
        "userfaultfd",
        "perf",
        "raw-socket",
        "packet-socket",
        "vsock",
        "netlink-audit",
        "tiocsti",
        "move-extents",
    ];
    for world in worlds() {
        for call in calls {
            let why = world.denied(&["call", call]);
            let errno = if call == "io-uring" {
                "os error 38"
            } else {
                "os error 1)"
            };
            assert!(why.contains(errno), "{}: {call}: {why}", world.name());
        }
        world.allowed(&["call", "netlink-route"]);
        world.denied(&["call", "setuid-root"]);
    }
}

/// Kernels without the x32 table refuse its numbers by themselves (ENOSYS); with the filter the answer is EPERM before that.
#[test]
#[cfg(target_arch = "x86_64")]
fn the_x32_table_is_no_way_around_the_filter() {
    for world in worlds() {
        for call in ["x32-ptrace", "x32-unshare"] {
            assert!(
                world.denied(&["call", call]).contains("os error 1)"),
                "{call}"
            );
        }
    }
}

#[test]
fn a_program_has_no_privilege_no_outer_process_and_no_variable_of_ours() {
    for world in worlds() {
        let status = world.allowed(&["status"]);
        let fact = |name: &str| {
            let line = status
                .lines()
                .find_map(|line| line.strip_prefix(&format!("{name}=")));
            line.unwrap_or_else(|| panic!("{name} in {status}"))
                .to_owned()
        };
        for name in ["CapInh", "CapPrm", "CapEff", "CapAmb"] {
            assert_eq!(fact(name), "0000000000000000", "{}: {name}", world.name());
        }
        if world.is_ourselves() {
            assert_eq!(fact("CapBnd"), "0000000000000000");
            assert_eq!(fact("Uid"), "64001 64001 64001 64001");
            assert_eq!(fact("Groups"), "");
        }
        assert_eq!(
            (fact("NoNewPrivs").as_str(), fact("Seccomp").as_str()),
            ("1", "2")
        );
        assert_eq!(fact("PPid"), "1");
        // Session and group are those of the cage's first process, and no terminal can be typed into. Ours would be 0 in here.
        assert_eq!(fact("session"), "1", "{}", world.name());
        assert_eq!(fact("group"), "1", "{}", world.name());
        assert_eq!(fact("terminal"), "0", "{}", world.name());
        assert_eq!(fact("pids").split(' ').count(), 2, "{}", fact("pids"));
        assert_eq!(fact("fds"), "0 1 2", "{}", world.name());
        assert_eq!(fact("env"), "HOME PATH");
        assert!(fact("user").ends_with(":agent:/home/agent:/bin/sh"));
    }
}

#[test]
fn a_descriptor_that_leaked_to_us_does_not_leak_on() {
    for world in worlds() {
        let inner = world.command(&world.spec(), &[INSIDE, "status"]);
        let mut shell = Command::new("/bin/sh");
        // The shell keeps a descriptor on a host folder open over exec.
        shell
            .args(["-c", "exec 9</etc; exec \"$0\" \"$@\""])
            .arg(inner.get_program())
            .args(inner.get_args());
        if !world.is_ourselves() {
            use std::os::unix::process::CommandExt;
            let owner = fs::metadata(world.dir.path()).unwrap();
            let uid = owner.uid();
            shell.uid(uid).gid(uid);
        }
        let output = shell.stdin(Stdio::null()).output().unwrap();
        let text = String::from_utf8(output.stdout).unwrap();
        assert!(text.contains("fds=0 1 2\\n"), "{}: {text}", world.name());
    }
}

#[test]
fn a_tool_in_a_private_home_runs_and_the_rest_of_the_home_is_not_there() {
    for world in worlds() {
        let home = world.path("private-home");
        let tools = home.join("deep/tools");
        fs::create_dir_all(&tools).unwrap();
        fs::write(home.join("secret"), "s3cret").unwrap();
        fs::write(tools.join("hello"), "#!/bin/sh\necho hello from a tool\n").unwrap();
        fs::set_permissions(tools.join("hello"), fs::Permissions::from_mode(0o755)).unwrap();
        fs::set_permissions(&home, fs::Permissions::from_mode(0o700)).unwrap();
        if !world.is_ourselves() {
            let owner = fs::metadata(world.dir.path()).unwrap();
            let uid = owner.uid();
            chown(&home, Some(uid), Some(uid)).unwrap();
        }
        let mut spec = world.spec();
        spec.toolchains = vec![Bind {
            outside: tools.clone(),
            inside: tools.clone(),
            access: Access::ReadWrite,
        }];
        spec.path = format!("{}:{}", tools.display(), spec.path);
        let hello = world.run_spec(&spec, &["hello"]);
        assert_eq!(
            hello.stdout,
            "hello from a tool\n",
            "{}: {}",
            world.name(),
            hello.combined()
        );
        let list = world.run_spec(&spec, &[INSIDE, "list", home.to_str().unwrap()]);
        assert_eq!(list.stdout, "deep\n", "{}", world.name());
        let write = format!("{}/new", tools.display());
        assert!(
            !world.run_spec(&spec, &[INSIDE, "write", &write]).success(),
            "toolchains are read-only"
        );
    }
}

//! A salvage reads what may have been changed and nothing else, and no change escapes it, whatever an agent does to hide one.

use std::fs::{self, FileTimes};
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::path::Path;

use alai_workspace::cage;
use alai_workspace::clone::{ImportError, Room, Salvage, Salvaged, salvage, stamps_beside};
use alai_workspace::command::Cancel;
use alai_workspace::git::Oid;
use alai_workspace::toolchains::Toolchains;

use crate::world::{World, agent, in_clone, ok, tools, with_cage, work_in, write};

const REST: &str = "refs/alai/run-1-rest";

/// On the disk that the crate is built on: a temporary folder may lie in memory, where nothing is stamped.
fn on_disk() -> World {
    World::below(Path::new(env!("CARGO_TARGET_TMPDIR")))
}

/// Whether a folder's file system is one of those whose times are believed, by the word of another program.
fn keeps_times(folder: &Path) -> bool {
    let mut command = std::process::Command::new("stat");
    let said = command.args(["-f", "-c", "%T"]).arg(folder).output();
    let kind = ok(said.expect("stat starts"));
    matches!(kind.trim(), "ext2/ext3" | "btrfs" | "overlayfs")
}

fn salvaged(
    world: &World,
    clone: &Path,
    parent: &Oid,
    tools: &Toolchains,
) -> Result<Salvaged, ImportError> {
    with_cage();
    let who = agent();
    let wanted = Salvage {
        clone,
        to_ref: REST,
        others_ref: "refs/alai/run-1-others",
        parent,
        message: "Uncommitted\n",
        author: &who,
        left_out: &["node_modules/", "*.pyc"],
        room: &Room::after(0),
        toolchains: tools,
    };
    salvage(&world.repo(), &wanted, &Cancel::new())
}

fn without_git() -> Toolchains {
    Toolchains {
        binds: Vec::new(),
        path: "/nonexistent".to_owned(),
        env: Vec::new(),
    }
}

/// What a clone was found to hold: the rest's files with their modes, without what names one finding.
type Found = (Option<String>, Vec<String>);

fn found(world: &World, clone: &Path, parent: &Oid) -> Found {
    let said = salvaged(world, clone, parent, &tools()).expect("read");
    let rest = said
        .rest
        .map(|rest| world.git(&["ls-tree", "-r", rest.as_str()]));
    if rest.is_some() {
        world.git(&["update-ref", "-d", REST]);
    }
    (rest, said.missing)
}

/// What a salvage finds with the clone's stamps, which must be what it finds without them.
fn found_both_ways(world: &World, clone: &Path, parent: &Oid, why: &str) -> Found {
    let stamps = stamps_beside(clone);
    let aside = stamps.with_extension("aside");
    let with = found(world, clone, parent);
    fs::rename(&stamps, &aside).expect("it was stamped");
    let without = found(world, clone, parent);
    fs::rename(&aside, &stamps).expect("put back");
    assert_eq!(with, without, "{why}");
    with
}

#[test]
fn an_untouched_clone_is_proven_so_without_reading_a_file() {
    let world = on_disk();
    world.commit(&[("run.sh", "#!/bin/sh\n")], "second");
    symlink("run.sh", world.root.join("link")).expect("linked");
    let base = world.commit(&[], "third");
    let clone = world.clone_at("clone", &base);
    write(&clone, "node_modules/x/index.js", "left out");
    write(&clone, "target/CACHEDIR.TAG", "Signature");
    write(&clone, "target/debug/x", "left out");
    let keeps = keeps_times(world.dir.path());
    assert_eq!(stamps_beside(&clone).exists(), keeps);
    // No program can be started in that cage: whoever reads fails.
    let unread = salvaged(&world, &clone, &base, &without_git());
    match keeps {
        true => assert_eq!(unread.expect("proven"), Salvaged::default()),
        false => drop(unread.expect_err("it has to be read")),
    }
    write(&clone, "new", "work\n");
    salvaged(&world, &clone, &base, &without_git()).expect_err("a new file has to be read");
    fs::remove_file(clone.join("new")).expect("removed");
    fs::remove_file(clone.join("link")).expect("removed");
    salvaged(&world, &clone, &base, &without_git()).expect_err("a link is gone");
}

#[test]
fn nothing_is_stamped_where_times_are_not_kept() {
    let memory = Path::new("/dev/shm");
    let world = World::below(memory);
    assert!(!keeps_times(world.dir.path()), "it is a tmpfs");
    let base = world.tip("HEAD");
    let clone = world.clone_at("clone", &base);
    assert!(!stamps_beside(&clone).exists());
    write(&clone, "README.md", "two\n");
    let said = salvaged(&world, &clone, &base, &tools()).expect("read");
    assert_eq!(said.rest, Some(world.tip(REST)));
}

fn seconds(path: &Path) -> (i64, i64) {
    let found = fs::symlink_metadata(path).expect("there");
    (found.mtime(), found.mtime_nsec())
}

/// Puts all times of a file back that can be, as `utimensat(2)` does.
fn put_back(path: &Path, found: &fs::Metadata) {
    let times = FileTimes::new()
        .set_modified(found.modified().expect("a time"))
        .set_accessed(found.accessed().expect("a time"));
    let file = fs::File::open(path).expect("opened");
    file.set_times(times).expect("set");
}

fn exchange(one: &Path, other: &Path) {
    let (at, flag) = (rustix::fs::CWD, rustix::fs::RenameFlags::EXCHANGE);
    rustix::fs::renameat_with(at, one, at, other, flag).expect("swapped");
}

type Trick = fn(&Path);

/// Ways to change what a file holds so that its name, size and times look as they did.
const WRITTEN: [(&str, Trick); 3] = [
    ("written, times put back", |clone| {
        let (path, text) = (clone.join("a/one"), "evil\n");
        let before = fs::metadata(&path).expect("there");
        fs::write(&path, text).expect("written");
        put_back(&path, &before);
        assert_eq!(seconds(&path), (before.mtime(), before.mtime_nsec()));
        assert_eq!(before.size(), text.len() as u64);
    }),
    ("written through memory, times put back", |clone| {
        let path = clone.join("a/one");
        let before = fs::metadata(&path).expect("there");
        let script = "import mmap,os,sys\nf=os.open(sys.argv[1],os.O_RDWR)\nm=mmap.mmap(f,5)\nx=m[0]\nm[0:4]=b'evil'\n";
        let mut python = std::process::Command::new("python3");
        let said = python.args(["-c", script]).arg(&path).output();
        ok(said.expect("python3 starts"));
        put_back(&path, &before);
    }),
    ("replaced by a file of the same size and times", |clone| {
        let (path, new) = (clone.join("a/one"), clone.join("new"));
        let before = fs::metadata(&path).expect("there");
        fs::write(&new, "evil\n").expect("written");
        put_back(&new, &before);
        fs::rename(&new, &path).expect("replaced");
    }),
];

/// And ways to put something else in its place, or to change what is not its content.
const REPLACED: [(&str, Trick); 7] = [
    ("two files swapped", |clone| {
        exchange(&clone.join("a/one"), &clone.join("a/two"));
    }),
    ("two folders swapped", |clone| {
        exchange(&clone.join("a"), &clone.join("b"));
    }),
    ("removed and made anew", |clone| {
        let path = clone.join("a/one");
        let before = fs::metadata(&path).expect("there");
        // A file system may give the new file the old one's number.
        for _ in 0..20 {
            fs::remove_file(&path).expect("removed");
            fs::write(&path, "evil\n").expect("written");
        }
        put_back(&path, &before);
    }),
    ("written by another name", |clone| {
        let other = clone.join("node_modules/other");
        fs::create_dir_all(clone.join("node_modules")).expect("made");
        fs::hard_link(clone.join("a/one"), &other).expect("linked");
        let before = fs::metadata(&other).expect("there");
        fs::write(&other, "evil\n").expect("written");
        put_back(&other, &before);
        fs::remove_file(&other).expect("removed");
    }),
    ("made executable", |clone| {
        let mode = fs::Permissions::from_mode(0o755);
        fs::set_permissions(clone.join("a/one"), mode).expect("set");
    }),
    ("a link in its place", |clone| {
        fs::remove_file(clone.join("a/one")).expect("removed");
        symlink("two", clone.join("a/one")).expect("linked");
    }),
    ("a hole in it, times put back", |clone| {
        let path = clone.join("a/one");
        let before = fs::metadata(&path).expect("there");
        let file = fs::OpenOptions::new().write(true).open(&path);
        let punched = rustix::fs::fallocate(
            file.expect("opened"),
            rustix::fs::FallocateFlags::PUNCH_HOLE | rustix::fs::FallocateFlags::KEEP_SIZE,
            0,
            4,
        );
        punched.expect("a hole");
        put_back(&path, &before);
    }),
];

#[test]
fn no_trick_hides_a_change() {
    for (why, trick) in WRITTEN.into_iter().chain(REPLACED) {
        let world = on_disk();
        let files = [
            ("a/one", "good\n"),
            ("a/two", "well\n"),
            ("b/one", "fine\n"),
            ("b/two", "okay\n"),
        ];
        let base = world.commit(&files, "files");
        let clone = world.clone_at("clone", &base);
        trick(&clone);
        let (rest, missing) = match keeps_times(world.dir.path()) {
            true => found_both_ways(&world, &clone, &base, why),
            false => found(&world, &clone, &base),
        };
        let listed = world.git(&["ls-tree", "-r", base.as_str()]);
        let rest = rest.unwrap_or_else(|| panic!("{why}: nothing was found"));
        assert_ne!(rest, listed, "{why}");
        assert_eq!(missing, [""; 0], "{why}");
    }
}

/// Rules of how files are read make other contents of files that nobody touched.
#[test]
fn a_new_rule_for_reading_files_has_all_of_them_read() {
    type Rule = fn(&Path);
    let rules: [(&str, Rule); 3] = [
        ("made", |clone| write(clone, "a/.gitattributes", "* text\n")),
        ("changed", |clone| {
            write(clone, ".gitattributes", "* text\n")
        }),
        ("removed", |clone| {
            fs::remove_file(clone.join(".gitattributes")).expect("removed");
        }),
    ];
    for (why, rule) in rules {
        let world = on_disk();
        world.write("a/dos.txt", "one\r\ntwo\r\n");
        world.write(".gitattributes", "*.txt -text\n");
        world.git(&["add", "-A"]);
        let base = world.commit(&[], "rules");
        let clone = world.clone_at("clone", &base);
        rule(&clone);
        let (rest, missing) = match keeps_times(world.dir.path()) {
            true => found_both_ways(&world, &clone, &base, why),
            false => found(&world, &clone, &base),
        };
        assert!(rest.is_some() && missing.is_empty(), "{why}");
    }
}

/// The branch has other files than the base, and the work tree went back to the base's for some of them.
#[test]
fn files_that_were_never_touched_are_the_bases_under_any_commit() {
    let world = on_disk();
    let base = world.commit(&[("a/one", "good\n"), ("a/two", "well\n")], "files");
    let clone = world.clone_at("clone", &base);
    // Committed by the index alone: the file itself was never written to.
    let other = world.beside("blob");
    fs::write(&other, "index\n").expect("written");
    let hash = in_clone(
        &clone,
        &["hash-object", "-w", other.to_str().expect("text")],
    );
    let entry = format!("100644,{},a/one", hash.trim());
    in_clone(&clone, &["update-index", "--cacheinfo", &entry]);
    in_clone(&clone, &["rm", "--quiet", "--cached", "a/two"]);
    in_clone(&clone, &["commit", "--quiet", "-m", "by index"]);
    alai_workspace::files::give_to(&clone, cage::agent_ids()).expect("given");
    with_cage();
    let tools = tools();
    let wanted = crate::world::import_of(&clone, &base, &tools);
    let tip = alai_workspace::clone::import(&world.repo(), &wanted, &Cancel::new());
    let tip = tip.expect("imported");
    let (rest, missing) = match keeps_times(world.dir.path()) {
        true => found_both_ways(&world, &clone, &tip, "by index"),
        false => found(&world, &clone, &tip),
    };
    assert_eq!(missing, [""; 0]);
    assert_eq!(rest, Some(world.git(&["ls-tree", "-r", base.as_str()])));
}

/// Numbers that look random and are the same every time (Knuth's constants).
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: u64) -> u64 {
        let next = self.0.wrapping_mul(6_364_136_223_846_793_005);
        self.0 = next.wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % sides
    }
}

/// One edit that an agent may make.
fn edit(clone: &Path, files: &[String], dice: &mut Dice) {
    let mut pick = || clone.join(&files[dice.roll(files.len() as u64) as usize]);
    let (one, other) = (pick(), pick());
    let what = dice.roll(10);
    let is_file = |path: &Path| fs::symlink_metadata(path).is_ok_and(|found| found.is_file());
    match what {
        0 => fs::write(&one, format!("{}\n", dice.roll(10))).unwrap_or_default(),
        1 => fs::remove_file(&one).unwrap_or_default(),
        2 => fs::rename(&one, &other).unwrap_or_default(),
        3 if is_file(&one) && is_file(&other) => exchange(&one, &other),
        4 => fs::hard_link(&one, &other).unwrap_or_default(),
        5 if is_file(&one) => {
            let before = fs::metadata(&one).expect("there");
            fs::write(&one, vec![b'x'; before.size() as usize]).expect("written");
            put_back(&one, &before);
        }
        6 if is_file(&one) => {
            let mode = [0o644, 0o755][dice.roll(2) as usize];
            fs::set_permissions(&one, fs::Permissions::from_mode(mode)).expect("set");
        }
        7 => symlink("elsewhere", &one).unwrap_or_default(),
        8 => write(clone, &format!("new/{}.txt", dice.roll(3)), "new\n"),
        _ => write(clone, "b/.gitignore", "c/\n"),
    }
}

#[test]
fn with_stamps_a_salvage_finds_what_it_finds_without() {
    let world = on_disk();
    let names = ["", "a/", "b/c/"];
    let files: Vec<String> = (0..24)
        .map(|number| format!("{}{number}", names[number % 3]))
        .collect();
    for file in &files {
        world.write(file, &format!("{file}\n"));
    }
    world.write(".gitignore", "new/1.txt\n");
    let base = world.commit(&[], "files");
    for seed in 0..12 {
        let clone = world.clone_at(&format!("clone-{seed}"), &base);
        let mut dice = Dice(seed);
        let mut parent = base.clone();
        for round in 0..3 {
            for _ in 0..dice.roll(4) {
                edit(&clone, &files, &mut dice);
            }
            let why = format!("seed {seed}, round {round}");
            match keeps_times(world.dir.path()) {
                true => found_both_ways(&world, &clone, &parent, &why),
                false => found(&world, &clone, &parent),
            };
            if dice.roll(3) == 0 {
                parent = home(&world, &clone, &base, round);
            }
        }
    }
}

/// Commits what an agent would, and brings it home.
fn home(world: &World, clone: &Path, base: &Oid, round: u64) -> Oid {
    work_in(clone, &[("made", &format!("{round}\n"))], "work");
    alai_workspace::files::give_to(clone, cage::agent_ids()).expect("given");
    let tools = tools();
    let wanted = crate::world::import_of(clone, base, &tools);
    alai_workspace::clone::import(&world.repo(), &wanted, &Cancel::new()).expect("imported")
}

use std::fs;
use std::path::PathBuf;

use alai_core::company::Stage;

use super::*;

/// An empty home in a temporary folder.
fn home() -> (tempfile::TempDir, Home) {
    let dir = tempfile::tempdir().expect("a folder");
    let home = Home::at(dir.path());
    (dir, home)
}

/// Writes a shipped company into the home, under another name where one is given.
fn copy(home: &Home, shipped: &str, name: &str) -> PathBuf {
    let root = home.companies().join(name);
    for (file, text) in shipped_files(shipped).expect("it is shipped") {
        let path = root.join(&file);
        fs::create_dir_all(path.parent().expect("below the root")).expect("a folder");
        fs::write(path, text.replace(shipped, name)).expect("written");
    }
    root
}

fn change(path: &std::path::Path, old: &str, new: &str) {
    let text = fs::read_to_string(path).expect("it is there");
    assert!(text.contains(old), "{} holds no {old}", path.display());
    fs::write(path, text.replacen(old, new, 1)).expect("written");
}

#[test]
fn a_home_that_lacks_a_pack_has_the_shipped_one_behind_it() {
    let (_dir, home) = home();
    let packs = Packs::load(&home).expect("nothing of the home's own");
    let code = packs.registry.find("CodeCraft").expect("it is shipped");
    assert_eq!(packs.source_of("CodeCraft"), Source::Shipped);
    assert_eq!(
        packs.source_of_blueprint(Some(code), "minion-one-shot"),
        Source::Shipped
    );

    let root = copy(&home, "CodeCraft", "CodeCraft");
    change(
        &root.join("CLAUDE.md"),
        "## Essence\n",
        "## Essence\n\nOurs.\n",
    );
    fs::create_dir_all(home.blueprints()).expect("a folder");
    let own = "version: 1\nname: minion-one-shot\nsteps: [{id: a, uses: context}]\n";
    fs::write(home.blueprints().join("minion-one-shot.yaml"), own).expect("written");
    let packs = Packs::load(&home).expect("the home's own stands before");
    let code = packs.registry.find("CodeCraft").expect("it is there");
    assert!(code.essence.starts_with("Ours."), "{}", code.essence);
    assert_eq!(packs.source_of("CodeCraft"), Source::Home);
    assert_eq!(packs.source_of("Proveo"), Source::Shipped);
    assert_eq!(packs.blueprints["minion-one-shot"], own);
    assert_eq!(
        packs.source_of_blueprint(Some(code), "minion-one-shot"),
        Source::Home
    );
    assert_eq!(
        packs.source_of_blueprint(Some(code), "minion-docs"),
        Source::Shipped
    );
    let audit = packs.registry.find("Securion").expect("it is shipped");
    assert_eq!(
        packs.source_of_blueprint(Some(audit), "securion-security-review"),
        Source::Company
    );
}

#[test]
fn a_shipped_pack_gives_way_where_the_home_takes_its_name_or_its_stage() {
    let (_dir, home) = home();
    let root = copy(&home, "CodeCraft", "Acme");
    let card = root.join("company.json");
    let text = fs::read_to_string(&card).expect("it is there");
    let aliases = text.lines().find(|line| line.contains("\"aliases\""));
    let version = "\"version\": \"1.0.0\",";
    let named = text
        .replace(aliases.unwrap_or("\u{0}"), "")
        .replace(version, &format!("{version}\n  \"aliases\": [\"Proveo\"],"));
    fs::write(&card, named).expect("written");
    let packs = Packs::load(&home).expect("nobody stands in the way");
    assert_eq!(
        packs.registry.find("Proveo").expect("an alias").name,
        "Acme"
    );
    let default = packs
        .registry
        .at(Stage::Build)
        .filter(|c| c.is_default_of(Stage::Build));
    let default: Vec<&str> = default.map(|company| company.name.as_str()).collect();
    assert_eq!(default, ["Acme"], "a person's own is the default");
    assert!(packs.registry.find("CodeCraft").is_ok());
}

#[test]
fn what_a_pack_may_not_hold_is_named_with_its_place() {
    type Break = fn(&std::path::Path);
    let cases: [(&str, Break); 7] = [
        (
            "a company is a folder of the home, and no symbolic link",
            |root| {
                let elsewhere = root.with_file_name("../elsewhere");
                fs::rename(root, &elsewhere).expect("moved");
                std::os::unix::fs::symlink(&elsewhere, root).expect("linked");
            },
        ),
        ("Acme/skills/x/SKILL.md:6: ", |root| {
            fs::create_dir_all(root.join("skills/x")).expect("a folder");
            let key = ["AKIA", "Q7Z3M5K1B9C2D4F6"].concat();
            let text = format!("---\nname: x\ndescription: d\n---\nUse it:\nkey {key}\n");
            fs::write(root.join("skills/x/SKILL.md"), text).expect("written");
        }),
        ("a pack holds no symbolic links", |root| {
            std::os::unix::fs::symlink("/etc/passwd", root.join("notes.md")).expect("linked");
        }),
        ("a pack holds plain files and folders", |root| {
            let path = root.join("notes.md");
            std::os::unix::net::UnixListener::bind(path).expect("a socket");
        }),
        ("it is larger than 256 KB", |root| {
            fs::write(root.join("notes.md"), "x".repeat(256 * 1024 + 1)).expect("written");
        }),
        (
            "no blueprint is called `minion-one-shto`; did you mean `minion-one-shot`?",
            |root| {
                change(
                    &root.join("config.json"),
                    "minion-one-shot",
                    "minion-one-shto",
                );
            },
        ),
        (
            "none of the company's blueprints has an input `focsu`; ",
            |root| {
                change(
                    &root.join("config.json"),
                    "\"blueprint_inputs\": {",
                    "\"blueprint_inputs\": {\"focsu\": \"x\"",
                );
            },
        ),
    ];
    for (want, spoil) in cases {
        let (_dir, home) = home();
        let root = copy(&home, "CodeCraft", "Acme");
        change(&root.join("company.json"), "[\"build\"]", "[]");
        spoil(&root);
        let packs = Packs::load(&home).expect("the others can be used");
        let error = &packs.wrong()["Acme"];
        assert!(error.contains(want), "{error}");
        let closed = |name: &str| packs.registry.find(name).expect("there").closed.clone();
        assert_eq!(closed("Acme"), Some(Closed::Broken(error.clone())));
        assert_eq!((packs.wrong().len(), closed("CodeCraft")), (1, None));
    }
}

#[test]
fn a_look_takes_up_a_change_and_a_broken_one_changes_nothing() {
    let (_dir, home) = home();
    let root = copy(&home, "CodeCraft", "CodeCraft");
    let watched = Watched::load(&home).expect("whole");
    let look = |now_ms| watched.look(&home, now_ms, |_| Vec::new());
    let essence = || {
        let packs = watched.now();
        packs
            .registry
            .find("CodeCraft")
            .expect("it is there")
            .essence
            .clone()
    };
    assert_eq!(look(1), Look::Same);
    let begun = watched.now();
    change(
        &root.join("CLAUDE.md"),
        "## Essence\n",
        "## Essence\n\nFirst.\n",
    );
    assert_eq!(look(2), Look::Taken);
    assert!(essence().starts_with("First."));
    assert!(
        !begun
            .registry
            .find("CodeCraft")
            .expect("held")
            .essence
            .starts_with("First.")
    );

    change(&root.join("config.json"), "\"agents\"", "\"agnets\"");
    let Look::Refused(why) = look(3) else {
        panic!("a broken pack was taken");
    };
    assert!(why.contains("did you mean `agents`?"), "{why}");
    change(&root.join("CLAUDE.md"), "First.", "Second.");
    assert!(
        matches!(look(4), Look::Refused(_)),
        "the other file is still broken"
    );
    assert!(essence().starts_with("First."), "half a change is none");
    let refused = watched.refused().expect("it is said");
    assert_eq!((refused.since_ms, refused.why.as_str()), (3, why.as_str()));
    assert_eq!(look(5), Look::Same, "said once");

    change(&root.join("config.json"), "\"agnets\"", "\"agents\"");
    assert_eq!(look(6), Look::Taken);
    assert!(essence().starts_with("Second.") && watched.refused().is_none());
    fs::create_dir_all(root.join("state")).expect("a folder");
    fs::write(root.join("state/notes"), "x").expect("written");
    assert_eq!(look(7), Look::Same, "a company's scratch is no part of it");
    fs::remove_dir_all(root.join("state")).expect("removed");
    std::os::unix::fs::symlink("/etc", root.join("state")).expect("linked");
    assert!(
        matches!(look(8), Look::Refused(why) if why.contains("no symbolic links")),
        "a link with its name is no scratch"
    );
    fs::remove_dir_all(&root).expect("removed");
    assert_eq!(look(9), Look::Taken);
    assert_eq!(watched.now().source_of("CodeCraft"), Source::Shipped);
}

/// A pipe has no end: who read it would wait for ever, and with it the daemon's beat.
#[test]
fn the_homes_own_blueprints_are_plain_files() {
    use std::os::unix::net::UnixListener;
    let larger = "x".repeat(256 * 1024 + 1);
    let own = "version: 1\nname: own\nsteps: [{id: a, uses: context}]\n";
    type Make<'a> = &'a dyn Fn(&std::path::Path);
    let cases: [(&str, Make<'_>); 5] = [
        ("it is no plain file", &|path| {
            let argv = ["mkfifo".as_ref(), path.as_os_str()];
            let (here, env): (_, [(&str, &str); 0]) = (std::path::Path::new("/"), []);
            let limit = std::time::Duration::from_secs(60);
            let made = alai_workspace::command::host(&argv, here, &env, b"", limit);
            assert!(made.expect("mkfifo starts").success());
        }),
        ("it is no plain file", &|path| {
            drop(UnixListener::bind(path).expect("a socket"));
        }),
        ("it is no plain file", &|path| {
            fs::create_dir(path).expect("a folder");
        }),
        ("no symbolic links", &|path| {
            let elsewhere = path.with_extension("elsewhere");
            fs::write(&elsewhere, own).expect("written");
            std::os::unix::fs::symlink(elsewhere, path).expect("linked");
        }),
        ("it is larger than 256 KB", &|path| {
            fs::write(path, &larger).expect("written");
        }),
    ];
    for (want, make) in cases {
        for name in ["own.yaml", "templates/own.txt"] {
            let (_dir, home) = home();
            let path = home.blueprints().join(name);
            fs::create_dir_all(path.parent().expect("below the home")).expect("a folder");
            make(&path);
            let error = Packs::load(&home).expect_err(want).to_string();
            assert!(error.contains(want) && error.contains(name), "{error}");
        }
    }
}

/// A stamp of folders that nobody has changed for long. A real one is as young as the test.
fn settled(home: &Home) -> Stamp {
    Stamp {
        newest_s: 0,
        ..watch::stamp(home)
    }
}

/// A home with its cache, whose packs were read once.
fn kept() -> (tempfile::TempDir, Home, Packs) {
    let (dir, home) = home();
    for folder in [home.cache(), home.blueprints(), home.companies()] {
        fs::create_dir_all(folder).expect("a folder");
    }
    write_shipped(&home).expect("written");
    let read = Packs::read(&home).expect("the shipped packs");
    let first = Packs::load_as(&home, &settled(&home)).expect("the shipped packs");
    assert_eq!(first.registry, read.registry);
    (dir, home, read)
}

fn same(packs: &Packs, read: &Packs) {
    assert_eq!(packs.registry, read.registry);
    assert_eq!(packs.blueprints, read.blueprints);
    for company in read.registry.companies() {
        let name = company.name.as_str();
        assert_eq!(packs.source_of(name), read.source_of(name));
        let (here, there) = (packs.texts(name), read.texts(name));
        assert_eq!(here.expect("kept"), there.expect("read"), "{name}");
        let digests = (packs.texts_digest(name), read.texts_digest(name));
        assert_eq!(digests.0.expect("kept"), digests.1.expect("read"));
    }
}

#[test]
fn what_was_checked_once_is_taken_from_the_cache_and_says_the_same() {
    let (_dir, home, read) = kept();
    let sealed = seal::open(&home, &settled(&home)).expect("it was kept");
    assert!(
        sealed
            .texts
            .values()
            .all(|texts| matches!(texts, texts::Kept::Away(_)))
    );
    same(&sealed, &read);
    fs::remove_file(home.cache().join("packs")).expect("it is there");
    same(&sealed, &read);
}

#[test]
fn texts_are_read_once_until_they_are_let_go() {
    let (_dir, home, _) = kept();
    let sealed = seal::open(&home, &settled(&home)).expect("it was kept");
    let once = sealed.texts("CodeCraft").expect("kept");
    let twice = sealed.texts("CodeCraft").expect("kept");
    assert!(std::sync::Arc::ptr_eq(&once, &twice));
    let other = sealed.texts("Proveo").expect("kept");
    assert_ne!(once.soul, other.soul);
    sealed.let_go();
    let held = [once, twice, other].map(|texts| std::sync::Arc::downgrade(&texts));
    assert!(held.iter().all(|texts| texts.upgrade().is_none()));
}

#[test]
fn nothing_is_believed_of_other_folders_or_of_what_has_just_changed() {
    let (_dir, home, _) = kept();
    let soul = home.companies().join("CodeCraft/CLAUDE.md");
    change(&soul, "## Essence\n", "## Essence\n\nOurs.\n");
    assert!(seal::open(&home, &settled(&home)).is_none(), "it changed");
    let just_now = Stamp {
        newest_s: i64::MAX,
        ..watch::stamp(&home)
    };
    let packs = Packs::load_as(&home, &just_now).expect("whole");
    let code = packs.registry.find("CodeCraft").expect("it is there");
    assert!(code.essence.starts_with("Ours."), "{}", code.essence);
    assert!(
        seal::open(&home, &settled(&home)).is_none(),
        "a change in the same second would not be seen"
    );
    let soul = packs.texts("CodeCraft").expect("away or here").soul.clone();
    assert!(soul.contains("Ours."), "{soul}");
}

#[test]
fn a_broken_pack_is_refused_whatever_the_cache_says_and_the_packs_in_force_keep_their_texts() {
    let (_dir, home, read) = kept();
    let sealed = Packs::load_as(&home, &settled(&home)).expect("kept");
    fs::write(home.companies().join("Proveo/CLAUDE.md"), "# Proveo\n").expect("written");
    let broken = Packs::load(&home).expect("the others can be used");
    let error = &broken.wrong()["Proveo"];
    assert!(error.contains("Proveo/CLAUDE.md"), "{error}");
    same(&sealed, &read);
}

#[test]
fn a_damaged_cache_costs_time_and_nothing_else() {
    let (_dir, home, read) = kept();
    let path = home.cache().join("packs");
    let whole = fs::read(&path).expect("it was kept");
    let mut cases: Vec<Vec<u8>> = vec![
        Vec::new(),
        b"alai packs 1 999999999999 x\n".to_vec(),
        whole[..whole.len() / 2].to_vec(),
        whole[..40].to_vec(),
        [b"alai packs 0", &whole[12..]].concat(),
    ];
    for at in [3, 20, 60, 200, whole.len() / 2, whole.len() - 2] {
        let mut flipped = whole.clone();
        flipped[at] ^= 1;
        cases.push(flipped);
    }
    for case in cases {
        fs::write(&path, &case).expect("written");
        same(
            &Packs::load_as(&home, &settled(&home)).expect("whole"),
            &read,
        );
        fs::write(&path, &whole).expect("written");
    }
    fs::remove_file(&path).expect("it is there");
    fs::create_dir(&path).expect("a folder in its place");
    same(
        &Packs::load_as(&home, &settled(&home)).expect("whole"),
        &read,
    );
}

#[test]
fn a_damaged_text_of_a_pack_that_changed_is_an_error_and_never_another_text() {
    let (_dir, home, _) = kept();
    let sealed = Packs::load_as(&home, &settled(&home)).expect("kept");
    let path = home.cache().join("packs");
    let bytes = fs::read(&path).expect("it was kept").len();
    // In place, as a faulty disk does it: the open file is the damaged one.
    fs::write(&path, vec![b' '; bytes]).expect("written");
    let soul = home.companies().join("CodeCraft/CLAUDE.md");
    change(&soul, "## Essence\n", "## Essence\n\nOurs.\n");
    let error = sealed.texts("CodeCraft").expect_err("neither is the text");
    assert!(error.to_string().contains("damaged"), "{error}");
    sealed.texts("Proveo").expect("its folder says the same");
    let packs = Packs::load(&home).expect("read anew");
    packs.texts("CodeCraft").expect("read anew");
}

#[test]
fn a_home_without_a_cache_gets_none_and_holds_its_texts() {
    let (_dir, home) = home();
    let packs = Packs::load_as(&home, &settled(&home)).expect("the shipped packs");
    assert!(!home.cache().exists());
    let held = |kept: &texts::Kept| matches!(kept, texts::Kept::Here(_));
    assert!(packs.texts.values().all(held));
}

/// A pack is whole by itself, so that one text may lie in several. A mend of one is a mend of all.
#[test]
fn what_several_shipped_packs_carry_is_the_same_in_each() {
    let text = |company: &str, file: &str| {
        let files = super::shipped::files_of(company).expect("a shipped company");
        let found = files.get(&format!("blueprints/templates/{file}"));
        found
            .unwrap_or_else(|| panic!("{company} has no {file}"))
            .clone()
    };
    for same in [
        &[
            ("CodeCraft", "migration-pg.sh"),
            ("Finverge", "ledger-pg.sh"),
            ("Skybound", "tenancy-pg.sh"),
        ][..],
        &[("Proxima", "page.css"), ("Skillforge", "page.css")],
    ] {
        let (company, file) = same[0];
        let first = text(company, file);
        for (company, file) in &same[1..] {
            assert!(
                text(company, file) == first,
                "{company}: {file} is another one"
            );
        }
    }
}

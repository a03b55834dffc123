use super::*;
use crate::company::mcp::Change;

fn server(command: &str) -> Server {
    Server {
        command: command.to_owned(),
        args: vec!["/repo".to_owned()],
        env: BTreeMap::from([("MODE".to_owned(), "plain".to_owned())]),
        hosts: Vec::new(),
    }
}

fn home() -> BTreeMap<String, Server> {
    ["files", "memory"]
        .map(|name| (name.to_owned(), server(name)))
        .into()
}

#[test]
fn an_overlay_adds_changes_key_by_key_and_removes() {
    let change = Change {
        args: Some(vec!["/repo/src".to_owned()]),
        hosts: Some(vec!["api.example.com".to_owned()]),
        ..Change::default()
    };
    let overlay = Overlay {
        add: BTreeMap::from([("git".to_owned(), server("git-server"))]),
        remove: vec!["memory".to_owned(), "never-there".to_owned()],
        change: BTreeMap::from([("files".to_owned(), change)]),
    };
    let all = resolve(&home(), &overlay);
    assert_eq!(all.servers.keys().collect::<Vec<_>>(), ["files", "git"]);
    assert_eq!(all.removed, BTreeSet::from(["memory".to_owned()]));
    assert_eq!(all.problems, Vec::<String>::new());
    let files = &all.servers["files"];
    assert_eq!(files.server.command, "files");
    assert_eq!(files.server.args, ["/repo/src"]);
    assert_eq!(
        (files.command, files.args, files.env, files.hosts),
        (Origin::Home, Origin::Company, Origin::Home, Origin::Company)
    );
    assert_eq!(all.servers["git"].command, Origin::Company);
}

#[test]
fn nothing_is_changed_without_an_overlay() {
    let all = resolve(&home(), &Overlay::default());
    assert!(all.servers.values().all(|r| r.command == Origin::Home));
    assert_eq!(all.servers.len(), 2);
}

#[test]
fn an_addition_stands_in_the_place_of_the_homes_and_an_override_of_nobody_is_told() {
    let change = Change {
        command: Some("x".to_owned()),
        ..Change::default()
    };
    let overlay = Overlay {
        add: BTreeMap::from([("files".to_owned(), server("other"))]),
        remove: Vec::new(),
        change: BTreeMap::from([("memry".to_owned(), change)]),
    };
    let all = resolve(&home(), &overlay);
    assert!(all.servers["files"].in_place);
    assert_eq!(all.servers["files"].server.command, "other");
    assert!(!all.servers.contains_key("memry"));
    let said = &all.problems[0];
    assert!(
        said.contains("memry") && said.contains("did you mean `memory`?"),
        "{said}"
    );
}

fn grant(text: &str) -> Grant {
    let (server, tool) = match text.split_once('/') {
        None => (text, None),
        Some((server, tool)) => (server, Some(tool.to_owned())),
    };
    Grant {
        server: server.to_owned(),
        tool,
    }
}

#[test]
fn a_role_may_ask_what_it_was_granted_and_nothing_else() {
    let all = resolve(&home(), &Overlay::default());
    assert_eq!(offers(&all, &[]), (Vec::new(), BTreeSet::new()));
    let grants = ["files/read_file", "files/list", "gone/x"].map(grant);
    let (some, missing) = offers(&all, &grants);
    assert_eq!(missing, BTreeSet::from(["gone".to_owned()]));
    assert_eq!(some.len(), 1);
    assert!(some[0].allows("list") && some[0].allows("read_file"));
    assert!(!some[0].allows("write_file"));
    for grants in [["files", "files/list"], ["files/list", "files"]] {
        let (whole, _) = offers(&all, &grants.map(grant));
        assert!(whole[0].allows("write_file"), "{grants:?}");
    }
}

#[test]
fn variables_are_filled_in_once_and_unknown_ones_are_refused() {
    let known = |name: &str| (name == "TOKEN").then(|| "s${TOKEN}3cret".to_owned());
    assert_eq!(fill("plain $HOME", &known), Ok("plain $HOME".to_owned()));
    assert_eq!(
        fill("a-${TOKEN}-b", &known),
        Ok("a-s${TOKEN}3cret-b".to_owned())
    );
    assert_eq!(
        fill("${OTHER}", &known),
        Err(Unfilled::Unknown("OTHER".to_owned()))
    );
    assert_eq!(fill("${TOKEN", &known), Err(Unfilled::Open));
    assert!(matches!(fill("${a b}", &known), Err(Unfilled::NoName(_))));
    assert_eq!(names_in("x${A}y${B}"), ["A", "B"]);
}

use super::*;

fn shipped() -> Packs {
    let dir = tempfile::tempdir().expect("a temp dir");
    let home = Home::at(dir.path());
    Packs::load(&home).expect("the shipped packs")
}

fn write(home: &Home, name: &str, text: &str) {
    let dir = home.skills().join(name);
    std::fs::create_dir_all(dir.join("references")).expect("folders");
    std::fs::write(dir.join("SKILL.md"), text).expect("a file");
    std::fs::write(dir.join("references/more.md"), "more of it").expect("a file");
}

fn skill_text(name: &str, text: &str) -> String {
    format!("---\nname: {name}\ndescription: What it is for.\n---\n{text}\n")
}

#[test]
fn the_shipped_skills_are_whole_and_can_be_loaded() {
    assert!(READ.len() >= 2, "{:?}", READ.keys());
    let mut files = BTreeMap::new();
    gather(&SHIPPED, &mut files);
    assert_eq!(parsed(&files).1, Vec::<String>::new());
}

#[test]
fn the_company_then_the_environment_then_the_home_then_what_is_shipped() {
    let packs = shipped();
    let registry = &packs.registry;
    let names: Vec<&str> = registry
        .companies()
        .iter()
        .map(|c| c.name.as_str())
        .collect();
    let dir = tempfile::tempdir().expect("a temp dir");
    let home = Home::at(dir.path());
    write(&home, "of-the-home", &skill_text("of-the-home", "ours"));
    write(
        &home,
        "finding-the-cause",
        &skill_text("finding-the-cause", "the home's"),
    );
    let company = registry.find(names[0]).expect("there");
    let found = of(&home, &packs, company, Some(names[1]));
    assert_eq!(found.problems, Vec::<String>::new());
    let levels: Vec<String> = found
        .shelf
        .levels
        .iter()
        .map(|(l, _)| l.to_string())
        .collect();
    let company_level = format!("the company {}", names[0]);
    let other_level = format!("the company {} (ALAI_COMPANY)", names[1]);
    assert_eq!(
        levels,
        [company_level.as_str(), &other_level, "the home", "shipped"]
    );
    let load = |name: &str, file: Option<&str>| found.shelf.load(name, file).expect("there");
    assert_eq!(load("finding-the-cause", None).text, "the home's");
    assert_eq!(load("finding-the-cause", None).from, "the home");
    assert_eq!(load("answering-findings", None).from, "shipped");
    assert_eq!(
        load("of-the-home", Some("references/more.md")).text,
        "more of it"
    );
    assert_eq!(
        load("soul", None).text,
        packs.texts(names[0]).expect("there").soul
    );
    for name in registry.find(names[1]).expect("there").skills.iter() {
        assert!(found.shelf.find(name).is_some(), "{name} of ALAI_COMPANY");
    }
}

#[test]
fn what_is_wrong_is_left_out_and_said() {
    let packs = shipped();
    let company = &packs.registry.companies()[0];
    let dir = tempfile::tempdir().expect("a temp dir");
    let home = Home::at(dir.path());
    write(&home, "good", &skill_text("good", "text"));
    write(&home, "bad", &skill_text("other-name", "text"));
    let found = of(&home, &packs, company, Some("Nobody"));
    assert!(found.shelf.find("good").is_some() && found.shelf.find("bad").is_none());
    assert_eq!(found.problems.len(), 2, "{:?}", found.problems);
    assert!(found.problems[0].contains("ALAI_COMPANY") && found.problems[0].contains("Nobody"));
    assert!(
        found.problems[1].contains("skills/bad/SKILL.md:2"),
        "{:?}",
        found.problems
    );

    std::os::unix::fs::symlink("/etc", home.skills().join("link")).expect("a link");
    let linked = of(&home, &packs, company, None);
    assert!(
        linked.problems[0].contains("symbolic link"),
        "{:?}",
        linked.problems
    );
}

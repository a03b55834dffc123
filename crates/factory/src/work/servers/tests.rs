use super::*;
use alai_workspace::cage::{Limits, Network};

fn lent(hosts: &[&str], keys: &[&str]) -> Lent {
    Lent {
        shelf: Shelf::default(),
        offers: Vec::new(),
        servers: BTreeMap::new(),
        spec: CageSpec {
            binds: Vec::new(),
            cwd: PathBuf::from("/repo"),
            env: Vec::new(),
            network: Network::Loopback,
            limits: Limits::default(),
            uid: None,
            toolchains: Vec::new(),
            path: String::new(),
        },
        dir: PathBuf::from("/nowhere"),
        hosts: hosts.iter().map(|host| (*host).to_owned()).collect(),
        keys: keys.iter().map(|key| (*key).to_owned()).collect(),
        starts: AtomicU32::new(0),
    }
}

fn server(hosts: &[&str], env: &[(&str, &str)]) -> Server {
    let own = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
    Server {
        command: "server".to_owned(),
        args: Vec::new(),
        env: env.iter().map(own).collect(),
        hosts: hosts.iter().map(|host| (*host).to_owned()).collect(),
    }
}

#[test]
fn a_server_reaches_what_it_and_its_project_name_both() {
    let lent = lent(&["api.example.org", "other.example.org"], &[]);
    assert_eq!(lent.hosts_of(&server(&[], &[])), Ok(Vec::new()));
    let one = server(&["api.example.org"], &[]);
    assert_eq!(lent.hosts_of(&one), Ok(vec!["api.example.org".to_owned()]));
    let two = server(&["api.example.org", "evil.example.org"], &[]);
    let why = lent.hosts_of(&two).expect_err("not allowed");
    assert!(why.contains("--server-host evil.example.org"), "{why}");
}

#[test]
fn the_record_names_the_hosts_of_what_is_lent_and_of_nothing_else() {
    let mut lent = lent(&["api.example.org", "b.example.org", "c.example.org"], &[]);
    for (name, hosts) in [
        ("tickets", &["b.example.org", "api.example.org"][..]),
        ("twin", &["api.example.org"]),
        ("refused", &["evil.example.org"]),
        ("unlent", &["c.example.org"]),
    ] {
        lent.servers.insert(name.to_owned(), server(hosts, &[]));
    }
    assert!(lent.layers().is_empty(), "nothing is lent");
    let offer = |server: &str| Offer {
        server: server.to_owned(),
        tools: None,
    };
    lent.offers = ["tickets", "twin", "refused"].map(offer).into();
    assert_eq!(
        lent.layers(),
        ["server:api.example.org", "server:b.example.org"]
    );
}

#[test]
fn variables_are_filled_in_by_name_and_keys_of_models_are_not_given() {
    let lent = lent(&[], &["OWN_MODEL_KEY", "OPENAI_API_KEY"]);
    let path = std::env::var("PATH").expect("tests have one");
    let given = server(
        &[],
        &[
            ("WHERE", "${PATH}"),
            ("MODE", "plainly"),
            ("API_TOKEN", "pasted-in"),
        ],
    );
    let (env, secrets) = lent.env_of(&given).expect("all are known");
    assert!(env.contains(&("WHERE".to_owned(), path.clone())));
    assert_eq!(
        secrets,
        ["pasted-in".to_owned(), path],
        "in the order of their names"
    );
    for (value, says) in [
        ("${ALAI_TEST_NOT_SET}", "`${ALAI_TEST_NOT_SET}` is not set"),
        ("x${OWN_MODEL_KEY}", "a key of models"),
        ("${OPENAI_API_KEY}", "a key of models"),
        ("${", "has no `}`"),
    ] {
        let why = lent.env_of(&server(&[], &[("T", value)])).expect_err(value);
        assert!(why.contains(says), "{why}");
    }
}

#[test]
fn what_fetches_its_program_is_refused_with_the_remedy() {
    for command in ["npx", "/usr/bin/uvx"] {
        let why = program(command).expect_err(command);
        assert!(why.contains("install the server"), "{why}");
    }
    assert!(program("no-such-server-anywhere").is_err());
}

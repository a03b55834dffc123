use super::*;
use crate::config::Config;

fn config(text: &str) -> Result<Config, ConfigError> {
    let dir = tempfile::tempdir().expect("a folder");
    let path = dir.path().join("alai.toml");
    std::fs::write(&path, text).expect("written");
    let env = [
        ("HOME", "/people/ada"),
        ("GOOD_KEY", "sk-0123456789"),
        ("BAD_KEY", "a b"),
    ];
    let env = env.map(|(name, value)| (name.to_owned(), value.to_owned()));
    Config::load(&path, &env.into())
}

fn agent(more: &str) -> Result<NamedAgent, ConfigError> {
    let text = format!("[[fleet.agents]]\nname = \"pro\"\n{more}\n");
    config(&text).map(|config| config.agents[0].clone())
}

const CLAUDE: &str = "engine = \"claude-cli\"\ntiers = [4]";

#[test]
fn an_agent_has_the_login_and_the_hosts_of_its_engine() {
    let claude = agent(CLAUDE).expect("valid");
    assert_eq!(claude.program, "claude");
    assert_eq!(claude.login, Some(PathBuf::from("/people/ada/.claude")));
    assert_eq!(claude.hosts, ["api.anthropic.com"]);
    assert_eq!((claude.slots, claude.order), (1, Order::First));
    let money = Money::default();
    assert!(!claude.is_near(&money));
    assert_eq!(claude.tariff(&money), Tariff::Flat(None), "a subscription");
    let codex =
        agent("engine = \"codex-cli\"\ntiers = [1]\nlogin = \"/x\"\nslots = 2").expect("valid");
    assert_eq!((codex.login, codex.slots), (Some(PathBuf::from("/x")), 2));
    assert_eq!(login_file(codex.engine), Some("auth.json"));
}

#[test]
fn a_key_leaves_no_login_and_is_never_shown() {
    let keyed = agent(&format!("{CLAUDE}\nkey_env = \"GOOD_KEY\"")).expect("valid");
    assert_eq!(
        (keyed.login.clone(), keyed.hosts.clone()),
        (None, Vec::new())
    );
    assert!(!format!("{keyed:?}").contains("sk-0123456789"));
    let way = keyed.way(&Money::default()).expect("a way");
    assert!(!format!("{way:?}").contains("sk-0123456789"));
    assert_eq!(way.layers("pro"), ["provider:api.anthropic.com"]);
    assert_eq!(way.base_url().as_deref(), Some("http://127.0.0.1:18931"));
    for variable in ["NO_SUCH_KEY", "BAD_KEY"] {
        let broken =
            agent(&format!("{CLAUDE}\nkey_env = \"{variable}\"")).expect("it is down, not wrong");
        let why = broken.unusable.expect("it says why");
        assert!(why.contains(variable) && !why.contains("a b"), "{why}");
    }
}

#[test]
fn who_pays_follows_from_where_it_thinks_unless_a_person_says_otherwise() {
    let money = Money::default();
    let tariff = |more: &str| agent(more).expect(more).tariff(&money);
    let near = format!("{CLAUDE}\nurl = \"http://127.0.0.1:4000\"");
    assert_eq!(tariff(&near), Tariff::Own);
    assert!(agent(&near).expect("valid").is_near(&money));
    let keyed = format!("{CLAUDE}\nkey_env = \"GOOD_KEY\"");
    assert_eq!(tariff(&keyed), Tariff::Told, "it says itself what it costs");
    assert_eq!(
        tariff(&format!("{keyed}\nmodel = \"no-such-model\"")),
        Tariff::Told
    );
    let codex =
        "engine = \"codex-cli\"\ntiers = [4]\nkey_env = \"GOOD_KEY\"\nmodel = \"no-such-model\"";
    assert_eq!(
        tariff(codex),
        Tariff::Unpriced,
        "nobody could say when it is enough"
    );
    assert_eq!(
        tariff(&format!("{codex}\npay = \"flat\"")),
        Tariff::Flat(None)
    );
    let acp = "engine = \"acp\"\nprogram = \"/opt/agent\"\ntiers = [4]";
    assert!(
        agent(acp).expect("valid").is_near(&money),
        "it reaches nobody"
    );
    let acp = format!("{acp}\nhosts = [\"api.example.com\"]");
    assert!(!agent(&acp).expect("valid").is_near(&money));
    assert_eq!(tariff(&acp), Tariff::Unpriced);
    let text = format!(
        "[[fleet.agents]]\nname = \"pro\"\n{codex}\n[money.prices.\"no-such-model\"]\ninput = 1.0\noutput = 2.0\n"
    );
    let priced = config(&text).expect("valid");
    assert!(matches!(
        priced.agents[0].tariff(&priced.money),
        Tariff::Metered(_)
    ));
    let other = priced.agents[0].with_model("other");
    assert_eq!(
        other.tariff(&priced.money),
        Tariff::Unpriced,
        "by the model that is used"
    );
}

#[test]
fn what_cannot_be_meant_is_refused() {
    for (more, word) in [
        ("engine = \"claude-cli\"\ntiers = []", "nobody gave it"),
        ("engine = \"claude-cli\"\ntiers = [6]", "tiers"),
        ("engine = \"claude-cli\"", "tiers"),
        ("engine = \"gemini-cli\"\ntiers = [1]", "engine"),
        ("engine = \"acp\"\ntiers = [1]", "program"),
        ("engine = \"claude-cli\"\ntiers = [1]\nslots = 0", "slots"),
        (
            "engine = \"claude-cli\"\ntiers = [1]\nargs = [\"--x\"]",
            "args",
        ),
        (
            "engine = \"claude-cli\"\ntiers = [1]\nhosts = [\"*\"]",
            "hosts",
        ),
        (
            "engine = \"claude-cli\"\ntiers = [1]\nhosts = [\"127.0.0.1\"]",
            "hosts",
        ),
        (
            "engine = \"claude-cli\"\ntiers = [1]\nkey_env = \"GOOD_KEY\"\nlogin = \"/x\"",
            "without `login`",
        ),
        (
            "engine = \"claude-cli\"\ntiers = [1]\nkey = \"sk-1\"",
            "key",
        ),
    ] {
        let why = agent(more).expect_err(more).to_string();
        assert!(why.contains(word), "{more}: {why}");
    }
    for name in ["ollama", "Human", "a b"] {
        let text = format!("[[fleet.agents]]\nname = \"{name}\"\n{CLAUDE}\n");
        assert!(config(&text).is_err(), "{name}");
    }
    assert!(config("[fleet]\nhuman_tiers = [6]\n").is_err());
}

#[test]
fn an_address_that_would_send_the_key_in_the_clear_is_no_way() {
    let clear = agent(&format!(
        "{CLAUDE}\nkey_env = \"GOOD_KEY\"\nurl = \"http://api.example.com\""
    ))
    .expect("valid");
    let why = clear.way(&Money::default()).expect_err("refused");
    assert!(
        why.contains("in the clear") && !why.contains("sk-0123456789"),
        "{why}"
    );
}

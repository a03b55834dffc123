use alai_core::ids::TaskId;
use alai_core::mode::Mode;
use alai_core::money::Tokens;
use alai_core::task::{NewTask, State, TaskKind};
use alai_fleet::{AnthropicHost, OllamaHost, OpenaiHost, Profile, Usage};
use alai_mission::{
    Call, Claim, ClaimLimits, Intent, NewProject, ProjectSettings, RunState, SlotsOf,
};

use super::*;
use crate::home::{Home, init};

fn config(money: &str) -> Config {
    let dir = tempfile::tempdir().expect("a temporary folder");
    let path = dir.path().join("alai.toml");
    std::fs::write(&path, money).expect("settings");
    Config::load(&path, &BTreeMap::new()).expect("they are valid")
}

fn chosen(provider: Provider, model: &str) -> Chosen {
    Chosen {
        provider,
        model: model.into(),
        profile: Profile::default(),
    }
}

#[test]
fn a_host_says_who_pays_and_not_the_name_of_a_model() {
    let ollama = |url: &str| Provider::Ollama(OllamaHost::parse(url).expect("a host"));
    let openai = |url: &str| Provider::Openai(OpenaiHost::parse(url).expect("a host"));
    let anthropic = |url: &str| Provider::Anthropic(AnthropicHost::parse(url).expect("a host"));
    let plain = Config::default();
    let priced = "claude-sonnet-5";
    let of = |config: &Config, provider, model| tariff(config, &chosen(provider, model));
    for (provider, model) in [
        (ollama("http://forge.example.com:11434"), priced),
        (openai("http://127.0.0.1:8080"), priced),
        (openai("http://anvil:9931"), "gpt-5"),
        (anthropic("http://192.168.1.7:8080"), priced),
    ] {
        assert_eq!(
            of(&plain, provider.clone(), model),
            Tariff::Own,
            "{provider:?}"
        );
    }
    let far = "https://llm.example.com";
    assert!(matches!(
        of(&plain, anthropic("https://api.anthropic.com"), priced),
        Tariff::Metered(_)
    ));
    assert_eq!(of(&plain, openai(far), "some-model"), Tariff::Unpriced);
    let own = config("[money]\nown_hosts = [\"llm.example.com\"]\n");
    assert_eq!(of(&own, openai(far), "some-model"), Tariff::Own);
    let flat = config("[money]\nflat_hosts = [\"llm.example.com\"]\n");
    assert_eq!(of(&flat, openai(far), "some-model"), Tariff::Flat(None));
    let paid = config("[money]\npaid_hosts = [\"localhost\"]\n");
    let proxy = openai("http://localhost:4000");
    assert!(matches!(
        of(&paid, proxy.clone(), priced),
        Tariff::Metered(_)
    ));
    assert_eq!(of(&paid, proxy, "some-model"), Tariff::Unpriced);
}

#[test]
fn what_a_cache_gave_is_not_paid_twice() {
    let usage = Usage {
        prompt_tokens: 1_000,
        output_tokens: 7,
        cache_read_tokens: 600,
        cache_write_tokens: 300,
    };
    let tokens = usage.tokens();
    assert_eq!(
        (tokens.input, tokens.cache_read, tokens.cache_write),
        (100, 600, 300)
    );
    let odd = Usage {
        prompt_tokens: 10,
        ..usage
    };
    assert_eq!(odd.tokens().input, 0, "a count that contradicts itself");
}

/// A factory that does nothing by itself, with one run, on a day of its own.
struct World {
    factory: Arc<Factory>,
    task: TaskId,
    now_ms: i64,
    _dir: tempfile::TempDir,
}

impl World {
    fn new() -> World {
        let dir = tempfile::tempdir().expect("a temporary folder");
        let home = Home::at(dir.path().join("home"));
        init(&home).expect("a home");
        let caps = "[money.caps]\nday_warn = 0.1\nday_block = 0.5\nday_kill = 0.6\n";
        std::fs::write(home.config(), caps).expect("settings");
        let config = Config::load(&home.config(), &BTreeMap::new()).expect("they are valid");
        let factory = Factory::open(home, config).expect("a factory");
        let now_ms = factory.now_ms();
        let project = NewProject {
            name: "p".into(),
            path: dir.path().join("p"),
            target_branch: "main".into(),
            settings: ProjectSettings::default(),
        };
        let project = factory.mission().add_project(project, "t", now_ms);
        let mut task = NewTask::new(TaskKind::Build, "Say alpha");
        task.project = Some(project.expect("new"));
        let task = factory.mission().add(task, None, "t", now_ms).expect("new");
        World {
            factory,
            task,
            now_ms,
            _dir: dir,
        }
    }

    fn claim(&self) -> Claim {
        let limits = ClaimLimits {
            total: 1,
            per_project: 1,
            run_ms_max: 1_000_000,
            slots: SlotsOf::NOTHING,
        };
        let mission = self.factory.mission();
        let claimed = mission.claim(None, &limits, "factory", 60_000, self.now_ms);
        claimed.expect("the store answers").expect("it is eligible")
    }

    /// A call of that worst case that costs what nobody could know before, as an agent of its own can.
    fn spends(&self, fence: &Fence, call: u32, worst: u64, cost: u64) {
        let mission = self.factory.mission();
        let intent = Intent {
            call,
            model: "m".into(),
            company: None,
            mode: Mode::Real,
            cost: Cost::AtMost(worst),
        };
        let caps = &self.factory.config().money.caps;
        let held = mission.reserve(fence, intent, caps, self.now_ms);
        held.expect("the store answers").expect("it fits");
        let call = Call {
            call,
            model: "m".into(),
            mode: Mode::Real,
            tokens: Tokens::default(),
            cost_microusd: cost,
            word: alai_core::money::Word::Measured,
        };
        mission.settle(fence, call, self.now_ms).expect("settles");
    }

    fn looks(&self, now_ms: i64) {
        look(&self.factory, now_ms).expect("the store answers");
    }

    /// What was told of the days' bills.
    fn told(&self) -> Vec<String> {
        let events = self.factory.mission().events_since(0, None);
        let events = events.expect("a history").into_iter();
        let kinds = events.map(|e| e.kind);
        kinds.filter(|kind| kind.starts_with("spend_")).collect()
    }

    fn task(&self) -> Task {
        self.factory.mission().task(self.task).expect("the task")
    }
}

#[test]
fn a_day_warns_once_and_a_bill_that_runs_away_ends_what_runs_until_the_next_day() {
    let world = World::new();
    let claim = world.claim();
    world.looks(world.now_ms);
    assert_eq!(world.told(), Vec::<String>::new());
    world.spends(&claim.fence, 0, 100_000, 100_000);
    for _ in 0..2 {
        world.looks(world.now_ms);
        assert_eq!(world.told(), ["spend_warn"]);
    }
    assert_eq!(world.task().state, State::Started, "a warning ends nothing");
    world.spends(&claim.fence, 1, 200_000, 520_000);
    for _ in 0..2 {
        world.looks(world.now_ms);
        assert_eq!(world.told(), ["spend_warn", "spend_block", "spend_kill"]);
    }
    let runs = world.factory.mission().runs_of(world.task).expect("runs");
    assert_eq!(runs[0].state, RunState::Cancelled);
    let outcome = runs[0].outcome.clone().expect("an outcome");
    assert!(outcome.starts_with("cost_limit: $0.62 spent"), "{outcome}");
    let day = Day::of(world.now_ms);
    let waiting = world.task().waiting.expect("it waits");
    assert_eq!(
        (waiting.reason, waiting.owner.as_str(), waiting.deadline_ms),
        (WaitReason::Budget, "operator", day.end_ms())
    );
    assert!(waiting.next_action.contains("`alai fleet cap day"));
    assert_eq!(world.task().counters, claim.task.counters);
    world.looks(day.end_ms() - 1);
    assert_eq!(world.task().state, State::Waiting);
    world.looks(day.end_ms());
    assert_eq!(world.task().state, State::Open, "the next day goes on");
}

#[test]
fn a_person_who_raises_the_day_lets_it_go_on_at_once() {
    let world = World::new();
    let claim = world.claim();
    world.spends(&claim.fence, 0, 500_000, 700_000);
    world.looks(world.now_ms);
    assert_eq!(world.task().state, State::Waiting);
    let today = Scope::Day(Day::of(world.now_ms));
    let mission = world.factory.mission();
    mission
        .set_cap(today, 2_000_000, "mira", world.now_ms)
        .expect("sets");
    world.looks(world.now_ms);
    assert_eq!(world.task().state, State::Open);
    let next = world.claim();
    world.spends(&next.fence, 0, 100_000, 100_000);
    world.looks(world.now_ms);
    assert_eq!(world.task().state, State::Started, "it is not ended again");
}

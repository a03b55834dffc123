//! Which tools a model is really shown, and what its first request weighs: every step of every blueprint of every shipped company
//! that asks a model, walked by each role, with everything lent to it that the factory lends.
//!
//! Small models choose badly among many tools and lose the thread of long prompts. So there is one bound for all of them: six tools,
//! and one more where a server was lent.

use std::sync::{Arc, Mutex};

use alai_core::blueprint::{self, Action, Blueprint, Step};
use alai_core::brief::{Brief, Role};
use alai_core::company::Registry;
use alai_core::delegation::{Delegations, Frame, Known, PLANNED_MAX};
use alai_core::mcp::Offer;
use alai_fleet::{OllamaHost, Profile, Provider, ToolMode, chat};
use alai_minion::mcp::{Patience, Servers};
use alai_testkit::ollama::{Answer, Behaviour, OllamaTwin};
use alai_testkit::samples;
use alai_testkit::weak::Weak;
use serde_json::{Value, json};

use crate::shipped;
use crate::world::World;

const TOOLS_MAX: usize = 6;
/// Of all tools as JSON.
const TOOLS_BYTES_MAX: usize = 2_500;
const REQUEST_BYTES_MAX: usize = 6 << 10;
/// The tool that asks the servers that a run was lent.
const SERVERS: &str = "mcp";
const SAMPLE: &str = "tiny-sh";
/// What a lead walks to whom a part was handed.
const LEADS: &str = "lead-delegates";
const ROLES: [Role; 3] = [Role::Lead, Role::Builder, Role::Reviewer];

/// The steps of a blueprint that ask a model, each as a blueprint of its own.
fn steps(blueprint: &Blueprint) -> Vec<Blueprint> {
    let asks = |step: &&Step| matches!(step.action, Action::Agent { .. } | Action::Ask { .. });
    let alone = |step: &Step| Blueprint {
        steps: vec![Step {
            condition: None,
            needs: Vec::new(),
            gates: Vec::new(),
            retry: None,
            ..step.clone()
        }],
        ..blueprint.clone()
    };
    blueprint.steps.iter().filter(asks).map(alone).collect()
}

/// A lead may hand work to every shipped company.
fn delegations() -> Delegations {
    let companies = shipped::companies();
    let companies = companies.iter().map(|name| shipped::company(name));
    let registry = Registry::new(companies.collect()).expect("the shipped companies go together");
    Delegations::new(Frame {
        companies: Known::all(&registry),
        depth: 1,
        left: PLANNED_MAX,
        spent: None,
        cleared: Vec::new(),
    })
}

/// One model that gives up at once, and the last request that it had.
struct Eye {
    twin: OllamaTwin,
    last: Arc<Mutex<Option<Value>>>,
}

impl Eye {
    fn open() -> Eye {
        let last = Arc::new(Mutex::new(None));
        let seen = Arc::clone(&last);
        let twin = OllamaTwin::start(Behaviour::by(move |body| {
            *seen.lock().expect("one at a time") = Some(body.clone());
            Answer::calls(&[("done", json!({"status": "blocked", "summary": "Seen."}))])
        }));
        Eye { twin, last }
    }

    /// The first request of a run of this brief, as it went over the wire.
    fn sees(&self, world: &mut World, brief: &Brief, profile: &Profile, server: bool) -> Value {
        let provider = Provider::Ollama(OllamaHost::parse(&self.twin.url()).expect("a URL"));
        let mut first = None;
        let mut ask = |request: &alai_fleet::ChatRequest| {
            let reply = chat(&provider, request, &|| false);
            let seen = self.last.lock().expect("one at a time").take();
            first = first.take().or(seen);
            reply
        };
        let offers = [Offer {
            server: "files".to_owned(),
            tools: None,
        }];
        let servers = Servers {
            offers: &offers,
            start: &|_| Err("not in this test".to_owned()),
            patience: Patience::default(),
        };
        let mut hear = |_, _| Ok(());
        let servers = server.then_some(servers);
        let ran = world.run_heard(brief, profile, &mut ask, servers, Some(&mut hear));
        first.unwrap_or_else(|| panic!("no request: {:?}", ran.report.status))
    }
}

/// Looks at all of it; `judge` says what is wrong with one request.
fn all(profile: &Profile, server: bool, judge: impl Fn(Role, &Value) -> Option<String>) {
    let eye = Eye::open();
    let mut world = World::of(|repo| samples::write(SAMPLE, repo).expect("a sample"));
    let handed = delegations();
    let task = Weak::knowing(SAMPLE, 0);
    let mut seen = 0;
    let mut wrong = Vec::new();
    for name in shipped::companies() {
        let company = shipped::company(&name);
        let library = shipped::library(&name);
        world.shelf = shipped::shelf(&name);
        for of in library.keys().filter(|of| !of.contains('/')) {
            let example = blueprint::example(of, &library).expect("a shipped example");
            let whole = blueprint::resolve(of, &library, &example).expect("it resolves");
            for (step, role) in steps(&whole)
                .into_iter()
                .flat_map(|step| ROLES.map(|role| (step.clone(), role)))
            {
                let id = step.steps[0].id.clone();
                let brief = Brief {
                    title: task.task().title.clone(),
                    description: task.task().description.clone(),
                    acceptance: Vec::new(),
                    checks: Vec::new(),
                    company: company.brief(role),
                    role,
                    blueprint: step,
                    ..world.brief(Vec::new())
                };
                // As the factory has it: a lead hands out tasks while it plans, and plans by these alone.
                let plans = of == LEADS || company.walks.plan.as_ref() == Some(of);
                world.delegations = (role == Role::Lead && plans).then(|| handed.clone());
                let body = eye.sees(&mut world, &brief, profile, server);
                seen += 1;
                wrong.extend(
                    judge(role, &body).map(|what| format!("{name}, {of}, {id}, {role:?}: {what}")),
                );
            }
        }
    }
    assert!(seen >= 800, "{seen} requests were seen");
    assert!(wrong.is_empty(), "{} of {seen}: {wrong:#?}", wrong.len());
}

fn names(body: &Value) -> Vec<&str> {
    let tools = body["tools"].as_array().map_or(&[][..], Vec::as_slice);
    { tools.iter() }
        .filter_map(|tool| tool["function"]["name"].as_str())
        .collect()
}

/// All that is wrong with the tools of a request, the one for servers apart.
fn judged(body: &Value) -> Option<String> {
    let tools = body["tools"].as_array().map_or(&[][..], Vec::as_slice);
    let own = { tools.iter() }.filter(|tool| tool["function"]["name"] != SERVERS);
    let own: Vec<&Value> = own.collect();
    let bytes = json!(own).to_string().len();
    // What a step hands over with `done` may be JSON, held to a schema of its blueprint.
    let is_flat = |tool: &&Value| {
        let properties = tool["function"]["parameters"]["properties"].as_object();
        let is_plain =
            |one: &Value| matches!(one["type"].as_str(), Some("string" | "integer" | "boolean"));
        tool["function"]["name"] == "done"
            || properties.is_some_and(|all| all.values().all(is_plain))
    };
    let is_good = own.len() <= TOOLS_MAX && tools.len() <= own.len() + 1 && bytes < TOOLS_BYTES_MAX;
    let is_good = is_good && own.iter().all(is_flat);
    (!is_good).then(|| {
        format!(
            "{} tools of {bytes} bytes: {}",
            own.len(),
            names(body).join(", ")
        )
    })
}

#[test]
fn no_step_of_any_role_and_company_shows_more_than_six_tools_or_begins_with_six_kilobytes() {
    all(&Profile::default(), false, |role, body| {
        let bytes = body.to_string().len();
        let hands_out = names(body).contains(&"delegate");
        if hands_out && role != Role::Lead {
            return Some("only a lead hands out tasks".to_owned());
        }
        let heavy = bytes >= REQUEST_BYTES_MAX;
        judged(body).or_else(|| heavy.then(|| format!("{bytes} bytes")))
    });
}

/// The servers that a run was lent come on top, as one tool for all of them; a step of another role than the run's has none.
#[test]
fn servers_that_are_lent_are_one_tool_more() {
    let most = std::cell::Cell::new(0);
    all(&Profile::default(), true, |_, body| {
        most.set(most.get().max(names(body).len()));
        judged(body)
    });
    assert_eq!(most.get(), TOOLS_MAX + 1);
}

/// A model that is told of its tools in words is told of the same ones.
#[test]
fn tools_in_words_leave_a_first_request_below_six_kilobytes_too() {
    let text = Profile {
        tool_mode: ToolMode::Text,
        ..Profile::default()
    };
    all(&text, false, |_, body| {
        let bytes = body.to_string().len();
        (bytes >= REQUEST_BYTES_MAX).then(|| format!("{bytes} bytes"))
    });
}

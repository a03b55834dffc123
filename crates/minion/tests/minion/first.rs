//! What the first request of a step weighs, as the shipped companies and blueprints really send it.
//!
//! A prompt is read again in every turn, by a small model that loses the thread of long ones: six kilobytes is what a lean
//! harness of the field sends with four tools.

use alai_core::blueprint::ToolName;
use alai_core::brief::{Brief, Role};
use alai_fleet::{OllamaHost, Profile, Provider, ToolMode, chat};
use alai_testkit::ollama::{OllamaTwin, TwinModel};
use alai_testkit::samples;
use alai_testkit::weak::Weak;
use serde_json::Value;

use crate::shipped;
use crate::world::World;

const SAMPLE: &str = "tiny-sh";
const BYTES_MAX: usize = 6 << 10;

/// The bodies of the chats of a run on a small repository, as they went over the wire.
fn sent(company: &str, blueprint: &str, profile: &Profile) -> Vec<Value> {
    let mut world = World::of(|repo| samples::write(SAMPLE, repo).expect("a sample"));
    world.shelf = shipped::shelf(company);
    let weak = Weak::knowing(SAMPLE, 0);
    let (title, description) = (weak.task().title.clone(), weak.task().description.clone());
    let brief = Brief {
        title,
        description,
        acceptance: Vec::new(),
        checks: Vec::new(),
        ..shipped::brief(&world, company, Role::Builder, blueprint, "sh test.sh")
    };
    let twin = OllamaTwin::start(weak.behaviour().models([TwinModel::new("small", 8.0)]));
    let provider = Provider::Ollama(OllamaHost::parse(&twin.url()).expect("a twin has a URL"));
    let ran = world.run_by(&brief, profile, &mut |request| {
        chat(&provider, request, &|| false)
    });
    assert_eq!(ran.report.status.as_str(), "done", "{company}");
    twin.chats()
}

/// Those of every company that builds, each with the blueprint that its tasks walk.
fn of_all(profile: &Profile) -> Vec<(String, Value)> {
    let mut all = Vec::new();
    for name in shipped::companies() {
        let company = shipped::company(&name);
        let walks = company.walks.stages.iter();
        let Some((_, blueprint)) = walks.into_iter().find(|(stage, _)| stage.builds()) else {
            continue;
        };
        for (step, body) in ["plan", "build"]
            .into_iter()
            .zip(sent(&name, blueprint, profile))
        {
            all.push((format!("{name}, {blueprint}, {step}"), body));
        }
    }
    all
}

#[test]
fn each_first_request_of_a_small_task_is_below_six_kilobytes() {
    let native = Profile::default();
    let text = Profile {
        tool_mode: ToolMode::Text,
        ..native
    };
    let mut seen = 0;
    let mut too_long = Vec::new();
    for profile in [native, text] {
        for (of, body) in of_all(&profile) {
            let bytes = body.to_string().len();
            let tools = body["tools"].as_array().map_or(0, Vec::len);
            if of.ends_with("build") && profile.tool_mode == ToolMode::Native {
                assert_eq!(tools, ToolName::ALL.len(), "{of}");
                // Which name what the company has to be read.
                let whole = body["tools"].to_string();
                assert!(
                    whole.contains("`skill:NAME`") && whole.contains("- "),
                    "{of}"
                );
            }
            if bytes >= BYTES_MAX {
                too_long.push(format!("{of}: {bytes} bytes"));
            }
            seen += 1;
        }
    }
    assert!(seen >= 4, "{seen}");
    assert!(too_long.is_empty(), "{too_long:#?}");
}

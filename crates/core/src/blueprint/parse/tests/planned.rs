//! The plan of a blueprint and its graphs, in whole.

use super::*;
use crate::blueprint::plan::{Asks, Plan};

const STEPS: &str = r#"version: 1
name: b
description: Builds and asks.
inputs: {kind: {default: lib}, command: {default: "make test"}}
defaults: {timeout: 20m, env: {LEVEL: '1'}}
steps:
  - {id: look, uses: context, timeout: 2m}
  - id: build
    name: Build "it" <now>
    needs: [look, look2]
    uses: agent
    env: {KIND: '${{ inputs.kind }}'}
    with: {prompt: 'Build a ${{ env.KIND }}.', tools: [edit, done], check: '${{ inputs.command }}', outputs: {path: {type: string}}, limits: {turns: 9, dollars: 0.5}}
    retry: {max_attempts: 3, backoff: 5s}
    gates:
      - file_exists: 'src/${{ steps.look2.outputs.x }}'
      - human: Ship it?
  - id: look2
    uses: agent
    needs: []
    with: {role: reviewer, prompt: Look., outputs: {x: {type: string}}}
  - {id: test, needs: [build], run: '${{ inputs.command }} --all', retry: {step: build, max_attempts: 2}, continue_on_error: true}
  - {id: again, uses: branch, if: steps.test.status == 'red', with: {goto: build, max_attempts: 2}}
  - {id: over, uses: branch, with: {goto: report}, if: inputs.kind == 'lib'}
  - id: make
    uses: scaffold
    with:
      files: {'docs/${{ steps.build.outputs.path }}.md': x}
      patch: "*** Begin Patch\n*** Add File: a.txt\n+a\n*** End Patch\n"
  - {id: gate, uses: gate, with: {checks: [tests]}}
  - {id: report, uses: report}
"#;

fn plan() -> Plan {
    let resolved = resolve("b", &library(&[("b", STEPS)]), &BTreeMap::new());
    Plan::of(&resolved.unwrap_or_else(|error| panic!("{error}")))
}

#[test]
fn a_plan_says_what_each_step_will_do() {
    insta::assert_snapshot!(
        "plan",
        format!("{:#}\n", serde_json::to_value(plan()).expect("JSON"))
    );
    let steps = plan().steps;
    assert!(steps.iter().any(|step| step.asks == Asks::Person));
    let text = serde_json::to_string(&plan()).expect("JSON");
    assert_eq!(
        serde_json::from_str::<Plan>(&text).expect("the same"),
        plan()
    );
}

#[test]
fn a_plan_is_drawn() {
    insta::assert_snapshot!("mermaid", plan().mermaid());
    insta::assert_snapshot!("dot", plan().dot());
}

/// A name is a stranger's text: it closes no box and begins no line of a graph.
#[test]
fn no_text_of_a_blueprint_leaves_its_box() {
    let name = r#""];\n  evil [label="x"]; click s1 call x() <script>|%% `"#;
    let text = format!("version: 1\nname: b\nsteps: [{{id: a, name: {name:?}, run: {name:?}}}]\n");
    let resolved = resolve("b", &library(&[("b", &text)]), &BTreeMap::new());
    let plan = Plan::of(&resolved.unwrap_or_else(|error| panic!("{error}")));
    let (mermaid, dot) = (plan.mermaid(), plan.dot());
    assert_eq!(mermaid.lines().count(), 2, "{mermaid}");
    let inside = mermaid.lines().nth(1).expect("a box");
    let inside = inside
        .trim()
        .strip_prefix("s1[\"")
        .and_then(|box_| box_.strip_suffix("\"]"))
        .expect(inside);
    assert!(
        !inside
            .replace("<br/>", "")
            .contains(['"', '<', '>', '[', ']', '|', '`', '%']),
        "{inside}"
    );
    assert_eq!(dot.lines().count(), 5, "{dot}");
    let line = dot.lines().nth(3).expect("a box");
    let bare = line.replace("\\\\", "").replace("\\\"", "");
    assert_eq!(bare.matches('"').count(), 2, "{line}");
}

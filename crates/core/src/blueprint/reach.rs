//! What a run of a blueprint can come to, known before it begins: whether any of its ways asks a model.

use super::{Action, Blueprint, Step};

impl Blueprint {
    /// Whether a run could come to a step that asks a model. A condition over inputs alone has its answer already; one over
    /// anything that a run brings could hold, and counts.
    pub fn asks_a_model(&self) -> bool {
        let reached = |step: &&Step| {
            let condition = step.condition.as_ref();
            condition.is_none_or(|condition| condition.could_hold(&self.inputs))
        };
        let mut steps = self.steps.iter().filter(reached);
        steps.any(|step| step.action.asks_a_model())
    }
}

impl Blueprint {
    /// Whether a run asks a model whatever it is given.
    pub fn always_asks(&self) -> bool {
        let sure = |step: &&Step| step.condition.is_none();
        let mut steps = self.steps.iter().filter(sure);
        steps.any(|step| step.action.asks_a_model())
    }
}

impl Action {
    fn asks_a_model(&self) -> bool {
        match self {
            Action::Ask { .. } | Action::Agent { .. } => true,
            Action::Context
            | Action::Run { .. }
            | Action::Scaffold { .. }
            | Action::Gate { .. }
            | Action::Branch { .. }
            | Action::Human { .. }
            | Action::Report => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use crate::blueprint::{parse, resolve};

    fn asks(steps: &str, fit: &str) -> bool {
        let text = format!(
            "version: 1\nname: b\ndescription: d\ninputs:\n  fit: {{type: string, default: 'yes'}}\nsteps:\n{steps}"
        );
        parse(&text, "b.yaml").expect("it can be read");
        let library = BTreeMap::from([("b".to_owned(), text)]);
        let inputs = BTreeMap::from([("fit".to_owned(), fit.to_owned())]);
        let resolved = resolve("b", &library, &inputs).expect("it resolves");
        resolved.asks_a_model()
    }

    /// An agent under this condition, behind a command that may be red.
    fn under(condition: &str) -> String {
        format!(
            "  - {{id: look, run: 'true', continue_on_error: true}}\n  - id: work\n    uses: agent\n    if: {condition}\n    \
             with: {{prompt: Work., tools: [read, done]}}\n"
        )
    }

    #[test]
    fn commands_files_gates_and_people_ask_no_model() {
        let steps = "  - {id: pack, uses: context}\n  - {id: a, run: 'true'}\n  - id: b\n    uses: scaffold\n    with: {files: {a.txt: x}}\n\
                     \u{20} - id: c\n    uses: gate\n    with: {checks: [changed]}\n  - id: d\n    uses: human\n    \
                     with: {question: 'Is it so?', options: ['yes', 'no']}\n  - id: e\n    uses: branch\n    \
                     if: steps.d.outputs.answer == 'no'\n    with: {goto: f}\n  - {id: g, run: 'true'}\n  - {id: f, uses: report}\n";
        assert!(!asks(steps, "yes"));
        let question = "  - id: ask\n    uses: ask\n    with: {prompt: Plan., schema: work_plan}\n";
        assert!(asks(question, "yes"));
    }

    #[test]
    fn a_condition_that_could_hold_asks_and_one_that_cannot_does_not() {
        for (condition, fit, asked) in [
            ("inputs.fit == 'yes'", "yes", true),
            ("inputs.fit == 'yes'", "no", false),
            ("inputs.fit != 'yes'", "no", true),
            ("\"!(inputs.fit == 'yes')\"", "no", true),
            ("\"!(inputs.fit == 'yes')\"", "yes", false),
            ("steps.look.status == 'red'", "no", true),
            ("attempt == 7", "no", true),
            (
                "steps.look.status == 'red' && inputs.fit == 'yes'",
                "no",
                false,
            ),
            (
                "inputs.fit == 'yes' && steps.look.status == 'red'",
                "yes",
                true,
            ),
            (
                "steps.look.status == 'red' || inputs.fit == 'yes'",
                "no",
                true,
            ),
            ("inputs.fit == 'a' || inputs.fit == 'b'", "no", false),
            ("\"!(steps.look.status == 'red')\"", "no", true),
            ("false", "yes", false),
        ] {
            assert_eq!(
                asks(&under(condition), fit),
                asked,
                "{condition} with {fit}"
            );
        }
    }
}

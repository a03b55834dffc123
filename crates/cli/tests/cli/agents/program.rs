//! The smallest program that speaks as Claude Code does: a shell script with its whole story in it.

use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;

use alai_testkit::samples::{self, Change};

use crate::script::TITLE;
use crate::world::World;

/// What a person's login holds; it must be nowhere else.
pub(super) const LOGIN: &str = "{\"claudeAiOauth\":{\"accessToken\":\"sk-ant-oat01-s3cret-login-0123\",\"subscriptionType\":\"pro\"}}";

/// Seconds that nothing else on the machine sleeps: by them a program that hangs is found.
pub(super) const SLEEP: &str = "86397";

/// How the program behaves.
pub(super) struct Claude {
    version: &'static str,
    /// Fields of its result besides the usual ones, which come before them.
    result: &'static str,
    hangs: bool,
    also: &'static str,
    /// What it says that each session cost, in dollars as JSON.
    cost: &'static str,
    plans_badly: bool,
}

impl Claude {
    /// Solves the sample's task with its test, and passes what it reviews.
    pub(super) fn good() -> Claude {
        Claude {
            version: "2.1.330",
            result: "",
            hangs: false,
            also: "",
            cost: "0.12",
            plans_badly: false,
        }
    }

    /// Does nothing and ends with this in its result.
    pub(super) fn ends(result: &'static str) -> Claude {
        Claude {
            result,
            ..Claude::good()
        }
    }

    /// Never comes to its result, and has started something that would live on.
    pub(super) fn hangs() -> Claude {
        Claude {
            hangs: true,
            ..Claude::good()
        }
    }

    pub(super) fn version(self, version: &'static str) -> Claude {
        Claude { version, ..self }
    }

    /// Says that each of its sessions cost this.
    pub(super) fn costs(self, cost: &'static str) -> Claude {
        Claude { cost, ..self }
    }

    /// Plans so badly that nobody can carry it out.
    pub(super) fn plans_badly(self) -> Claude {
        Claude {
            plans_badly: true,
            ..self
        }
    }

    fn plan(&self) -> String {
        let needs: &[&str] = if self.plans_badly { &["nowhere"] } else { &[] };
        let tasks = [crate::script::planned("a", TITLE, needs)];
        serde_json::json!({"spec": "# Words", "tasks": tasks}).to_string()
    }

    /// Also does this where it builds.
    pub(super) fn also(self, also: &'static str) -> Claude {
        Claude { also, ..self }
    }

    /// Writes the script.
    pub(super) fn write(&self, world: &World) -> PathBuf {
        let path = world.path("claude");
        let _ = std::fs::remove_file(&path);
        std::fs::write(&path, self.text(world)).expect("the program");
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).expect("set");
        path
    }

    fn text(&self, world: &World) -> String {
        let mut edits = String::new();
        for (path, content) in solved(world) {
            edits.push_str(&format!("mkdir -p \"$(dirname '{path}')\"; cat > '{path}' <<'END OF FILE'\n{content}\nEND OF FILE\n"));
        }
        let hang = match self.hangs {
            true => format!("(trap '' TERM HUP; setsid sleep {SLEEP}) & sleep {SLEEP}\n"),
            false => String::new(),
        };
        let (version, also, cost, plan) = (self.version, self.also, self.cost, self.plan());
        let (work, result) = match self.result.is_empty() {
            true => (
                edits,
                "\"subtype\":\"success\",\"is_error\":false".to_owned(),
            ),
            false => (
                String::new(),
                format!("\"subtype\":\"success\",{}", self.result),
            ),
        };
        format!(
            r#"#!/bin/sh
[ "$1" = --version ] && {{ echo "{version} (Claude Code)"; exit 0; }}
while [ $# -gt 0 ]; do
  case "$1" in
    --json-schema) schema=$2; shift ;;
    --max-budget-usd) budget=$2; shift ;;
    --session-id) id=$2; shift ;;
  esac
  shift
done
read -r nothing && {{ echo "standard input is open" >&2; exit 9; }}
say() {{ printf '%s\n' "$1"; }}
text() {{ say '{{"type":"assistant","message":{{"id":"m'$1'","role":"assistant","content":['"$2"']}}}}'; }}
say '{{"type":"system","subtype":"init","session_id":"'$id'","model":"claude-twin","mcp_servers":[],"apiKeySource":"none"}}'
token=$(sed 's/.*accessToken":"\([^"]*\)".*/\1/' "$CLAUDE_CONFIG_DIR/.credentials.json" 2> /dev/null)
echo "my login is $token" >&2
text 0 '{{"type":"text","text":"login='$token'"}}'
touch /company/state/mine 2> /dev/null && wrote=yes
text 4 '{{"type":"text","text":"notes='$(cat /company/state/seen 2> /dev/null)' wrote='$wrote'"}}'
text 1 '{{"type":"text","text":"budget='$budget' base='$ANTHROPIC_BASE_URL' key='$ANTHROPIC_API_KEY'"}}'
{hang}case "$schema" in
  *'"spec"'*) answer='{plan}' ;;
  *'"approach"'*) answer='{{"approach":"One more command.","files":["words.sh"],"risks":[]}}' ;;
  *'"verdict"'*) answer='{{"verdict":"pass","summary":"It does what the task asks.","findings":[],"criteria":[{{"n":1,"met":true,"path":"words.sh","line":1}}]}}' ;;
  *)
    text 2 '{{"type":"tool_use","id":"t1","name":"Bash","input":{{"command":"sh test.sh"}}}}'
{work}{also}
    answer='{{"status":"done","summary":"Done, and a test shows it."}}' ;;
esac
say '{{"type":"result",{result},"num_turns":2,"session_id":"'$id'","total_cost_usd":{cost},"usage":{{"input_tokens":100,"output_tokens":20}},"structured_output":'"$answer"'}}'
"#
        )
    }
}

/// The files of the sample's solution, as they are then.
pub(super) fn solved(world: &World) -> Vec<(String, String)> {
    let tasks = samples::tasks("tiny-sh").expect("the sample's tasks");
    let task = tasks
        .into_iter()
        .find(|task| task.title == TITLE)
        .expect("the task");
    let mut files: Vec<(String, String)> = Vec::new();
    for edit in &task.edits {
        let path = edit.path.display().to_string();
        let known = files.iter().position(|(known, _)| *known == path);
        let before = match known {
            Some(at) => files.remove(at).1,
            None => std::fs::read_to_string(world.repo().join(&path)).unwrap_or_default(),
        };
        let after = match &edit.change {
            Change::Replace { old, new } => before.replacen(old, new, 1),
            Change::Write { content } => content.clone(),
        };
        files.push((path, after.trim_end_matches('\n').to_owned()));
    }
    files
}

//! What one session is asked to do, in no program's words yet, and the versions that are understood.

use alai_core::blueprint::ToolName;
use serde_json::Value;

use super::{Door, Engine, Launch, Program, Stdin};
use super::{claude, codex};

/// The orders of one session.
#[derive(Debug)]
pub(crate) struct Order<'a> {
    /// An UUID that is ours: it finds the session in the program's own logs.
    pub(crate) session: String,
    pub(crate) system: &'a str,
    pub(crate) prompt: &'a str,
    /// What its last words are held to.
    pub(crate) schema: Option<&'a Value>,
    pub(crate) tools: &'a [ToolName],
    pub(crate) turns_max: u32,
    /// Millionths of a dollar.
    pub(crate) budget_microusd: Option<u64>,
    /// Seconds that one of its commands may take.
    pub(crate) command_s: u64,
    /// What it is lent, as servers of the Model Context Protocol: each a program that it starts itself.
    pub(crate) lent: &'a [Lent],
}

/// A server as an agent is told of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Lent {
    pub(crate) name: String,
    pub(crate) command: String,
    pub(crate) args: Vec<String>,
}

/// Seconds that an agent waits for a server to tell its tools, and for one answer of it: more than ours takes at its longest, with a
/// call of another server before it. An agent that gives up first would never hear why.
pub(crate) const LENT_START_S: u64 = 300;
pub(crate) const LENT_CALL_S: u64 = 600;

/// How the program is started for these orders.
pub(crate) fn launch(program: &Program<'_>, order: &Order<'_>) -> Launch {
    match program.engine {
        Engine::ClaudeCli => claude::launch(program, order),
        Engine::CodexCli => codex::launch(program, order),
        // The orders go over its standard input.
        Engine::Acp => Launch {
            args: program.args.to_vec(),
            env: acp_env(program),
            files: Vec::new(),
            stdin: Stdin::Open,
            lends: !order.lent.is_empty(),
        },
    }
}

/// Agents of the protocol have no settings in common; those of Claude and Codex take their folder and their provider by these names.
fn acp_env(program: &Program<'_>) -> Vec<(String, String)> {
    let own = |name: &str, value: &str| (name.to_owned(), value.to_owned());
    let mut env = vec![
        own("CLAUDE_CONFIG_DIR", program.config),
        own("CODEX_HOME", program.config),
        own(claude::TOOLS_AT_ONCE.0, claude::TOOLS_AT_ONCE.1),
    ];
    if let Some(Door {
        base_url,
        placeholder,
    }) = program.door
    {
        env.extend([
            own("ANTHROPIC_BASE_URL", base_url),
            own("ANTHROPIC_API_KEY", placeholder),
            own("OPENAI_BASE_URL", &format!("{base_url}/v1")),
            own("OPENAI_API_KEY", placeholder),
        ]);
    }
    env
}

/// The start that only asks for the version.
pub(crate) fn version_launch() -> Launch {
    Launch {
        args: vec!["--version".to_owned()],
        env: Vec::new(),
        files: Vec::new(),
        stdin: Stdin::Closed,
        lends: false,
    }
}

/// Three numbers of a version.
pub type Version = (u64, u64, u64);

/// The oldest version whose events and options are understood; none where the protocol itself settles that.
pub fn oldest(engine: Engine) -> Option<Version> {
    match engine {
        Engine::ClaudeCli => Some(claude::OLDEST),
        Engine::CodexCli => Some(codex::OLDEST),
        Engine::Acp => None,
    }
}

/// `2.1.330 (Claude Code)`, `codex-cli 0.169.0`: the first three numbers with dots between them, and how they are written.
pub fn version_in(text: &str) -> Option<(Version, String)> {
    text.split_whitespace().find_map(|word| {
        let word = word.trim_start_matches('v');
        let plain = word.split(['-', '+']).next().unwrap_or(word);
        let mut numbers = plain.split('.').map(|part| part.parse::<u64>().ok());
        let three = (numbers.next()??, numbers.next()??, numbers.next()??);
        (numbers.next().is_none() && word.len() <= 60).then(|| (three, word.to_owned()))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_found_in_what_programs_print() {
        for (text, want) in [
            ("2.1.330 (Claude Code)\n", Some((2, 1, 330))),
            ("codex-cli 0.169.0", Some((0, 169, 0))),
            ("v2.1.221-beta.1", Some((2, 1, 221))),
            ("Claude Code", None),
            ("1.2", None),
            ("1.2.3.4", None),
            ("", None),
        ] {
            assert_eq!(version_in(text).map(|v| v.0), want, "{text}");
        }
    }
}

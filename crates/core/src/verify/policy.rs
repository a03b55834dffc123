//! Which changes an independent verifier looks at, and what it may cost.

use serde::{Deserialize, Serialize};

use crate::plan::PlannedTask;
use crate::task::{Priority, Task, TaskKind};

/// `[verifier]` of the settings.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Policy {
    /// Whether it is asked without a person's word. Off: what needs one is noted, and goes its way as before.
    pub send: bool,
    /// Priorities that need one.
    pub priorities: Vec<Priority>,
    /// The complexity of a task's class from which on it needs one; what hit a safety rail is the highest.
    pub complexity: u8,
    /// Parts of paths, as whole words: `auth` is meant by `src/auth/login.rs` and `lib/auth.py`, not by `author.rs`.
    pub paths: Vec<String>,
    /// What one thread may cost, in millionths of a dollar.
    pub microusd: u64,
    /// What all threads of one line of work may cost without a person's word.
    pub lineage_microusd: u64,
    /// Seconds that one thread may take, its probes counted in.
    pub seconds: u64,
}

impl Default for Policy {
    /// A quarter of a dollar for a thread and one for its line of work are the seeds' (roadmap 003, risk 3); they say nothing of
    /// the others. High and blocker are what the original gave its evidence verifier.
    fn default() -> Policy {
        let paths = [
            "auth",
            "crypto",
            "login",
            "migrations",
            "payment",
            "payments",
            "security",
        ];
        Policy {
            send: false,
            priorities: vec![Priority::High, Priority::Blocker],
            complexity: 5,
            paths: paths.map(str::to_owned).to_vec(),
            microusd: 250_000,
            lineage_microusd: 1_000_000,
            seconds: 900,
        }
    }
}

/// Why a build needs a verifier, by its task and the paths that it touches; `None` when it needs none. Tests that a task may
/// change need one whatever the policy says: they are what the gate goes by.
pub fn needed(policy: &Policy, task: &Task, touched: &[String]) -> Option<String> {
    if task.kind != TaskKind::Build || task.solo {
        return None;
    }
    if !task.changes_tests.is_empty() {
        return Some("it may change tests".to_owned());
    }
    if policy.priorities.contains(&task.priority) {
        return Some(format!("its priority is {}", task.priority.letter()));
    }
    if !task.cleared.is_empty() {
        return Some(format!(
            "a person cleared a safety rule for it: {}",
            task.cleared.join(", ")
        ));
    }
    let complexity = task.class.as_ref().map(|class| class.complexity);
    if let Some(complexity) = complexity.filter(|c| *c >= policy.complexity) {
        return Some(format!("its complexity is {complexity}"));
    }
    touched
        .iter()
        .find(|path| policy.hit(path))
        .map(|path| format!("it touches {path}"))
}

/// Whether a build that is only planned will need one, as far as that can be said before anything is written.
pub fn foreseen(policy: &Policy, priority: Priority, planned: &PlannedTask) -> bool {
    !planned.changes_tests.is_empty()
        || policy.priorities.contains(&priority)
        || planned.paths.iter().any(|path| policy.hit(path))
}

impl Policy {
    fn hit(&self, path: &str) -> bool {
        words(path).any(|word| self.paths.iter().any(|p| p.eq_ignore_ascii_case(word)))
    }
}

/// The words of a path, whatever separates them.
fn words(path: &str) -> impl Iterator<Item = &str> {
    path.split(|c: char| !c.is_alphanumeric())
}

//! The task that every harness is led through: the same acts in the same order, each in the words of its own tools.

use super::sample::Files;
use std::time::Duration;

/// What the model says in one turn.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Turn {
    /// Looks at the file of this number.
    Read(usize),
    /// Makes the file of this number.
    Write(usize),
    /// Runs a command that costs nothing itself.
    Run(usize),
    /// Says that it is done.
    Done,
    /// An answer to something that no tool belongs to.
    Plan,
    /// An answer to what sort of task it is, which alai asks before it chooses the model for the work.
    Class,
}

/// No call comes twice: harnesses stop a model that repeats itself. The first of each kind is not counted: caches fill then.
pub(super) const SCRIPT: [Turn; 22] = [
    Turn::Read(0),
    Turn::Read(1),
    Turn::Read(2),
    Turn::Read(3),
    Turn::Read(4),
    Turn::Read(5),
    Turn::Read(6),
    Turn::Write(0),
    Turn::Write(1),
    Turn::Write(2),
    Turn::Write(3),
    Turn::Write(4),
    Turn::Write(5),
    Turn::Write(6),
    Turn::Run(0),
    Turn::Run(1),
    Turn::Run(2),
    Turn::Run(3),
    Turn::Run(4),
    Turn::Run(5),
    Turn::Run(6),
    Turn::Done,
];

impl Turn {
    /// The command line of the act, for harnesses that have nothing but a shell.
    pub(super) fn shell(self) -> String {
        match self {
            Turn::Read(n) => format!("cat {}", Files::read(n)),
            Turn::Write(n) => format!("printf 'made {n}\\n' > {}", Files::written(n)),
            Turn::Run(n) => format!("true run {n}"),
            Turn::Done | Turn::Plan | Turn::Class => String::new(),
        }
    }
}

/// Milliseconds a harness took between an answer and its next request, by what the answer asked for.
#[derive(Debug, Default, Clone)]
pub(super) struct Gaps {
    pub(super) read: Vec<Duration>,
    pub(super) write: Vec<Duration>,
    pub(super) run: Vec<Duration>,
}

impl Gaps {
    pub(super) fn add(&mut self, turn: Turn, gap: Duration) {
        match turn {
            Turn::Read(n) if n > 0 => self.read.push(gap),
            Turn::Write(n) if n > 0 => self.write.push(gap),
            Turn::Run(n) if n > 0 => self.run.push(gap),
            Turn::Read(_)
            | Turn::Write(_)
            | Turn::Run(_)
            | Turn::Done
            | Turn::Plan
            | Turn::Class => {}
        }
    }
}

//! A look at the work with the gate's eyes, which the caller lends: in clones of his own, outside of the cage in which the agent
//! works. What comes of it is decided in core.

use alai_core::ahead::{Reproduced, Seen, TestsTouched};
use alai_core::record::Captured;

use crate::recorder::Event;
use crate::report::ExitStatus;
use crate::text::cut;
use crate::walk::Walk;

/// Bytes of a command's output that the trajectory keeps of a look. A suite's whole list is the gate's to keep.
const OUTPUT_BYTES_MAX: usize = 16 << 10;

/// Measures the newest commit of the run's branch; the seconds are what one command may take.
#[derive(Clone, Copy)]
pub struct Ahead<'a> {
    pub reproduced: &'a dyn Fn(u64) -> Result<(Reproduced, Vec<Captured>), NotSeen>,
    pub tests_touched: &'a dyn Fn() -> Result<TestsTouched, NotSeen>,
}

/// Why nothing was seen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NotSeen {
    /// The agent has left its clone so that nothing can be read out of it; it is told.
    Spoiled(String),
    /// The machine's fault.
    Machine(String),
    Cancelled,
}

fn unseen(why: NotSeen) -> Result<Seen, ExitStatus> {
    match why {
        NotSeen::Spoiled(said) => Ok(Seen { holds: false, said }),
        NotSeen::Machine(detail) => Err(ExitStatus::Killed { detail }),
        NotSeen::Cancelled => Err(ExitStatus::Cancelled),
    }
}

fn lent<'a>(walk: &Walk<'a>, step: &str) -> Result<Ahead<'a>, ExitStatus> {
    walk.ahead.ok_or_else(|| ExitStatus::Blueprint {
        detail: format!("step `{step}` compares with the base, which this run cannot"),
    })
}

/// Whether a test of the change fails on the code as it was.
pub(crate) fn reproduced(walk: &mut Walk<'_>, step: &str) -> Result<Seen, ExitStatus> {
    let look = lent(walk, step)?.reproduced;
    let most = walk.brief.limits.command_s_max.min(walk.seconds_left()?);
    let (seen, commands) = match look(most) {
        Ok(looked) => looked,
        Err(why) => return unseen(why),
    };
    for captured in &commands {
        let output = cut(&captured.combined(), OUTPUT_BYTES_MAX);
        walk.record(&Event::Check {
            step,
            passed: captured.success(),
            record: &captured.record,
            output: &output,
        })?;
    }
    let before = walk.course.reproduced.as_ref();
    let judged = seen.judge(before, walk.is_rework());
    if judged.holds {
        walk.course.reproduced = Some(seen);
    }
    Ok(judged)
}

/// Whether the tests of the base are as they were, but for what findings ask for.
pub(crate) fn same_tests(walk: &mut Walk<'_>, step: &str) -> Result<Seen, ExitStatus> {
    let look = lent(walk, step)?.tests_touched;
    match look() {
        Ok(touched) => Ok(touched.judge(&walk.brief.findings)),
        Err(why) => unseen(why),
    }
}

//! A person's answer to a blueprint's question: it is one of the options, where the question has some.

use alai_core::blueprint::chosen;
use alai_core::ids::TaskId;
use alai_core::task::WaitReason;

use super::{Desk, OpError, OpErrorKind};
use crate::work::asked::Stopped;

/// Bytes of an answer: later steps read it in their prompt, like any other output of a step.
const ANSWER_BYTES_MAX: usize = 4 << 10;

/// The answer as the run will read it: an option in its own spelling. Other waits take any text.
pub(super) fn fitting(desk: &Desk<'_>, task: TaskId, text: String) -> Result<String, OpError> {
    let found = desk.mission.task(task)?;
    if found
        .waiting
        .is_none_or(|w| w.reason != WaitReason::Question)
    {
        return Ok(text);
    }
    let asked = desk.mission.asked(task)?;
    let stopped = asked
        .map(|text| serde_json::from_str::<Stopped>(&text))
        .transpose();
    let stopped = stopped.map_err(|e| OpError::new(OpErrorKind::Failed, e.to_string(), ""))?;
    let options = stopped.map_or_else(Vec::new, |stopped| stopped.asked.question.options);
    let given = text.trim();
    let hint = format!("`alai mc answer {} \"TEXT\"`", task.0);
    if given.is_empty() {
        let message = format!("{task} asks a question; an answer needs a text");
        return Err(OpError::new(OpErrorKind::Usage, message, &hint));
    }
    if given.len() > ANSWER_BYTES_MAX {
        let message = format!(
            "the answer has {} bytes; at most {ANSWER_BYTES_MAX} go into a prompt",
            given.len()
        );
        return Err(OpError::new(OpErrorKind::Usage, message, &hint));
    }
    if options.is_empty() {
        return Ok(given.to_owned());
    }
    chosen(&options, given).map(str::to_owned).ok_or_else(|| {
        let message = format!(
            "`{given}` is no answer to the question of {task}; it takes one of {}",
            options.join(", ")
        );
        OpError::new(OpErrorKind::Usage, message, &hint)
    })
}

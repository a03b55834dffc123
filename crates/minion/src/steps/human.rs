//! `uses: human`: the run ends before it goes on, and what is needed to go on is in its report. Nobody is waited for inside
//! of a run: no cage stands open and no lease is held while a person thinks.

use alai_core::blueprint::{
    ANSWER, Action, Answer, Progress, QUESTION_BYTES_MAX, Question, Status, Step, Template, chosen,
};
use serde_json::{Map, Value, json};

use super::{Next, context, course};
use crate::recorder::Event;
use crate::redact::redact;
use crate::report::{Asked, ExitStatus};
use crate::walk::Walk;

/// What a step asks, and of whom an answer is known.
pub(super) struct Asking<'a> {
    pub(super) question: &'a Template,
    pub(super) options: &'a [String],
    pub(super) deadline_s: u64,
    /// The one answer that is not red.
    pub(super) wants: Option<&'a str>,
}

/// Goes on with the answer that is known, else ends the run with the question.
pub(super) fn human(
    walk: &mut Walk<'_>,
    step: &Step,
    visit: u32,
    asking: &Asking<'_>,
) -> Result<Next, ExitStatus> {
    let text = asking
        .question
        .fill(&walk.course.results, QUESTION_BYTES_MAX);
    let text = text.map_err(|why| ExitStatus::Blueprint {
        detail: format!("step `{}`: {why}", step.id),
    })?;
    let question = Question {
        step: step.id.clone(),
        visit,
        // It goes to the store and to screens.
        text: redact(&text).into_owned(),
        options: asking.options.to_vec(),
        deadline_s: asking.deadline_s,
    };
    let mut known = walk.brief.answers.iter().rev();
    let found = known.find_map(|answer| {
        let text = meant(answer, &question)?;
        Some((answer, text))
    });
    let Some((answer, text)) = found else {
        walk.asked = Some(Asked {
            progress: progress(walk, &question),
            question,
        });
        return Err(ExitStatus::Waiting {
            step: step.id.clone(),
        });
    };
    let detail = format!("{} answers: {text}", answer.by);
    let wanted = asking.wants.map(str::to_owned);
    if wanted.is_some_and(|wanted| chosen(&[wanted], text).is_none()) {
        course::outcome(walk, step, Status::Red, &detail)?;
        let told = format!(
            "{}, a person in charge of this task, does not agree:\n{text}",
            answer.by
        );
        return Ok(Next::Red(told));
    }
    course::outcome(walk, step, Status::Ok, &detail)?;
    let outputs = Map::from_iter([(ANSWER.to_owned(), Value::from(text))]);
    let shown = json!({"question": question.text, "by": answer.by, "outputs": outputs});
    walk.remember(&step.id, &shown);
    Ok(Next::Forward(outputs))
}

/// What an answer says to this question: one of its options, as that is spelled, or any text where it has none.
fn meant<'a>(answer: &'a Answer, question: &'a Question) -> Option<&'a str> {
    if !answers(&answer.to, question) {
        return None;
    }
    match question.options.as_slice() {
        [] => Some(answer.text.trim()),
        options => chosen(options, &answer.text),
    }
}

/// The same question of the same step, asked for the same time: a blueprint that was changed meanwhile asks anew.
fn answers(to: &Question, question: &Question) -> bool {
    (&to.step, to.visit, &to.text, &to.options)
        == (
            &question.step,
            question.visit,
            &question.text,
            &question.options,
        )
}

/// As the next run finds it: before this step was reached, and without secrets, because it is kept.
fn progress(walk: &Walk<'_>, question: &Question) -> Progress {
    let mut visits = walk.course.visits.clone();
    visits.insert(question.step.clone(), question.visit - 1);
    let mut results = walk.course.results.clone();
    for result in results.values_mut() {
        result.outputs.values_mut().for_each(clean);
    }
    let earlier = walk.earlier.iter();
    let mut work_plan = walk.work_plan.clone();
    work_plan.iter_mut().for_each(clean);
    Progress {
        step: question.step.clone(),
        visits,
        ways: walk.course.ways.clone(),
        results,
        earlier: earlier
            .map(|(step, said)| (step.clone(), without_secrets(said)))
            .collect(),
        work_plan,
        check_green: walk.check_green,
        red: walk.course.red.as_deref().map(without_secrets),
        feedback: walk.course.feedback.as_deref().map(without_secrets),
        summary: without_secrets(&walk.summary),
        rework: Some(walk.is_rework()),
        reproduced: walk.course.reproduced.clone(),
    }
}

fn without_secrets(text: &str) -> String {
    redact(text).into_owned()
}

fn clean(value: &mut Value) {
    match value {
        Value::String(text) => *text = without_secrets(text),
        Value::Array(items) => items.iter_mut().for_each(clean),
        Value::Object(fields) => fields.values_mut().for_each(clean),
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

/// The step to begin with: the first, or the one that an earlier run stopped at, with what the steps before it came to.
pub(super) fn resume(walk: &mut Walk<'_>) -> Result<usize, ExitStatus> {
    let Some(progress) = walk.brief.progress.clone() else {
        return Ok(0);
    };
    let blueprint = &walk.brief.blueprint;
    let Some(at) = blueprint.position(&progress.step) else {
        let advice = format!(
            "begun anew: the blueprint has no step `{}` any more, at which an earlier run stopped",
            progress.step
        );
        let step = &progress.step;
        walk.record(&Event::Guard {
            step,
            advice: &advice,
        })?;
        return Ok(0);
    };
    walk.course.visits = progress.visits;
    walk.course.ways = progress.ways;
    walk.course.results = progress.results;
    walk.earlier = progress.earlier;
    walk.work_plan = progress.work_plan;
    walk.check_green = progress.check_green;
    walk.course.red = progress.red;
    walk.course.feedback = progress.feedback;
    walk.summary = progress.summary;
    walk.course.rework = progress.rework;
    walk.course.reproduced = progress.reproduced;
    // The pack is no result but a look at the tree, which is made again.
    let looks = |step: &Step| matches!(step.action, Action::Context);
    if blueprint.steps[..at].iter().any(looks) {
        context(walk)?;
    }
    Ok(at)
}

//! `needs`: the order of the steps. A step without it follows the one before it in its file, as ever; among those that could
//! be next, the file's order decides, so that the same file always gives the same order.

use serde_saphyr::Spanned;

use super::acts::Named;
use super::{BlueprintError, Field, Reader, StepPatch, check_name, yaml};

impl Reader<'_> {
    pub(super) fn needs(&self, needs: Vec<Spanned<String>>) -> Result<Vec<Named>, BlueprintError> {
        let mut read: Vec<Named> = Vec::new();
        for need in needs {
            let place = self.place(need.referenced);
            let name = need.value;
            check_name("step", &name, &place)?;
            if read.iter().any(|before| before.name == name) {
                return Err(place.invalid(format!("the step `{name}` is listed twice")));
            }
            read.push(Named { name, place });
        }
        Ok(read)
    }
}

/// The steps in the order in which they are walked.
pub(super) fn ordered(steps: Vec<StepPatch>) -> Result<Vec<StepPatch>, BlueprintError> {
    if steps.iter().all(|step| step.needs.set().is_none()) {
        return Ok(steps);
    }
    let before = before(&steps)?;
    let mut order: Vec<usize> = Vec::new();
    while order.len() < steps.len() {
        let ready =
            |at: &usize| !order.contains(at) && before[*at].iter().all(|need| order.contains(need));
        match (0..steps.len()).find(ready) {
            Some(next) => order.push(next),
            None => return Err(circle(&steps, &before, &order)),
        }
    }
    let mut steps: Vec<Option<StepPatch>> = steps.into_iter().map(Some).collect();
    let taken = order.into_iter().filter_map(|at| steps[at].take());
    Ok(taken.collect())
}

/// Which steps stand before each, by their places in the file.
fn before(steps: &[StepPatch]) -> Result<Vec<Vec<usize>>, BlueprintError> {
    let mut all = Vec::new();
    for (at, step) in steps.iter().enumerate() {
        let Field::Set(needs) = &step.needs else {
            all.push(at.checked_sub(1).into_iter().collect());
            continue;
        };
        let mut found = Vec::new();
        for need in needs {
            let Some(position) = steps.iter().position(|step| step.id == need.name) else {
                let others = steps.iter().map(|step| step.id.as_str());
                let hint = yaml::hint(&need.name, others.filter(|id| *id != step.id));
                let problem = format!("no step is called `{}`; {hint}", need.name);
                return Err(need.place.invalid(problem));
            };
            if position == at {
                return Err(need
                    .place
                    .invalid(format!("step `{}` needs itself", step.id)));
            }
            found.push(position);
        }
        all.push(found);
    }
    Ok(all)
}

/// Names a circle among the steps that could not be ordered, where one of its `needs` stands.
fn circle(steps: &[StepPatch], before: &[Vec<usize>], order: &[usize]) -> BlueprintError {
    let open = |at: usize| {
        before[at]
            .iter()
            .copied()
            .find(|need| !order.contains(need))
    };
    let first = (0..steps.len()).find(|at| !order.contains(at)).unwrap_or(0);
    let mut way = vec![first];
    while let Some(next) = way.last().and_then(|at| open(*at)) {
        if let Some(begin) = way.iter().position(|at| *at == next) {
            way.drain(..begin);
            break;
        }
        way.push(next);
    }
    let mut place = &steps[way[0]].place;
    let mut words = Vec::new();
    for (n, at) in way.iter().enumerate() {
        let step = &steps[*at];
        let next = &steps[way[(n + 1) % way.len()]].id;
        match step.needs.set() {
            Some(needs) => {
                if let Some(need) = needs.iter().find(|need| need.name == *next) {
                    place = &need.place;
                }
                words.push(format!("`{}` needs `{next}`", step.id));
            }
            None => words.push(format!("`{}` follows `{next}`", step.id)),
        }
    }
    place.invalid(format!(
        "the steps go in a circle: {}; a step that need not follow the one before it says so by its own `needs`",
        words.join(", ")
    ))
}

//! What a plan will probably take, by what runs of the same stages took before: what is usual, and no bound. What nobody has measured is
//! unknown, and never nothing.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{Forecast, Plan, TaskForecast};
use crate::money::dollars;
use crate::pipeline::Stage;
use crate::task::TaskKind;

/// What one run took that has worked and has ended by itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PastRun {
    pub kind: TaskKind,
    /// Milliseconds from its claim to its end.
    pub run_ms: u64,
    /// Of its model calls, both ways; what a provider had kept is counted in. None where nobody learned what a call took.
    pub tokens: Option<u64>,
    /// Millionths of a dollar that were spent, without what a subscription paid for; none where a call's cost never became known.
    pub microusd: Option<u64>,
    /// Some of its tokens were counted by us, because the provider said none.
    pub estimated: bool,
}

/// Where runs are looked for: the most telling place that has any.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Place {
    Project,
    Home,
}

/// How a figure is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Basis {
    /// Medians of what was measured.
    Measured,
    /// Medians in which some of it was estimated already.
    Estimated,
}

/// One figure: a sum of medians of runs, and no bound: where some take much longer than most, more than half of all such work takes more.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Figure {
    Known {
        /// Where nothing is sent back.
        usual: u64,
        /// Where everything is as often as it may be; none where nobody can say.
        usual_sent_back: Option<u64>,
        basis: Basis,
    },
    Unknown {
        why: String,
    },
}

/// What a plan will probably take.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Estimate {
    pub tokens: Figure,
    /// Millionths of a dollar.
    pub microusd: Figure,
    /// Milliseconds with that many runs at a time, without waits for people, places and the merge queue.
    pub wall_ms: Figure,
    pub at_a_time: u64,
    /// How many runs of each kind of task it rests on, and whose they are; the kinds that nobody has measured are left out.
    pub runs: BTreeMap<String, u64>,
    pub of: Option<Place>,
}

/// Milliseconds that a run of a kind usually takes.
type RunMs<'a> = dyn Fn(TaskKind) -> u64 + 'a;

/// Medians of one kind of task.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Usual {
    run_ms: u64,
    tokens: Median,
    microusd: Median,
    runs: u64,
}

/// A value in the middle, and how it is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Median {
    /// None where what stands in the middle is one that nobody knows.
    value: Option<u64>,
    basis: Basis,
}

impl Median {
    /// What nobody knows stands above all that is known: left out, the dearest runs would be those that count least.
    fn of(values: impl Iterator<Item = Option<u64>>, estimated: bool) -> Median {
        let values: Vec<u64> = values.map(|value| value.unwrap_or(u64::MAX)).collect();
        let lacks = values.contains(&u64::MAX);
        Median {
            value: median(values.into_iter()).filter(|value| *value != u64::MAX),
            // One run of which nobody knows what it took makes of the others no more than an estimate.
            basis: match estimated || lacks {
                true => Basis::Estimated,
                false => Basis::Measured,
            },
        }
    }
}

impl Usual {
    fn of(kind: TaskKind, past: &[PastRun]) -> Option<Usual> {
        let of_kind = || past.iter().filter(|run| run.kind == kind);
        let estimated = of_kind().any(|run| run.estimated);
        Some(Usual {
            run_ms: median(of_kind().map(|run| run.run_ms))?,
            tokens: Median::of(of_kind().map(|run| run.tokens), estimated),
            microusd: Median::of(of_kind().map(|run| run.microusd), estimated),
            runs: of_kind().count() as u64,
        })
    }
}

/// By nearest rank, so that it is a value that was there.
fn median(values: impl Iterator<Item = u64>) -> Option<u64> {
    let mut values: Vec<u64> = values.collect();
    values.sort_unstable();
    let middle = values.len().checked_sub(1)? / 2;
    values.get(middle).copied()
}

/// How often each kind of task is run: where nothing is sent back, and where everything is as often as it may be.
fn counts(stages: &[Stage], times: impl Fn(Stage) -> u64) -> Vec<(TaskKind, u64, u64)> {
    let kind = |stage: &Stage| match stage {
        Stage::Build => Some(TaskKind::Build),
        Stage::Verify => Some(TaskKind::Verify),
        Stage::Review => Some(TaskKind::Review),
        Stage::Security => Some(TaskKind::Security),
        Stage::Ops => Some(TaskKind::Ops),
        Stage::Docs => Some(TaskKind::Docs),
        Stage::Merge => None,
    };
    let counted = stages.iter().filter_map(|stage| {
        let (least, most) = Forecast::runs_of(*stage, times(*stage));
        Some((kind(stage)?, least, most))
    });
    counted.collect()
}

impl Estimate {
    /// By the runs of the plan's project, or where it has none of a kind, by all of the home's. `at_a_time`: how many runs may be at
    /// work at once.
    pub fn of(
        plan: &Plan,
        forecast: &Forecast,
        project: &[PastRun],
        home: &[PastRun],
        at_a_time: usize,
    ) -> Estimate {
        let mut counts = counts(&forecast.stages, |stage| forecast.times(stage));
        counts.push((TaskKind::Postflight, 1, 1));
        let longest = |run_ms: &RunMs<'_>| longest(plan, forecast, &counts, run_ms);
        Estimate::of_counts(&counts, (project, home), at_a_time, longest)
    }

    /// Of one task by itself: the stages of its own, one after the other.
    pub fn of_task(forecast: &TaskForecast, project: &[PastRun], home: &[PastRun]) -> Estimate {
        let counts = counts(&forecast.stages, |_| 1);
        let in_a_row = |run_ms: &RunMs<'_>| counts.iter().map(|(kind, _, _)| run_ms(*kind)).sum();
        Estimate::of_counts(&counts, (project, home), 1, in_a_row)
    }

    fn of_counts(
        counts: &[(TaskKind, u64, u64)],
        (project, home): (&[PastRun], &[PastRun]),
        at_a_time: usize,
        longest: impl Fn(&RunMs<'_>) -> u64,
    ) -> Estimate {
        let mut of = None;
        let usual: BTreeMap<TaskKind, Usual> = { counts.iter() }
            .filter_map(|(kind, _, _)| {
                if let Some(usual) = Usual::of(*kind, project) {
                    of = of.or(Some(Place::Project));
                    return Some((*kind, usual));
                }
                let usual = Usual::of(*kind, home)?;
                of = Some(Place::Home);
                Some((*kind, usual))
            })
            .collect();
        let lacking: Vec<&str> = { counts.iter() }
            .filter(|(kind, _, _)| !usual.contains_key(kind))
            .map(|(kind, _, _)| kind.as_str())
            .collect();
        let at_a_time = at_a_time.max(1) as u64;
        let runs = { usual.iter() }
            .map(|(kind, usual)| (kind.as_str().to_owned(), usual.runs))
            .collect();
        let unknown = || Figure::Unknown {
            why: format!("no run of {} was measured in this home", lacking.join(", ")),
        };
        if !lacking.is_empty() {
            return Estimate {
                tokens: unknown(),
                microusd: unknown(),
                wall_ms: unknown(),
                at_a_time,
                runs,
                of,
            };
        }
        let sum = |value: &dyn Fn(&Usual) -> u64| {
            { counts.iter() }.fold(
                (0_u64, 0_u64),
                |(usually, sent_back), (kind, least, most)| {
                    let value = usual.get(kind).map_or(0, value);
                    (
                        usually.saturating_add(value.saturating_mul(*least)),
                        sent_back.saturating_add(value.saturating_mul(*most)),
                    )
                },
            )
        };
        let figure = |of: &dyn Fn(&Usual) -> Median, what: &str| {
            let lacking: Vec<&str> = { usual.iter() }
                .filter(|(_, usual)| of(usual).value.is_none())
                .map(|(kind, _)| kind.as_str())
                .collect();
            if !lacking.is_empty() {
                let why = format!(
                    "what calls of more than half of the runs of {} {what} never became known",
                    lacking.join(", ")
                );
                return Figure::Unknown { why };
            }
            let (usually, sent_back) = sum(&|usual| of(usual).value.unwrap_or(0));
            let guessed = { usual.values() }.any(|usual| of(usual).basis == Basis::Estimated);
            Figure::Known {
                usual: usually,
                usual_sent_back: Some(sent_back),
                basis: match guessed {
                    true => Basis::Estimated,
                    false => Basis::Measured,
                },
            }
        };
        let (busy, _) = sum(&|usual| usual.run_ms);
        let run_ms = |kind: TaskKind| usual.get(&kind).map_or(0, |usual| usual.run_ms);
        let wall_ms = Figure::Known {
            usual: busy.div_ceil(at_a_time).max(longest(&run_ms)),
            usual_sent_back: None,
            basis: Basis::Measured,
        };
        Estimate {
            tokens: figure(&|usual| usual.tokens, "took"),
            microusd: figure(&|usual| usual.microusd, "cost"),
            wall_ms,
            at_a_time,
            runs,
            of,
        }
    }

    /// In one line.
    pub fn said(&self) -> String {
        let mut said = self.figures();
        let whys = [&self.tokens, &self.microusd]
            .into_iter()
            .find_map(|figure| match figure {
                Figure::Unknown { why } => Some(why.as_str()),
                Figure::Known { .. } => None,
            });
        said.extend(whys.map(|why| format!(": {why}")));
        if let (Some(of), true) = (self.of, matches!(self.wall_ms, Figure::Known { .. })) {
            let runs: Vec<String> = self
                .runs
                .iter()
                .map(|(kind, n)| format!("{kind} {n}"))
                .collect();
            let of = match of {
                Place::Project => "this project",
                Place::Home => "this home",
            };
            said.push_str(&format!(
                "; by the medians of {of}'s runs ({}), {} at a time, without waits for people and merges",
                runs.join(", "),
                self.at_a_time
            ));
        }
        said
    }

    /// The figures alone.
    pub(super) fn figures(&self) -> String {
        let amount = |figure: &Figure, say: &dyn Fn(u64) -> String| match figure {
            Figure::Known {
                usual,
                usual_sent_back,
                basis,
            } => {
                let sent_back = usual_sent_back.map_or_else(String::new, |sent_back| {
                    format!(", {} where all is sent back", say(sent_back))
                });
                let word = match basis {
                    Basis::Measured => "measured",
                    Basis::Estimated => "estimated",
                };
                format!("usually {}{sent_back} ({word})", say(*usual))
            }
            Figure::Unknown { .. } => "unknown".to_owned(),
        };
        format!(
            "tokens {}; money {}; wall time {}",
            amount(&self.tokens, &|n| n.to_string()),
            amount(&self.microusd, &dollars),
            amount(&self.wall_ms, &|ms| format!("{} or more", span(ms))),
        )
    }
}

/// The longest way through the plan's needs, each task with what judges it by itself; behind it what is once for all of the goal.
/// Milliseconds.
fn longest(
    plan: &Plan,
    forecast: &Forecast,
    of_all: &[(TaskKind, u64, u64)],
    run_ms: &RunMs<'_>,
) -> u64 {
    let of_goal = |kind: TaskKind| matches!(kind, TaskKind::Ops | TaskKind::Docs);
    let own: BTreeMap<&str, u64> = { forecast.tasks.iter() }
        .map(|task| {
            let kinds = counts(&task.stages, |_| 1).into_iter();
            let ms = kinds.map(|(kind, _, _)| run_ms(kind)).sum();
            (task.key.as_str(), ms)
        })
        .collect();
    let mut ends: BTreeMap<&str, u64> = BTreeMap::new();
    // A plan that was judged has no circle; each pass settles at least one task.
    for _ in &plan.tasks {
        for task in &plan.tasks {
            let of = |of: &BTreeMap<&str, u64>, key: &str| of.get(key).copied().unwrap_or(0);
            let before = task.needs.iter().map(|key| of(&ends, key)).max();
            let end = before.unwrap_or(0).saturating_add(of(&own, &task.key));
            ends.insert(&task.key, end);
        }
    }
    let last = ends.values().copied().max().unwrap_or(0);
    let behind = { of_all.iter() }
        .filter(|(kind, _, _)| of_goal(*kind))
        .map(|(kind, _, _)| run_ms(*kind))
        .max();
    last + behind.unwrap_or(0) + run_ms(TaskKind::Postflight)
}

fn span(ms: u64) -> String {
    match ms.div_ceil(1_000) {
        s @ 0..120 => format!("{s} s"),
        s @ 120..7_200 => format!("{} min", s.div_ceil(60)),
        s => format!("{} h", s.div_ceil(3_600)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pipeline::Chain;
    use crate::plan::PlannedTask;
    use crate::task::Priority;

    fn run(kind: TaskKind, run_ms: u64, tokens: u64, microusd: u64) -> PastRun {
        PastRun {
            kind,
            run_ms,
            tokens: Some(tokens),
            microusd: Some(microusd),
            estimated: false,
        }
    }

    /// Two tasks, the second of which needs the first; each is built and reviewed.
    fn plan() -> (Plan, Forecast) {
        let mut plan = Plan::template("t", "d");
        let first = plan.tasks[0].key.clone();
        plan.tasks.push(PlannedTask {
            needs: vec![first],
            ..PlannedTask::new("b", "t")
        });
        let chain = Chain::parse("build,review").expect("a chain");
        let forecast = Forecast::of(&plan, &chain, Priority::Medium, (false, false), |_| false);
        (plan, forecast)
    }

    fn past() -> Vec<PastRun> {
        vec![
            run(TaskKind::Build, 60_000, 1_000, 100),
            run(TaskKind::Build, 90_000, 3_000, 300),
            run(TaskKind::Build, 10_000, 2_000, 200),
            run(TaskKind::Review, 30_000, 500, 50),
            run(TaskKind::Postflight, 1_000, 0, 0),
        ]
    }

    #[test]
    fn runs_that_were_measured_say_tokens_money_and_wall_time() {
        let (plan, forecast) = plan();
        let home = past();
        let estimate = Estimate::of(&plan, &forecast, &[], &home, 2);
        // Two builds and two reviews where nothing is sent back; 18 and 6 where everything is.
        assert_eq!((forecast.runs_min, forecast.runs_max), (5, 25));
        let known = |usual, usual_sent_back| Figure::Known {
            usual,
            usual_sent_back,
            basis: Basis::Measured,
        };
        assert_eq!(
            estimate.tokens,
            known(2 * 2_000 + 2 * 500, Some(18 * 2_000 + 6 * 500))
        );
        assert_eq!(
            estimate.microusd,
            known(2 * 200 + 2 * 50, Some(18 * 200 + 6 * 50))
        );
        // The second needs the first: two slots help nothing.
        assert_eq!(estimate.wall_ms, known(2 * (60_000 + 30_000) + 1_000, None));
        assert_eq!(estimate.of, Some(Place::Home));
        assert_eq!(
            estimate.said(),
            "tokens usually 5000, 39000 where all is sent back (measured); money usually $0.0005, $0.0039 where all is sent back \
             (measured); wall time usually 4 min or more (measured); by the medians of this home's runs (build 3, postflight 1, review 1), 2 at a time, without waits for people and merges"
        );
    }

    #[test]
    fn one_task_takes_what_its_own_stages_take() {
        let (plan, forecast) = plan();
        let [first, _] = &forecast.tasks[..] else {
            panic!("two tasks: {forecast:?}");
        };
        assert_eq!(first.key, plan.tasks[0].key);
        let estimate = Estimate::of_task(first, &[], &past());
        let known = |usual, usual_sent_back| Figure::Known {
            usual,
            usual_sent_back,
            basis: Basis::Measured,
        };
        assert_eq!(estimate.tokens, known(2_500, Some(9 * 2_000 + 3 * 500)));
        assert_eq!(estimate.wall_ms, known(90_000, None));
    }

    #[test]
    fn a_project_speaks_for_itself_and_wide_plans_wait_for_their_turn() {
        let (mut plan, _) = plan();
        plan.tasks[1].needs.clear();
        let chain = Chain::parse("build,review").expect("a chain");
        let forecast = Forecast::of(&plan, &chain, Priority::Medium, (false, false), |_| false);
        let mut own = past();
        own.iter_mut().for_each(|run| run.run_ms = 7_000);
        let home = past();
        let at = |slots| match Estimate::of(&plan, &forecast, &own, &home, slots).wall_ms {
            Figure::Known { usual, .. } => usual,
            Figure::Unknown { why } => panic!("{why}"),
        };
        assert_eq!((at(1), at(2), at(9)), (5 * 7_000, 3 * 7_000, 3 * 7_000));
        assert_eq!(at(0), at(1));
        let estimate = Estimate::of(&plan, &forecast, &own, &home, 1);
        assert_eq!(estimate.of, Some(Place::Project));
        own.retain(|run| run.kind != TaskKind::Review);
        let mixed = Estimate::of(&plan, &forecast, &own, &home, 1);
        assert_eq!(mixed.of, Some(Place::Home), "one kind is only the home's");
    }

    #[test]
    fn what_was_never_measured_is_unknown_and_what_was_estimated_is_no_measure() {
        let (plan, forecast) = plan();
        let nothing = Estimate::of(&plan, &forecast, &[], &[], 2);
        let why = "no run of build, review, postflight was measured in this home";
        assert_eq!(nothing.tokens, Figure::Unknown { why: why.into() });
        assert_eq!(
            nothing.said(),
            format!("tokens unknown; money unknown; wall time unknown: {why}")
        );
        let mut some = past();
        some.retain(|run| run.kind != TaskKind::Review);
        let said = Estimate::of(&plan, &forecast, &some, &[], 2).said();
        assert!(
            said.ends_with("unknown: no run of review was measured in this home"),
            "{said}"
        );
        let money = |past: &[PastRun]| match Estimate::of(&plan, &forecast, past, &[], 2).microusd {
            Figure::Known { basis, usual, .. } => Some((basis, usual)),
            Figure::Unknown { .. } => None,
        };
        assert_eq!(money(&past()), Some((Basis::Measured, 500)));
        let mut counted = past();
        counted[0].estimated = true;
        assert_eq!(money(&counted), Some((Basis::Estimated, 500)));
        let mut lost = past();
        lost[0].microusd = None;
        assert_eq!(
            money(&lost),
            Some((Basis::Estimated, 2 * 300 + 2 * 50)),
            "the cheapest build is not the usual one because another's cost is unknown"
        );
        lost[1].microusd = None;
        assert_eq!(
            money(&lost),
            None,
            "and neither $0 nor the one that is known"
        );
        lost[1].tokens = None;
        lost[2].tokens = None;
        let estimate = Estimate::of(&plan, &forecast, &lost, &[], 2);
        assert!(matches!(estimate.wall_ms, Figure::Known { .. }));
        let said = estimate.said();
        assert!(
            said.starts_with("tokens unknown; money unknown; wall time usually 4 min or more (measured): what calls of more than half of the runs of build took never became known; by the medians of this project's runs"),
            "{said}"
        );
    }
}

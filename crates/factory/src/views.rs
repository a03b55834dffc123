//! What people see, derived from the rows: the state with the lease, the answer to `why`, the queue at a glance.

use alai_core::cage::Sandbox;
use alai_core::ids::TaskId;
use alai_core::pipeline::HUMAN_WAIT_MS;
use alai_core::review::Review;
use alai_core::task::{State, Task, TaskKind};
use alai_core::trust::Trust;
use alai_core::why::{
    self, Beside, Daemon, Facts, Held, HeldUp, Hindrance, LiveRun, Merging, OnRemote, Unmet, Why,
};
use alai_mission::{
    Filter, GateRow, Holder, MergeKind, MergeRow, MergeState, MissionError, NeedRow,
    PublishedState, Reader, RunRow, Schedule, Spend,
};
use serde::{Deserialize, Serialize};

use crate::around::Around;
use crate::trust;

/// Lines of one kind on a screen; what is more is counted and named by the command that lists it.
const SHOWN_MAX: u32 = 20;

/// A daemon fires what is due within a beat; a schedule that is due for longer does not fire.
const FIRING_LATE_MS: i64 = 60_000;

/// Reads with the moment and the surroundings in which the question is asked.
#[derive(Debug)]
pub struct Views<'a> {
    reader: &'a Reader,
    now_ms: i64,
    around: Around,
}

/// A task as `mc list` and `mc show` give it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TaskView {
    pub task: Task,
    /// The state as people see it.
    pub shown: String,
    /// How far what is done is proven, by the rows; none where nothing is claimed that could be.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub trust: Option<Trust>,
    pub why: Why,
    /// Why its last run has its model; none before it had one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub choice: Option<String>,
}

/// The queue at a glance.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Status {
    pub open: u64,
    pub started: u64,
    pub stalled: u64,
    pub waiting: u64,
    pub paused: u64,
    /// Done, and proven by another than who did it.
    pub done: u64,
    /// Declared done by a person: nothing was measured for that.
    #[serde(default)]
    pub claimed: u64,
    pub failed: u64,
    pub merging: u64,
    /// Waits past their deadline.
    pub overdue: u64,
    /// Tasks that could have been begun for too long, and the one that could be for longest.
    pub unclaimed: u64,
    pub unclaimed_first: Option<TaskId>,
    pub outbox: i64,
    /// When the oldest effect that waits was made, in milliseconds since the Unix epoch.
    pub outbox_oldest_ms: Option<i64>,
    /// Effects that were given up, and the last one's reason.
    pub dead_effects: i64,
    pub dead_effect_why: Option<String>,
    pub spend: Spend,
    /// How often each transition gate was asked, held something back, and was gone around.
    pub gates: Vec<GateRow>,
    /// When a task was last claimed, by any process; milliseconds since the Unix epoch.
    pub last_dispatch_ms: Option<i64>,
    /// Runs of the factory, then of people.
    pub runs: Vec<RunLine>,
    /// All that people have taken, shown or not.
    pub person_runs: u64,
    /// Schedules that do not fire as they should.
    pub schedules: Vec<ScheduleLine>,
    /// What needs a person, most urgent first.
    pub needs_you: Vec<TaskView>,
    /// What needs a person and is not among those, by what it is.
    pub more_waiting: u64,
    pub more_ready: u64,
    pub more_held_up: u64,
}

/// A live run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RunLine {
    pub run: String,
    pub task: TaskId,
    pub title: String,
    pub holder: Holder,
    /// The person's name, when it is a person's.
    pub worker: String,
    pub company: String,
    pub model: String,
    pub mode: String,
    #[serde(default)]
    pub sandbox: Sandbox,
    pub step: String,
    pub since_ms: i64,
    pub lease_until_ms: Option<i64>,
}

/// A schedule that is paused, has left firings out, failed at its last one, or is due and does not fire.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ScheduleLine {
    pub name: String,
    pub paused: bool,
    pub missed: i64,
    pub late: bool,
    /// Milliseconds since the Unix epoch.
    pub next_ms: i64,
    pub last_error: Option<String>,
}

impl<'a> Views<'a> {
    pub fn new(reader: &'a Reader, now_ms: i64, around: Around) -> Views<'a> {
        Views {
            reader,
            now_ms,
            around,
        }
    }

    /// The state as people see it: what is done and proven by nobody but its writer is told as claimed.
    pub fn shown(&self, task: &Task) -> Result<&'static str, MissionError> {
        Ok(self.told(task)?.0)
    }

    /// The state as people see it, and how far what is done is proven, by the rows.
    pub fn told(&self, task: &Task) -> Result<(&'static str, Option<Trust>), MissionError> {
        let level = trust::by_rows(self.reader, task)?;
        let shown = match level {
            Some(level) if !level.may_be_told() => trust::CLAIMED,
            Some(_) | None => why::shown(task, self.live_run(task)?.as_ref(), self.now_ms),
        };
        Ok((shown, level))
    }

    pub fn task(&self, id: TaskId) -> Result<TaskView, MissionError> {
        self.view(self.reader.task(id)?)
    }

    fn view(&self, task: Task) -> Result<TaskView, MissionError> {
        let why = self.why(&task)?;
        let (shown, trust) = self.told(&task)?;
        Ok(TaskView {
            shown: shown.to_owned(),
            trust,
            why,
            choice: self.choice(&task)?,
            task,
        })
    }

    /// A task without a class had no run.
    fn choice(&self, task: &Task) -> Result<Option<String>, MissionError> {
        if task.class.is_none() {
            return Ok(None);
        }
        let runs = self.reader.runs_of(task.id)?;
        Ok(runs.into_iter().rev().find_map(|run| run.choice))
    }

    /// The task that a free worker would be given now; where none could be, the one whose turn it would be. What keeps it is
    /// its answer to `why`.
    pub fn next_task(&self) -> Result<Option<TaskView>, MissionError> {
        let free = self.reader.next_within(&self.around.limits, self.now_ms)?;
        let next = match free {
            Some(task) => Some(task),
            None => self.reader.next_task(self.now_ms)?,
        };
        next.map(|task| self.view(task)).transpose()
    }

    /// Why a task is where it is.
    pub fn why(&self, task: &Task) -> Result<Why, MissionError> {
        let merges = self.reader.merges_of(task.id)?;
        let facts = Facts {
            now_ms: self.now_ms,
            operator: self.around.operator.clone(),
            queue_ms_max: self.around.queue_ms_max,
            daemon: self.around.daemon,
            hindrance: self.hindrance(task)?,
            unmet: self.unmet(task)?,
            run: self.live_run(task)?,
            goal_left: self.goal_left(task)?,
            lineage_left: match task.state {
                State::Done => self.lineage_left(task)?,
                State::Open
                | State::Started
                | State::ReadyForReview
                | State::Waiting
                | State::Paused
                | State::Failed
                | State::Cancelled => None,
            },
            merging: merging(&merges),
            held_up: self.held_up(task, &merges)?,
            dead_effects: self.reader.dead_effects_of(task.id)?,
            judged: self.judged(task)?,
            published: self.published(task)?,
            replaced_by: self.replaced_by(task)?,
        };
        Ok(why::why(task, &facts))
    }

    /// What stands in the place of a task, or of its line of work that was never merged.
    pub(crate) fn replaced_by(&self, task: &Task) -> Result<Vec<TaskId>, MissionError> {
        let over = matches!(task.state, State::Cancelled | State::Done);
        match over && task.kind == TaskKind::Build && task.integrated.is_none() {
            true => self.reader.replaced_by(task.id),
            false => Ok(Vec::new()),
        }
    }

    /// Where its merged work stands on a remote.
    fn published(&self, task: &Task) -> Result<Option<OnRemote>, MissionError> {
        if task.kind != TaskKind::Goal && task.integrated.is_none() {
            return Ok(None);
        }
        let of = self.reader.published(self.reader.published_for(task.id)?)?;
        Ok(of.map(|of| {
            let there = format!("{} of {}", of.branch, of.remote);
            let pull = of.pull.clone();
            let pull = pull.map(|(number, url)| format!("pull request {number} ({url})"));
            let pull = pull.unwrap_or_else(|| there.clone());
            let words = match of.state {
                PublishedState::Pushing => format!("it is on its way to {there}"),
                PublishedState::Pushed => format!("it is {there}"),
                PublishedState::Open => format!("{pull} is open"),
                PublishedState::Merged => format!("{pull} is merged"),
                PublishedState::Closed => format!("{pull} was closed without a merge"),
                PublishedState::Withdrawn => {
                    format!("it was withdrawn before it was pushed to {there}")
                }
            };
            OnRemote {
                words,
                trouble: of.error,
            }
        }))
    }

    /// Only reviews and audits are judged by people.
    fn judged(&self, task: &Task) -> Result<Option<String>, MissionError> {
        if !task.kind.judges() {
            return Ok(None);
        }
        let judged = self.reader.judged(task.id)?;
        Ok(judged.map(|judged| match Review::parse(&judged.review) {
            Ok(review) => format!("{} judged it: {}", judged.by, review.verdict),
            Err(_) => format!("{} judged it", judged.by),
        }))
    }

    /// Only work that could be begun is hindered by what is full.
    fn hindrance(&self, task: &Task) -> Result<Option<Hindrance>, MissionError> {
        let begun = match task.state {
            State::Open => task.kind == TaskKind::Goal || task.project.is_none(),
            State::ReadyForReview => task.handed.is_none(),
            State::Started
            | State::Waiting
            | State::Paused
            | State::Done
            | State::Failed
            | State::Cancelled => true,
        };
        match begun {
            true => Ok(None),
            false => self.around.hindrance(self.reader, task, self.now_ms),
        }
    }

    fn unmet(&self, task: &Task) -> Result<Vec<Unmet>, MissionError> {
        if task.state != State::Open {
            return Ok(Vec::new());
        }
        let needs = self.reader.needs(task.id)?;
        let unmet = needs.into_iter().filter(|need| !need.satisfied);
        unmet.map(|need| self.stands(&need)).collect()
    }

    /// Where a line of work that is needed stands: at its task that is not finished, or finished and held up.
    fn stands(&self, need: &NeedRow) -> Result<Unmet, MissionError> {
        let at = match self.reader.lineage_left(need.needs)? {
            Some(left) => beside(&left),
            None => {
                let root = self.reader.task(need.needs)?;
                let held = self.held_up(&root, &self.reader.merges_of(root.id)?)?;
                let waits = held.map(|h| (self.around.operator.clone(), h.deadline_ms));
                Beside {
                    waits,
                    ..beside(&root)
                }
            }
        };
        Ok(Unmet {
            needs: need.needs,
            until: need.until,
            at,
        })
    }

    fn goal_left(&self, task: &Task) -> Result<Vec<Beside>, MissionError> {
        if task.kind != TaskKind::Goal || task.state != State::Open {
            return Ok(Vec::new());
        }
        let under = Filter {
            goal: Some(task.id),
            ..Filter::default()
        };
        let tasks = self.reader.tasks(&under)?;
        let mut left: Vec<Beside> = { tasks.iter() }
            .filter(|t| t.id != task.id)
            .map(beside)
            .collect();
        // Done, and not merged before a person has it tried again.
        for (refused, _) in self.reader.refused_in(task.id)? {
            let root = self.reader.task(refused)?;
            let held = self.held_up(&root, &self.reader.merges_of(root.id)?)?;
            left.extend(held.map(|held| Beside {
                waits: Some((self.around.operator.clone(), held.deadline_ms)),
                ..beside(&root)
            }));
        }
        Ok(left)
    }

    /// Of a finished task that began a line of work: what of it is not finished.
    fn lineage_left(&self, task: &Task) -> Result<Option<Beside>, MissionError> {
        if task.lineage.is_some() || !task.kind.changes_code() || task.solo {
            return Ok(None);
        }
        let left = self.reader.lineage_left(task.id)?;
        Ok(left.map(|left| beside(&left)))
    }

    /// Finished work that is not where it belongs: refused by the merge queue, or merged and not delivered. What belongs to a
    /// goal is delivered with the goal, and the goal says so itself.
    fn held_up(&self, task: &Task, merges: &[MergeRow]) -> Result<Option<HeldUp>, MissionError> {
        let root = task.lineage.is_none() && task.kind.changes_code() && !task.solo;
        if task.state != State::Done || !root {
            return Ok(None);
        }
        let last = |kind| merges.iter().rfind(|row| row.kind == kind);
        let held = |what, row: &MergeRow| {
            let since = row.ended_ms.unwrap_or(row.at_ms);
            let detail = row.outcome.clone().unwrap_or_default();
            Some(HeldUp {
                what,
                detail,
                deadline_ms: since + HUMAN_WAIT_MS,
            })
        };
        let Some(integration) = last(MergeKind::Integrate) else {
            return Ok(None);
        };
        if task.integrated.is_none() {
            let alone = !self.reader.lineage_lives(task.id)?
                && self.reader.replaced_by(task.id)?.is_empty();
            let refused = integration.state == MergeState::Refused;
            return Ok(if alone && refused {
                held(Held::Merge, integration)
            } else {
                None
            });
        }
        if task.goal.is_some() {
            return Ok(None);
        }
        Ok(match last(MergeKind::Deliver) {
            Some(row) if row.state == MergeState::Refused => held(Held::Delivery, row),
            Some(_) => None,
            None => held(Held::Approval, integration).map(|h| HeldUp {
                detail: format!(
                    "merged into alai/integration as {}; the target branch is not moved yet",
                    h.detail
                ),
                ..h
            }),
        })
    }

    fn live_run(&self, task: &Task) -> Result<Option<LiveRun>, MissionError> {
        if !matches!(task.state, State::Started | State::ReadyForReview) {
            return Ok(None);
        }
        let runs = self.reader.runs_of(task.id)?;
        Ok(runs.into_iter().find_map(|r| {
            r.lease_until_ms.map(|lease_until_ms| LiveRun {
                run: r.id,
                worker: r.worker,
                by_person: r.holder == Holder::Person,
                lease_until_ms,
                step: r.step,
                mode: r.mode,
            })
        }))
    }

    /// Counted in the store; what is shown one by one is bounded, however many tasks there are.
    pub fn status(&self) -> Result<Status, MissionError> {
        let standing = self
            .reader
            .standing(self.around.queue_ms_max, SHOWN_MAX, self.now_ms)?;
        let count = |state: State| standing.tasks.get(state.as_str()).copied().unwrap_or(0);
        let started = count(State::Started) + count(State::ReadyForReview);
        let needs_you = standing
            .needs_person
            .iter()
            .map(|id| self.task(*id))
            .collect::<Result<Vec<_>, _>>()?;
        let shown = |state: State| {
            let of_state = needs_you.iter().filter(|view| view.task.state == state);
            of_state.count() as u64
        };
        let runs = standing.runs.into_iter().map(|run| self.run_line(run));
        let runs = runs.collect::<Result<_, _>>()?;
        let schedules = self.reader.schedules()?;
        let claimed = self.reader.declared_done()?;
        let (outbox, outbox_oldest_ms) = self.reader.outbox_depth()?;
        let (dead_effects, dead_effect_why) = self.reader.dead_effects()?;
        Ok(Status {
            open: count(State::Open),
            started: started.saturating_sub(standing.stalled),
            stalled: standing.stalled,
            waiting: count(State::Waiting),
            paused: count(State::Paused),
            done: count(State::Done).saturating_sub(claimed),
            claimed,
            failed: count(State::Failed),
            merging: standing.merging,
            overdue: standing.overdue,
            gates: self.reader.gates()?,
            unclaimed: standing.unclaimed,
            unclaimed_first: standing.unclaimed_first,
            outbox,
            outbox_oldest_ms,
            dead_effects,
            dead_effect_why,
            spend: self.reader.spend()?,
            last_dispatch_ms: self.reader.last_claim_ms()?,
            runs,
            person_runs: standing.person_runs,
            schedules: schedules
                .into_iter()
                .filter_map(|schedule| self.schedule_line(schedule))
                .take(SHOWN_MAX as usize)
                .collect(),
            more_waiting: count(State::Waiting).saturating_sub(shown(State::Waiting)),
            more_ready: standing.ready.saturating_sub(shown(State::ReadyForReview)),
            more_held_up: standing.held_up.saturating_sub(shown(State::Done)),
            needs_you,
        })
    }

    fn run_line(&self, run: RunRow) -> Result<RunLine, MissionError> {
        Ok(RunLine {
            run: run.id.short().to_owned(),
            task: run.task,
            title: self.reader.task(run.task)?.title,
            holder: run.holder,
            worker: run.worker,
            company: run.company.unwrap_or_default(),
            model: run.model.unwrap_or_default(),
            mode: run.mode.map(|m| m.as_str().to_owned()).unwrap_or_default(),
            sandbox: run.sandbox,
            step: run.step.unwrap_or_else(|| "starting".into()),
            since_ms: run.started_ms,
            lease_until_ms: run.lease_until_ms,
        })
    }

    /// None for one that fires as it should.
    fn schedule_line(&self, schedule: Schedule) -> Option<ScheduleLine> {
        let grace_ms = match self.around.daemon {
            Daemon::Up => FIRING_LATE_MS,
            Daemon::Draining | Daemon::Silent | Daemon::Down => 0,
        };
        let late = !schedule.paused && schedule.next_ms.saturating_add(grace_ms) < self.now_ms;
        let odd = schedule.paused || late || schedule.missed > 0 || schedule.last_error.is_some();
        odd.then_some(ScheduleLine {
            name: schedule.name,
            paused: schedule.paused,
            missed: schedule.missed,
            late,
            next_ms: schedule.next_ms,
            last_error: schedule.last_error,
        })
    }
}

fn beside(task: &Task) -> Beside {
    let waits = task.waiting.as_ref();
    Beside {
        task: task.id,
        state: task.state,
        waits: waits.map(|w| (w.owner.clone(), w.deadline_ms)),
    }
}

fn merging(merges: &[MergeRow]) -> Option<Merging> {
    let queued = merges.iter().rfind(|row| row.state == MergeState::Queued)?;
    Some(match &queued.outcome {
        Some(why) => Merging::Again(why.clone()),
        None => Merging::Queued,
    })
}

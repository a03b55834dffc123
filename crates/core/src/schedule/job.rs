//! What is to be done: one call of a model, with what it may run on and how much hangs on it.

use std::cmp::Reverse;

use super::fleet::{HostId, ModelId};

/// A job's number, the caller's own. Ties are decided by it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct JobId(pub u64);

/// One way to do a job.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Choice {
    pub host: HostId,
    pub model: ModelId,
    /// Milliseconds that it is expected to take there, once the model is loaded.
    pub expected_ms: i64,
}

/// Where the run of a job was served last: its prompt's beginning is still in that host's cache.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sticky {
    pub host: HostId,
    pub model: ModelId,
    /// Milliseconds of reading the prompt that are expected to be saved there.
    pub saves_ms: i64,
}

/// One call, ready to be made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Job {
    pub id: JobId,
    /// What is served first: [`Job::path_ms`], under whatever the caller puts before it, such as priorities and the turns of projects. What stands
    /// first is a matter of order alone; how late work ends is reckoned by the path.
    pub rank_ms: i64,
    /// Upward rank: milliseconds of the longest path of expected work from this job to the end, itself included. See [`ranks`].
    pub path_ms: i64,
    /// When it became ready.
    pub arrived_ms: i64,
    /// Only on the user's own hosts.
    pub local_only: bool,
    pub sticky: Option<Sticky>,
    pub choices: Vec<Choice>,
}

impl Job {
    /// Milliseconds that it is expected to take so; never less than one.
    pub fn expected_ms(&self, choice: &Choice) -> i64 {
        let saved = match self.sticky {
            Some(sticky) if (sticky.host, sticky.model) == (choice.host, choice.model) => {
                sticky.saves_ms
            }
            Some(_) | None => 0,
        };
        choice.expected_ms.saturating_sub(saved.max(0)).max(1)
    }

    pub fn waited_ms(&self, now_ms: i64) -> i64 {
        now_ms.saturating_sub(self.arrived_ms).max(0)
    }
}

/// The figures of the rules.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Rules {
    /// A swap is worth it when the work that waits for the new model is at least so many times its load. 1 is ski rental: nobody
    /// who knows the future pays less than half of what this pays.
    pub beta: f64,
    /// Milliseconds for which work may be passed over: then its model is brought in whatever else waits, and a job of that age goes before all
    /// younger ones of its model.
    pub age_ms_max: i64,
    /// Milliseconds of rank that a millisecond of waiting is worth.
    pub ageing: f64,
    /// Changes of a whole schedule that one decision tries at most; with 0 the rules of each single load and start decide alone.
    pub search_steps_max: usize,
}

impl Default for Rules {
    fn default() -> Rules {
        Rules {
            beta: 1.0,
            age_ms_max: 20 * 60 * 1000,
            ageing: 0.1,
            search_steps_max: 300,
        }
    }
}

/// Jobs in the order in which they are served: those past the age first, the oldest of them first; then by rank, by how long the
/// work of their model will take (`press`, milliseconds by model), and by waiting.
pub(super) fn ordered<'a>(
    jobs: &'a [Job],
    rules: &Rules,
    press: &[i64],
    now_ms: i64,
) -> Vec<&'a Job> {
    let key = |job: &Job| {
        let waited = job.waited_ms(now_ms);
        let aged = if waited >= rules.age_ms_max {
            waited
        } else {
            -1
        };
        let urgency = urgency(job, rules, press, now_ms);
        (Reverse(aged), Reverse(urgency), job.id)
    };
    let mut order: Vec<&Job> = jobs.iter().collect();
    order.sort_by_cached_key(|job| key(job));
    order
}

/// What a job that is not past the age is served by, the greatest first.
pub(super) fn urgency(job: &Job, rules: &Rules, press: &[i64], now_ms: i64) -> i64 {
    let pressed = job
        .choices
        .iter()
        .map(|choice| press.get(choice.model.0).copied().unwrap_or(0))
        .min()
        .unwrap_or(0);
    job.rank_ms
        .saturating_add(pressed)
        .saturating_add((job.waited_ms(now_ms) as f64 * rules.ageing) as i64)
}

/// Upward ranks of jobs in a graph: each one's own milliseconds and the longest path behind it.
///
/// `needs[i]` are positions of jobs that must be finished before `i` begins. Positions that there are not, and needs that go round in a circle,
/// count for nothing.
pub fn ranks(own_ms: &[i64], needs: &[Vec<usize>]) -> Vec<i64> {
    let count = own_ms.len();
    let mut waiting = vec![0_usize; count];
    for need in needs.iter().flatten().filter(|need| **need < count) {
        waiting[*need] += 1;
    }
    let mut ranks = own_ms.to_vec();
    let mut free: Vec<usize> = (0..count).filter(|job| waiting[*job] == 0).collect();
    while let Some(job) = free.pop() {
        for need in needs.get(job).into_iter().flatten() {
            let Some(left) = waiting.get_mut(*need) else {
                continue;
            };
            *left -= 1;
            ranks[*need] = ranks[*need].max(own_ms[*need].saturating_add(ranks[job]));
            if *left == 0 {
                free.push(*need);
            }
        }
    }
    ranks
}

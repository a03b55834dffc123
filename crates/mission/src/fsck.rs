//! The invariants of the store, each a query that must answer nothing.

use std::collections::BTreeMap;

use alai_core::ids::TaskId;
use rusqlite::Connection;

use crate::error::MissionError;
use crate::reader::Reader;

/// One broken invariant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    pub invariant: &'static str,
    /// The rows that break it, as the query shows them.
    pub rows: Vec<String>,
}

/// What must hold, and a query whose every row is a fault.
struct Invariant {
    name: &'static str,
    sql: &'static str,
    /// Whether it costs as much as there is at work, and not as much as there ever was: such are checked at every start.
    bounded: bool,
}

const fn always(name: &'static str, sql: &'static str) -> Invariant {
    Invariant {
        name,
        sql,
        bounded: true,
    }
}

const fn whole(name: &'static str, sql: &'static str) -> Invariant {
    Invariant {
        name,
        sql,
        bounded: false,
    }
}

const INVARIANTS: [Invariant; 31] = [
    always(
        "a task that is started has exactly one live run, of its own epoch",
        "SELECT t.id, t.state, t.epoch FROM task t WHERE t.state = 'started'
            AND (SELECT count(*) FROM run r WHERE r.task = t.id AND r.state = 'live' AND r.epoch = t.epoch) <> 1",
    ),
    always(
        "a live run belongs to a task that is started or ready for review, and has its epoch",
        "SELECT r.id, t.id, t.state FROM run r JOIN task t ON t.id = r.task
            WHERE r.state = 'live' AND (t.state NOT IN ('started', 'ready_for_review') OR r.epoch <> t.epoch)",
    ),
    always(
        "only live runs hold something, and nobody holds more than there is",
        "SELECT s.key, count(*), min(s.most) FROM slot s LEFT JOIN run r ON r.id = s.run AND r.state = 'live'
            GROUP BY s.key HAVING count(*) > max(s.most) OR count(r.id) < count(*)",
    ),
    always(
        "a step that is begun belongs to a live run",
        "SELECT s.run, s.key FROM step s INDEXED BY step_open JOIN run r ON r.id = s.run
            WHERE s.state = 'started' AND r.state <> 'live'",
    ),
    always(
        "money is reserved for calls of live runs alone",
        "SELECT l.run, l.call FROM ledger l INDEXED BY ledger_open JOIN run r ON r.id = l.run
            WHERE l.state = 'reserved' AND r.state <> 'live'",
    ),
    always(
        "a task that waits says for whom, until when and what ends it",
        "SELECT id FROM task WHERE state = 'waiting'
            AND (wait_reason IS NULL OR wait_owner IS NULL OR wait_deadline IS NULL OR wait_action IS NULL)",
    ),
    always(
        "what is on its way to a remote has a row of the outbox that brings it there",
        "SELECT p.task, p.head FROM published p WHERE p.state = 'pushing' AND NOT EXISTS
            (SELECT 1 FROM outbox o WHERE o.state IN ('pending', 'dead') AND o.sink IN ('push', 'pull')
                AND o.payload = CAST(p.task AS TEXT))",
    ),
    whole(
        "no open task needs a line of work that ended without a merge",
        "SELECT t.id, n.needs FROM need n JOIN task t ON t.id = n.task
            WHERE t.state = 'open' AND n.satisfied = 0
              AND NOT EXISTS (SELECT 1 FROM task l WHERE (l.id = n.needs OR l.lineage = n.needs)
                    AND l.state NOT IN ('done', 'failed', 'cancelled'))
              AND NOT EXISTS (SELECT 1 FROM merge m WHERE m.task = n.needs AND m.state = 'queued')",
    ),
    whole(
        "a live run has a lease; one that ended has none, and says when and how",
        "SELECT id, state FROM run WHERE (state = 'live') <> (lease_until IS NOT NULL)
            OR (state = 'live') <> (ended_ms IS NULL) OR (state = 'live') <> (outcome IS NULL)",
    ),
    whole(
        "the epochs of a task's runs are 1, 2, 3 up to its own",
        "SELECT t.id, t.epoch, count(r.id), max(r.epoch) FROM task t LEFT JOIN run r ON r.task = t.id
            GROUP BY t.id HAVING count(r.id) <> t.epoch OR ifnull(max(r.epoch), 0) <> t.epoch",
    ),
    whole(
        "a run belongs to the project of its task",
        "SELECT r.id FROM run r JOIN task t ON t.id = r.task WHERE r.project IS NOT t.project",
    ),
    whole(
        "blocked_count is the number of needs that are not met",
        "SELECT id, blocked_count FROM task
            WHERE blocked_count <> (SELECT count(*) FROM need WHERE need.task = task.id AND satisfied = 0)",
    ),
    whole(
        "a need is met exactly when what is needed is done or integrated",
        "SELECT n.task, n.needs, n.until, n.satisfied FROM need n JOIN task t ON t.id = n.needs
            WHERE n.satisfied <> (CASE n.until WHEN 'integrated' THEN t.integrated IS NOT NULL ELSE t.state = 'done' END)",
    ),
    whole(
        "the state is what the last transition says",
        "SELECT t.id, t.state, e.to_state FROM task t JOIN event e ON e.seq =
            (SELECT max(seq) FROM event WHERE task = t.id AND to_state IS NOT NULL) WHERE e.to_state <> t.state",
    ),
    whole(
        "each transition starts where the one before it ended",
        "SELECT task, seq, from_state, before FROM (SELECT task, seq, from_state,
                lag(to_state) OVER (PARTITION BY task ORDER BY seq) AS before FROM event WHERE to_state IS NOT NULL)
            WHERE before IS NOT NULL AND before <> from_state",
    ),
    whole(
        "what is done stays done, and what failed or was cancelled is taken up by a person alone",
        "SELECT task, seq, kind FROM event WHERE from_state = 'done'
            OR (from_state IN ('failed', 'cancelled') AND kind <> 'reopen')",
    ),
    whole(
        "no event is missing",
        "SELECT count(*), max(seq) FROM event HAVING count(*) <> ifnull(max(seq), 0)",
    ),
    whole(
        "each event has a link",
        "SELECT seq FROM event WHERE link IS NULL OR length(link) <> 64",
    ),
    whole(
        "a build that is done by a run has passed its gate, and the commit is named",
        "SELECT t.id FROM task t JOIN run r ON r.task = t.id AND r.epoch = t.epoch
            WHERE t.kind IN ('build', 'ops', 'docs') AND t.state = 'done' AND r.state = 'succeeded' AND r.holder = 'factory'
              AND t.sandbox = 'on' AND (t.head IS NULL OR t.base IS NULL OR NOT EXISTS
                (SELECT 1 FROM event e WHERE e.task = t.id AND e.run = r.id AND e.kind = 'complete'))",
    ),
    whole(
        "a done build has exactly one successor in its pipeline, or is merged with a record of the stages that were left out",
        "SELECT t.id FROM task t JOIN run r ON r.task = t.id AND r.epoch = t.epoch AND r.state = 'succeeded'
            WHERE t.kind = 'build' AND t.state = 'done' AND t.solo = 0 AND r.holder = 'factory'
              AND t.sandbox = 'on' AND (1 < (SELECT count(*) FROM task n WHERE n.parent = t.id AND n.solo = 0
                    AND n.kind IN ('review', 'verify', 'security') AND n.state NOT IN ('failed', 'cancelled'))
                OR NOT EXISTS (SELECT 1 FROM task n WHERE n.parent = t.id AND n.solo = 0 AND n.kind IN ('review', 'verify', 'security'))
                    AND NOT EXISTS (SELECT 1 FROM merge m WHERE m.kind = 'integrate' AND m.head = t.head AND EXISTS
                        (SELECT 1 FROM event e WHERE e.task = t.id AND e.kind = 'skipped')))",
    ),
    whole(
        "what was made without a cage is done by a person's word alone, and what he approved is reviewed once",
        "SELECT t.id FROM task t WHERE t.sandbox = 'off' AND t.state = 'done'
              AND NOT EXISTS (SELECT 1 FROM event e WHERE e.task = t.id AND e.kind IN ('approve', 'override'))
         UNION SELECT t.id FROM task t JOIN event e ON e.task = t.id AND e.kind = 'approve'
            WHERE t.sandbox = 'off' AND t.kind = 'build' AND t.state = 'done'
              AND (SELECT count(*) FROM task n WHERE n.parent = t.id AND n.solo = 0 AND n.kind IN ('review', 'verify')) <> 1",
    ),
    whole(
        "what was sent back more than twice was put before a person",
        "SELECT id, review_cycles FROM task WHERE kind IN ('build', 'ops', 'docs') AND review_cycles > 2
            AND NOT EXISTS (SELECT 1 FROM event e WHERE e.task = task.id
                AND (e.to_state = 'waiting' OR (e.kind = 'created' AND e.detail LIKE '%in state waiting')))",
    ),
    whole(
        "no task goes on that has used up its attempts",
        "SELECT id, infra_attempts, qa_retries, escalations, interruptions FROM task
            WHERE qa_retries > 2 OR escalations > 1 OR infra_attempts > 3
               OR (infra_attempts >= 3 AND state IN ('open', 'started')) OR (interruptions > 25 AND state IN ('open', 'started'))",
    ),
    whole(
        "each call in the ledger belongs to a run of its task, and each call that has a receipt is in the ledger",
        "SELECT l.run, l.call FROM ledger l JOIN run r ON r.id = l.run WHERE r.task <> l.task
         UNION ALL SELECT s.run, s.key FROM step s WHERE s.key LIKE 'call-%' AND s.state = 'done'
            AND NOT EXISTS (SELECT 1 FROM ledger l WHERE l.run = s.run AND 'call-' || l.call = s.key AND l.state = 'settled')",
    ),
    whole(
        "each sum of money is what its calls add up to",
        "SELECT scope, key, sum(spent), sum(reserved), sum(unknown), sum(list_equivalent) FROM (
            SELECT scope, key, spent, reserved, unknown, list_equivalent FROM booked_by
            UNION ALL SELECT scope, key, -spent, -reserved, -unknown, -list_equivalent FROM purse)
         GROUP BY scope, key HAVING sum(spent) <> 0 OR sum(reserved) <> 0 OR sum(unknown) <> 0 OR sum(list_equivalent) <> 0",
    ),
    whole(
        "a merged row's lineage is integrated, and only that",
        "SELECT m.id, m.task FROM merge m JOIN task t ON t.id = m.task
            WHERE m.kind = 'integrate' AND ((m.state = 'merged') AND t.integrated IS NULL)
         UNION SELECT 0, t.id FROM task t WHERE t.integrated IS NOT NULL
            AND NOT EXISTS (SELECT 1 FROM merge m WHERE m.task = t.id AND m.kind = 'integrate' AND m.state = 'merged')",
    ),
    whole(
        "the end of a task is told to the outside",
        // Of no goal: on the pages of its line, or of one that this goes on from, where a follow-up of before had its own.
        "SELECT t.id FROM task t WHERE t.state IN ('done', 'failed', 'cancelled') AND NOT EXISTS
            (WITH RECURSIVE up(id) AS (SELECT coalesce(t.goal, t.lineage, t.id)
                UNION SELECT ifnull(p.lineage, p.id) FROM up JOIN task f ON f.id = up.id JOIN task p ON p.id = f.parent AND p.id < f.id
                    WHERE t.goal IS NULL AND (p.kind IN ('review', 'security', 'verify')
                        OR (p.kind IN ('build', 'ops', 'docs') AND f.kind IN ('ops', 'docs'))
                        OR (p.kind = 'build' AND f.kind = 'spec') OR (p.kind = 'spec' AND f.kind = 'build')))
             SELECT 1 FROM up JOIN outbox o ON o.sink = 'wiki' AND o.payload = CAST(up.id AS TEXT))",
    ),
    whole(
        "a schedule fires once at each moment",
        "SELECT schedule, fire_ms, count(*) FROM firing GROUP BY schedule, fire_ms HAVING count(*) > 1",
    ),
    whole(
        "a request that was answered can be told from another one",
        "SELECT id FROM task WHERE (idem_key IS NULL) <> (idem_hash IS NULL)
         UNION ALL SELECT rowid FROM inbox WHERE hash = '' OR answer = ''",
    ),
    whole(
        "what a run says in a session it says on its own task",
        "SELECT e.id, e.run FROM entry e JOIN run r ON r.id = e.run WHERE r.task <> e.task",
    ),
    whole("foreign keys hold", "SELECT \"table\", rowid, parent FROM pragma_foreign_key_check"),
];

/// Beside a daemon: its heartbeats come at least this often, with a beat to spare.
const LAPSED_MS_MAX: i64 = 2 * 60_000;

const SOUND: &str = "the file is sound";
const NO_CIRCLE: &str = "no tasks need each other in a circle";

/// The names of all that [`fsck`] checks.
pub fn invariants() -> impl Iterator<Item = &'static str> {
    [SOUND, NO_CIRCLE]
        .into_iter()
        .chain(INVARIANTS.iter().map(|i| i.name))
}

/// Checks the file and every invariant.
pub fn fsck(reader: &Reader) -> Result<Vec<Fault>, MissionError> {
    reader.read_afresh(check)
}

/// The same while a daemon serves the store: no lease may have lapsed for longer than it takes to notice.
pub fn fsck_served(reader: &Reader, now_ms: i64) -> Result<Vec<Fault>, MissionError> {
    reader.read_afresh(|c| {
        let mut faults = check(c)?;
        let sql = "SELECT id, task, lease_until FROM run WHERE state = 'live' AND lease_until < ?";
        let rows = rows(c, sql, &[&(now_ms - LAPSED_MS_MAX)])?;
        if !rows.is_empty() {
            faults.push(Fault {
                invariant: "no lease has lapsed for two minutes while a daemon runs",
                rows,
            });
        }
        Ok(faults)
    })
}

pub(crate) fn check(c: &Connection) -> Result<Vec<Fault>, MissionError> {
    let mut faults = Vec::new();
    let integrity: String = c.query_row("PRAGMA integrity_check(5)", [], |r| r.get(0))?;
    if integrity != "ok" {
        faults.push(Fault {
            invariant: SOUND,
            rows: vec![integrity],
        });
    }
    let circle = circle(c)?;
    if !circle.is_empty() {
        faults.push(Fault {
            invariant: NO_CIRCLE,
            rows: circle,
        });
    }
    faults.extend(broken(c, &|_| true)?);
    Ok(faults)
}

/// What can be checked at every start, whatever the store's size.
pub(crate) fn check_bounded(c: &Connection) -> Result<Vec<Fault>, MissionError> {
    broken(c, &|invariant| invariant.bounded)
}

fn broken(c: &Connection, wanted: &dyn Fn(&Invariant) -> bool) -> Result<Vec<Fault>, MissionError> {
    let mut faults = Vec::new();
    for invariant in INVARIANTS.iter().filter(|i| wanted(i)) {
        let rows = rows(c, invariant.sql, &[])?;
        if !rows.is_empty() {
            faults.push(Fault {
                invariant: invariant.name,
                rows,
            });
        }
    }
    Ok(faults)
}

fn rows(
    c: &Connection,
    sql: &str,
    params: &[&dyn rusqlite::ToSql],
) -> Result<Vec<String>, MissionError> {
    let mut statement = c.prepare(sql)?;
    let columns = statement.column_count();
    let rows = statement.query_map(params, |r| {
        let cells: Result<Vec<String>, _> = (0..columns)
            .map(|at| r.get_ref(at).map(|v| format!("{v:?}")))
            .collect();
        Ok(cells?.join(" "))
    })?;
    Ok(rows.collect::<Result<_, _>>()?)
}

/// Tasks that need each other: what is left when those that need nothing are taken away, again and again. Not a recursive query:
/// it would look at every pair of a long chain.
fn circle(c: &Connection) -> Result<Vec<String>, MissionError> {
    let mut statement = c.prepare("SELECT task, needs FROM need")?;
    let edges = statement
        .query_map([], |r| Ok((r.get(0)?, r.get(1)?)))?
        .collect::<Result<Vec<(i64, i64)>, _>>()?;
    let mut left: BTreeMap<i64, usize> = BTreeMap::new();
    let mut needed_by: BTreeMap<i64, Vec<i64>> = BTreeMap::new();
    for (task, needs) in edges {
        *left.entry(task).or_default() += 1;
        left.entry(needs).or_default();
        needed_by.entry(needs).or_default().push(task);
    }
    let mut free: Vec<i64> = left
        .iter()
        .filter_map(|(task, needs)| (*needs == 0).then_some(*task))
        .collect();
    while let Some(task) = free.pop() {
        left.remove(&task);
        for dependent in needed_by.remove(&task).unwrap_or_default() {
            if let Some(needs) = left.get_mut(&dependent) {
                *needs -= 1;
                if *needs == 0 {
                    free.push(dependent);
                }
            }
        }
    }
    Ok(left
        .into_keys()
        .map(|task| TaskId(task).to_string())
        .collect())
}

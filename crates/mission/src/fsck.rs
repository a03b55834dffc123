//! The invariants of the store, each a query that must answer nothing.

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

/// Name, and a query whose every row is a fault.
const INVARIANTS: [(&str, &str); 14] = [
    (
        "a task that is started or ready for review by a run has exactly one live run, of its own epoch",
        "SELECT t.id, t.state, t.epoch FROM task t WHERE t.state = 'started'
            AND (SELECT count(*) FROM run r WHERE r.task = t.id AND r.state = 'live' AND r.epoch = t.epoch) <> 1",
    ),
    (
        "a live run belongs to a task that is started or ready for review",
        "SELECT r.id, t.id, t.state FROM run r JOIN task t ON t.id = r.task
            WHERE r.state = 'live' AND t.state NOT IN ('started', 'ready_for_review')",
    ),
    (
        "the epochs of a task's runs are 1, 2, 3 up to its own",
        "SELECT t.id, t.epoch, count(r.id), max(r.epoch) FROM task t LEFT JOIN run r ON r.task = t.id
            GROUP BY t.id HAVING count(r.id) <> t.epoch OR ifnull(max(r.epoch), 0) <> t.epoch",
    ),
    (
        "blocked_count is the number of needs that are not met",
        "SELECT id, blocked_count FROM task
            WHERE blocked_count <> (SELECT count(*) FROM need WHERE need.task = task.id AND satisfied = 0)",
    ),
    (
        "a need is met exactly when what is needed is done or integrated",
        "SELECT n.task, n.needs, n.until, n.satisfied FROM need n JOIN task t ON t.id = n.needs
            WHERE n.satisfied <> (CASE n.until WHEN 'integrated' THEN t.integrated IS NOT NULL ELSE t.state = 'done' END)",
    ),
    (
        "the state is what the last transition says",
        "SELECT t.id, t.state, e.to_state FROM task t JOIN event e ON e.seq =
            (SELECT max(seq) FROM event WHERE task = t.id AND to_state IS NOT NULL) WHERE e.to_state <> t.state",
    ),
    (
        "each transition starts where the one before it ended",
        "SELECT task, seq, from_state, before FROM (SELECT task, seq, from_state,
                lag(to_state) OVER (PARTITION BY task ORDER BY seq) AS before FROM event WHERE to_state IS NOT NULL)
            WHERE before IS NOT NULL AND before <> from_state",
    ),
    (
        "a build that is done by a run has a measured commit",
        "SELECT t.id FROM task t JOIN run r ON r.task = t.id AND r.epoch = t.epoch
            WHERE t.kind IN ('build', 'ops', 'docs') AND t.state = 'done' AND r.state = 'succeeded'
              AND (t.head IS NULL OR t.base IS NULL)",
    ),
    (
        "a done build has exactly one successor in its pipeline",
        "SELECT t.id FROM task t JOIN run r ON r.task = t.id AND r.epoch = t.epoch AND r.state = 'succeeded'
            WHERE t.kind = 'build' AND t.state = 'done' AND t.solo = 0
              AND (SELECT count(*) FROM task n WHERE n.parent = t.id AND n.kind = 'review') <> 1",
    ),
    (
        "review cycles stay within the cap, or a person decides",
        "SELECT id, review_cycles, state FROM task WHERE review_cycles > 3",
    ),
    (
        "a merged row's lineage is integrated, and only that",
        "SELECT m.id, m.task FROM merge m JOIN task t ON t.id = m.task
            WHERE m.kind = 'integrate' AND ((m.state = 'merged') AND t.integrated IS NULL)
         UNION SELECT 0, t.id FROM task t WHERE t.integrated IS NOT NULL
            AND NOT EXISTS (SELECT 1 FROM merge m WHERE m.task = t.id AND m.kind = 'integrate' AND m.state = 'merged')",
    ),
    (
        "no open task needs a line of work that ended without a merge",
        "SELECT t.id, n.needs FROM need n JOIN task t ON t.id = n.task
            WHERE t.state = 'open' AND n.satisfied = 0
              AND NOT EXISTS (SELECT 1 FROM task l WHERE (l.id = n.needs OR l.lineage = n.needs)
                    AND l.state NOT IN ('done', 'failed', 'cancelled'))
              AND NOT EXISTS (SELECT 1 FROM merge m WHERE m.task = n.needs AND m.state = 'queued')",
    ),
    (
        "only live runs hold something, and nobody holds more than there is",
        "SELECT s.key, count(*), min(s.most) FROM slot s LEFT JOIN run r ON r.id = s.run AND r.state = 'live'
            GROUP BY s.key HAVING count(*) > max(s.most) OR count(r.id) < count(*)",
    ),
    ("foreign keys hold", "SELECT \"table\", rowid, parent FROM pragma_foreign_key_check"),
];

/// Checks the file and every invariant.
pub fn fsck(reader: &Reader) -> Result<Vec<Fault>, MissionError> {
    reader.read(check)
}

pub(crate) fn check(c: &Connection) -> Result<Vec<Fault>, MissionError> {
    let mut faults = Vec::new();
    let integrity: String = c.query_row("PRAGMA integrity_check(5)", [], |r| r.get(0))?;
    if integrity != "ok" {
        faults.push(Fault {
            invariant: "the file is sound",
            rows: vec![integrity],
        });
    }
    for (invariant, sql) in INVARIANTS {
        let mut statement = c.prepare(sql)?;
        let columns = statement.column_count();
        let rows = statement.query_map([], |r| {
            let cells: Result<Vec<String>, _> = (0..columns)
                .map(|at| r.get_ref(at).map(|v| format!("{v:?}")))
                .collect();
            Ok(cells?.join(" "))
        })?;
        let rows = rows.collect::<Result<Vec<_>, _>>()?;
        if !rows.is_empty() {
            faults.push(Fault { invariant, rows });
        }
    }
    Ok(faults)
}

//! What runs of each kind of task took before, for whoever asks what the next ones will take.

use alai_core::ids::ProjectId;
use alai_core::plan::PastRun;
use alai_core::task::TaskKind;
use rusqlite::params;

use crate::error::MissionError;
use crate::reader::Reader;
use crate::task::word;

/// Runs of one kind that are looked at, the newest first: what is older was done by other models, with other packs.
const RUNS_MAX: i64 = 100;

impl Reader {
    /// Runs of the factory that have worked and ended by themselves, the newest of each kind, of one project or of all. A run has worked
    /// when a call of its model is in the books, also one of which nobody ever learned what it took: its time is a measure, its tokens and
    /// its cost are unknown. A postflight asks none. Who ended before that took nothing, and that is no measure of the work. Without those
    /// that a recording answered: its time and its tokens are nobody's.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn past_runs(&self, project: Option<ProjectId>) -> Result<Vec<PastRun>, MissionError> {
        self.read(|c| {
            let mut statement = c.prepare(
                "SELECT p.kind, p.run_ms,
                    (SELECT sum(prompt_tokens + cache_read_tokens + cache_write_tokens + output_tokens) FROM ledger l
                        WHERE l.run = p.id AND l.state = 'settled'),
                    (SELECT sum(cost_microusd) FROM ledger l
                        WHERE l.run = p.id AND l.state = 'settled' AND l.word <> 'list_equivalent'),
                    EXISTS (SELECT 1 FROM ledger l WHERE l.run = p.id AND l.state = 'unknown'),
                    EXISTS (SELECT 1 FROM ledger l WHERE l.run = p.id AND l.state = 'unknown' AND l.reserved_microusd > 0),
                    EXISTS (SELECT 1 FROM ledger l WHERE l.run = p.id AND l.state = 'settled' AND l.word = 'estimated')
                 FROM (SELECT r.id, t.kind, r.ended_ms - r.started_ms AS run_ms,
                        row_number() OVER (PARTITION BY t.kind ORDER BY r.started_ms DESC, r.id DESC) AS nth
                    FROM run r JOIN task t ON t.id = r.task
                    WHERE r.holder = 'factory' AND r.state IN ('succeeded', 'failed') AND r.mode IS NOT 'simulated'
                        AND (t.kind = 'postflight'
                            OR EXISTS (SELECT 1 FROM ledger l WHERE l.run = r.id AND l.state IN ('settled', 'unknown')))
                        AND (?1 IS NULL OR t.project = ?1)) p
                 WHERE p.nth <= ?2",
            )?;
            let mut rows = statement.query(params![project.map(|id| id.0), RUNS_MAX])?;
            let mut past = Vec::new();
            while let Some(row) = rows.next()? {
                let number = |at: usize| -> Result<u64, MissionError> {
                    let read: Option<i64> = row.get(at)?;
                    Ok(u64::try_from(read.unwrap_or(0)).unwrap_or(0))
                };
                let known = |lost: bool, value: u64| (!lost).then_some(value);
                past.push(PastRun {
                    kind: word("task", &row.get::<_, String>(0)?, TaskKind::parse)?,
                    run_ms: number(1)?,
                    tokens: known(row.get(4)?, number(2)?),
                    microusd: known(row.get(5)?, number(3)?),
                    estimated: row.get(6)?,
                });
            }
            Ok(past)
        })
    }
}

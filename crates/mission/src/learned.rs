//! The table `learned`: what was seen of each model, kept over restarts. And what a run says of the model that it has.

use rusqlite::params;
use serde::{Deserialize, Serialize};

use crate::claim::{Fence, fenced};
use crate::error::MissionError;
use crate::reader::Reader;
use crate::writer::Mission;

/// Models kept: a fleet has tens, and a stranger's names must not fill the store.
const MODELS_MAX: u32 = 1_000;

/// What is known of one model on one host.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Learned {
    pub host: String,
    pub model: String,
    /// Thousandths of a character a token; none where its server has counted nothing yet.
    pub milli_chars_per_token: Option<u32>,
    /// Answers of agents' turns.
    pub turns: u64,
    /// Of them those of which no call could be read.
    pub malformed: u64,
    /// Of them those whose calls were dug out of text.
    pub salvaged: u64,
}

impl Mission {
    /// Adds what a run has seen: counts to those before, a rate in the place of the last one.
    pub fn learn(&self, seen: Vec<Learned>, now_ms: i64) -> Result<(), MissionError> {
        self.write(move |c| {
            for one in &seen {
                c.prepare_cached(
                    "INSERT INTO learned (host, model, milli_chars_per_token, turns, malformed, salvaged, at_ms)
                     SELECT ?1, ?2, ?3, ?4, ?5, ?6, ?7 WHERE (SELECT count(*) FROM learned) < ?8
                        OR EXISTS (SELECT 1 FROM learned WHERE host = ?1 AND model = ?2)
                     ON CONFLICT (host, model) DO UPDATE SET
                        milli_chars_per_token = ifnull(excluded.milli_chars_per_token, milli_chars_per_token),
                        turns = turns + excluded.turns, malformed = malformed + excluded.malformed,
                        salvaged = salvaged + excluded.salvaged, at_ms = excluded.at_ms",
                )?
                .execute(params![
                    one.host,
                    one.model,
                    one.milli_chars_per_token.filter(|rate| *rate > 0),
                    signed(one.turns),
                    signed(one.malformed),
                    signed(one.salvaged),
                    now_ms,
                    MODELS_MAX,
                ])?;
            }
            Ok(())
        })
    }

    /// Keeps why a run has its model and how its tools are called, for people.
    pub fn explain_run(
        &self,
        fence: &Fence,
        choice: &str,
        pipeline: &str,
    ) -> Result<(), MissionError> {
        let (fence, choice, pipeline) = (fence.clone(), choice.to_owned(), pipeline.to_owned());
        self.write(move |c| {
            fenced(c, &fence)?;
            c.prepare_cached("UPDATE run SET choice = ?, pipeline = ? WHERE id = ?")?
                .execute(params![choice, pipeline, fence.run.0])?;
            Ok(())
        })
    }

    /// Keeps what a run fell back to.
    pub fn fell_back(&self, fence: &Fence, pipeline: &str) -> Result<(), MissionError> {
        let (fence, pipeline) = (fence.clone(), pipeline.to_owned());
        self.write(move |c| {
            fenced(c, &fence)?;
            c.prepare_cached("UPDATE run SET pipeline = ? WHERE id = ?")?
                .execute(params![pipeline, fence.run.0])?;
            Ok(())
        })
    }
}

impl Reader {
    /// Everything that was learned, by host and model.
    pub fn learned(&self) -> Result<Vec<Learned>, MissionError> {
        self.read(|c| {
            let mut statement = c.prepare_cached(
                "SELECT host, model, milli_chars_per_token, turns, malformed, salvaged FROM learned ORDER BY host, model",
            )?;
            let rows = statement.query_map([], |r| {
                let count = |at| r.get::<_, i64>(at).map(i64::unsigned_abs);
                Ok(Learned {
                    host: r.get(0)?,
                    model: r.get(1)?,
                    milli_chars_per_token: r.get(2)?,
                    turns: count(3)?,
                    malformed: count(4)?,
                    salvaged: count(5)?,
                })
            })?;
            Ok(rows.collect::<Result<_, _>>()?)
        })
    }
}

fn signed(count: u64) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}

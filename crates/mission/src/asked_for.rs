//! What the blueprint of a run asks to follow its merge: kept on the task by the tags that a person would give it.

use alai_core::pipeline::{self, Stage};
use rusqlite::params;

use crate::claim::{Fence, fenced};
use crate::error::MissionError;
use crate::event::{Stamp, happened};
use crate::task::{json, one};
use crate::writer::Mission;

impl Mission {
    /// Notes on a run's task that the blueprint which it walks asks for these stages. What is there already is said once; nothing is taken away, so
    /// that a line whose blueprint changes keeps what it was begun with.
    ///
    /// # Errors
    /// When the run has lost its task.
    pub fn blueprint_asks_for(
        &self,
        fence: &Fence,
        blueprint: &str,
        stages: &[Stage],
        now_ms: i64,
    ) -> Result<(), MissionError> {
        let (fence, blueprint, stages) = (fence.clone(), blueprint.to_owned(), stages.to_vec());
        self.write(move |c| {
            fenced(c, &fence)?;
            let mut tags = one(c, fence.task)?.tags;
            let mut new = stages;
            new.retain(|stage| {
                pipeline::tag_of(*stage).is_some_and(|tag| !tags.iter().any(|own| own == tag))
            });
            if new.is_empty() {
                return Ok(());
            }
            tags.extend(
                new.iter()
                    .filter_map(|s| pipeline::tag_of(*s).map(str::to_owned)),
            );
            c.prepare_cached("UPDATE task SET tags = ? WHERE id = ?")?
                .execute(params![json(&tags)?, fence.task.0])?;
            let stamp = Stamp {
                actor: "factory".into(),
                run: Some(fence.run.clone()),
                now_ms,
            };
            let names: Vec<&str> = new.iter().map(|stage| stage.as_str()).collect();
            let said = format!("the blueprint {blueprint} asks for {}", names.join(" and "));
            happened(c, Some(fence.task), "asked_for", &said, &stamp)
        })
    }
}

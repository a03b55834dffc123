//! What sort of task it is: written once, by the run that found it out.

use alai_core::routing::Class;
use rusqlite::params;

use crate::claim::{Fence, fenced};
use crate::error::MissionError;
use crate::event::{Stamp, happened};
use crate::task::one;
use crate::writer::Mission;

impl Mission {
    /// Keeps the class of a run's task. The first one stands, and is returned.
    pub fn classify(
        &self,
        fence: &Fence,
        class: &Class,
        now_ms: i64,
    ) -> Result<Class, MissionError> {
        let (fence, class) = (fence.clone(), class.clone());
        self.write(move |c| {
            fenced(c, &fence)?;
            if let Some(first) = one(c, fence.task)?.class {
                return Ok(first);
            }
            let text = serde_json::to_string(&class).map_err(|e| row(&e))?;
            c.prepare_cached("UPDATE task SET class = ? WHERE id = ?")?
                .execute(params![text, fence.task.0])?;
            let stamp = Stamp {
                actor: "factory".into(),
                run: Some(fence.run.clone()),
                now_ms,
            };
            happened(
                c,
                Some(fence.task),
                "classified",
                &class.to_string(),
                &stamp,
            )?;
            Ok(class.clone())
        })
    }
}

pub(crate) fn read(text: &str) -> Result<Class, MissionError> {
    serde_json::from_str(text).map_err(|e| row(&e))
}

fn row(e: &serde_json::Error) -> MissionError {
    MissionError::Row {
        table: "task",
        why: format!("its class: {e}"),
    }
}

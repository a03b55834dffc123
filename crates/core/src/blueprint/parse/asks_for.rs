//! `asks_for`: the stages that follow the merge of what is built by a blueprint.

use serde_saphyr::Spanned;

use super::{BlueprintError, Reader, yaml};
use crate::pipeline::Stage;

/// What a blueprint can ask for. What judges a change is no wish of whoever builds it.
pub(super) const ASKED: [Stage; 2] = [Stage::Ops, Stage::Docs];

impl Reader<'_> {
    pub(super) fn asks_for(&self, names: &[Spanned<String>]) -> Result<Vec<Stage>, BlueprintError> {
        let mut stages = Vec::new();
        for name in names {
            let Some(stage) = ASKED.into_iter().find(|s| s.as_str() == name.value) else {
                let hint = yaml::hint(&name.value, ASKED.iter().map(|s| s.as_str()));
                let problem = format!("a blueprint cannot ask for `{}`; {hint}", name.value);
                return Err(self.place(name.referenced).invalid(problem));
            };
            if stages.contains(&stage) {
                let problem = format!("`{stage}` is asked for twice");
                return Err(self.place(name.referenced).invalid(problem));
            }
            stages.push(stage);
        }
        Ok(stages)
    }
}

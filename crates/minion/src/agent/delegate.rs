//! The tool `delegate`: what a lead hands out. It leaves the run as a value; whoever started the run judges it again, and makes the
//! tasks.

use alai_core::delegation::Proposal;

use super::Sitting;
use super::act::Acted;
use crate::guard::Kind;
use crate::redact::redact;

impl Sitting<'_, '_> {
    /// Has a proposal judged, free of secrets: its words stand in prompts and pages later.
    pub(super) fn delegate(&mut self, proposal: Proposal) -> Acted {
        let Some(delegations) = &mut self.walk.delegations else {
            return Acted::wrong("Nothing can be handed out here.".into(), Kind::Other);
        };
        let judged = delegations.offer(without_secrets(proposal));
        match judged {
            Ok(said) => Acted::fine(said, Kind::Other),
            Err(why) => {
                self.hard(&why);
                Acted::wrong(why, Kind::Other)
            }
        }
    }

    /// What a lead has left open speaks against its end once, as everything else does.
    pub(super) fn open_proposals(&mut self) -> Option<String> {
        if self.walk.is_narrowed() || self.last || self.refused {
            return None;
        }
        let open = self.walk.delegations.as_ref()?.open()?;
        self.refused = true;
        self.hard("done was refused once");
        Some(format!("Not yet. {open}"))
    }
}

fn without_secrets(proposal: Proposal) -> Proposal {
    let clean = |text: &String| redact(text).into_owned();
    let all = |texts: &[String]| texts.iter().map(clean).collect();
    Proposal {
        key: clean(&proposal.key),
        title: clean(&proposal.title),
        description: clean(&proposal.description),
        company: proposal.company.as_ref().map(clean),
        role: proposal.role,
        acceptance: all(&proposal.acceptance),
        paths: all(&proposal.paths),
        needs: all(&proposal.needs),
        withdraw: proposal.withdraw,
    }
}

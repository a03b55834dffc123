//! A route in words for people: who, by whose word, by how much, and who else could have been.

use std::fmt;

use super::{Decided, Doubt, LEAD_MIN, Place, Reason, Route, SCORE_MIN};

impl Route {
    /// Lines for people: what decided, the words with their points, and the next best.
    pub fn said(&self) -> Vec<String> {
        let mut lines = vec![format!("{}: {}", self.company, self.why())];
        if !self.reasons.is_empty() {
            let reasons: Vec<String> = self.reasons.iter().map(Reason::to_string).collect();
            lines.push(format!("{} points: {}", self.score, reasons.join(", ")));
        }
        if let Some(next) = &self.runner_up {
            lines.push(format!("else {}: {} points", next.company, next.score));
        }
        lines
    }

    fn why(&self) -> String {
        let stage = self.stage.as_str();
        let doubt = self
            .doubt
            .map_or(String::new(), |doubt| self.in_doubt(doubt));
        match self.decided {
            Decided::Pin => "the task is pinned to it".to_owned(),
            Decided::Keywords => match self.doubt {
                None => format!(
                    "its words say so, with {SCORE_MIN} points or more and {LEAD_MIN} ahead"
                ),
                Some(Doubt::Close) => format!("{doubt}, and no model says otherwise"),
                Some(_) => format!("the best there is, and stage {stage} has no default: {doubt}"),
            },
            Decided::Class => {
                let domain = self.heard.map_or(String::new(), |heard| {
                    let (domain, source) = (heard.domain.as_str(), heard.source.as_str());
                    format!(
                        "the task's domain is {domain} (by {source}, {}% sure)",
                        heard.confidence
                    )
                });
                format!("{domain}: {doubt}")
            }
            Decided::Default => format!("the default of stage {stage}: {doubt}"),
            Decided::OnlyOne => format!("the one company of stage {stage}"),
            Decided::StandIn => format!("no company of stage {stage} is loaded"),
        }
    }

    fn in_doubt(&self, doubt: Doubt) -> String {
        match doubt {
            Doubt::Silent => "no word speaks for anybody".to_owned(),
            Doubt::Weak => format!("nobody has {SCORE_MIN} points"),
            Doubt::Tied => "several have the most points".to_owned(),
            Doubt::Close => format!("it leads by less than {LEAD_MIN} points"),
            Doubt::Code => {
                "the title asks for code, which the first by its words may not write".to_owned()
            }
        }
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let place = match self.place {
            Place::Tag => "tag",
            Place::Title => "title",
            Place::About => "what the title is about",
            Place::Description => "description",
        };
        write!(f, "{} ({place}, {:+})", self.keyword, self.weight)
    }
}

//! How a session ended, and what that means for the run: pure, from what was seen.

use alai_core::record::Exit;
use alai_fleet::ErrorClass;

use super::heard::class_by_words;
use super::pump::{Ran, Stop};
use super::{Engine, Outcome};
use crate::redact::redact;
use crate::report::ExitStatus;
use crate::text::cut;

/// Bytes of a complaint in a reason.
const DETAIL_BYTES_MAX: usize = 1_000;

/// What came of a session. The program's own result beats everything that came after it, its exit code too.
pub(crate) fn outcome(ran: &Ran) -> Outcome {
    match &ran.stop {
        Stop::Ended => match &ran.tally.ended {
            Some(ended) => ended.outcome.clone(),
            None => cut_off(ran),
        },
        Stop::Over if ran.tally.understood == 0 => never_began(ran),
        Stop::Over => cut_off(ran),
        Stop::Silent { after_s } => Outcome::Hung { after_s: *after_s },
        Stop::TimedOut => Outcome::TimedOut,
        Stop::Cancelled => Outcome::Cancelled,
        Stop::Turns => Outcome::TurnsSpent,
        Stop::Budget => Outcome::OverBudget,
        Stop::Flood(detail) => Outcome::Malformed {
            detail: detail.clone(),
        },
    }
}

/// It spoke no line of its protocol: a login that is gone is often said in plain words.
fn never_began(ran: &Ran) -> Outcome {
    let detail = how(ran);
    match class_by_words(&ran.complaint) {
        Some(class @ ErrorClass::Refused) => Outcome::Failed { class, detail },
        Some(_) | None if ran.tally.garbage > 0 => Outcome::Malformed { detail },
        Some(_) | None => Outcome::Cut { detail },
    }
}

fn cut_off(ran: &Ran) -> Outcome {
    Outcome::Cut { detail: how(ran) }
}

fn how(ran: &Ran) -> String {
    let exit = match &ran.exit {
        // A shell's word for SIGTERM.
        Ok(Exit::Code { code: 143 }) => "exit 143, ended from outside".to_owned(),
        Ok(exit) => exit.to_string(),
        Err(why) => why.clone(),
    };
    match ran.complaint.is_empty() {
        true => exit,
        // It may repeat what it was told.
        false => format!("{exit}: {}", cut(&redact(&ran.complaint), DETAIL_BYTES_MAX)),
    }
}

/// How the run ends for it; `Ok` where the program says that it is done. What is no fault of the work is infrastructure and never
/// leads to a dearer model.
pub(crate) fn status(engine: Engine, outcome: &Outcome) -> Result<(), ExitStatus> {
    let infrastructure = |what: &str| {
        let detail = format!("{}: {what}", engine.as_str());
        Err(ExitStatus::ProviderError {
            infrastructure: true,
            detail: redact(&detail).into_owned(),
        })
    };
    match outcome {
        Outcome::Done => Ok(()),
        Outcome::OverBudget => Err(ExitStatus::CostLimit),
        Outcome::TurnsSpent => Err(ExitStatus::StepLimit),
        Outcome::TimedOut => Err(ExitStatus::TimeLimit),
        Outcome::Cancelled => Err(ExitStatus::Cancelled),
        Outcome::Cut { detail } => infrastructure(&format!("it ended without a result ({detail})")),
        Outcome::Hung { after_s } => {
            infrastructure(&format!("it was silent for {after_s} s and was ended"))
        }
        Outcome::Malformed { detail } => infrastructure(&format!(
            "what it says is not its protocol ({detail}); is it the program that its engine stands for?"
        )),
        Outcome::Failed { class, detail } => match class {
            ErrorClass::Cancelled => Err(ExitStatus::Cancelled),
            ErrorClass::OverBudget => Err(ExitStatus::CostLimit),
            ErrorClass::ContextTooLong | ErrorClass::ContextTruncated => {
                Err(ExitStatus::ContextTruncated)
            }
            ErrorClass::Malformed | ErrorClass::Repeating | ErrorClass::Filtered => {
                Err(ExitStatus::Format)
            }
            ErrorClass::Unreachable
            | ErrorClass::Busy
            | ErrorClass::Loading
            | ErrorClass::ModelMissing
            | ErrorClass::BadRequest
            | ErrorClass::NoTools
            | ErrorClass::MidStream
            | ErrorClass::Cut
            | ErrorClass::Stalled
            | ErrorClass::TimedOut
            | ErrorClass::Refused
            | ErrorClass::ServerFault
            | ErrorClass::ScriptExhausted => Err(ExitStatus::ProviderError {
                infrastructure: class.is_infrastructure(),
                detail: redact(&format!(
                    "{}: {detail} ({class}){}",
                    engine.as_str(),
                    remedy(engine, *class)
                ))
                .into_owned(),
            }),
        },
    }
}

/// What a person can do about it.
fn remedy(engine: Engine, class: ErrorClass) -> &'static str {
    match (engine, class) {
        (Engine::ClaudeCli, ErrorClass::Refused) => {
            "; log in with `claude` and `/login`, correct the key, or fill the account that it is paid from"
        }
        (Engine::CodexCli, ErrorClass::Refused) => {
            "; log in with `codex login`, correct the key, or fill the account that it is paid from"
        }
        (Engine::Acp, ErrorClass::Refused) => {
            "; log in with the agent itself, correct the key, or fill the account that it is paid from"
        }
        (_, ErrorClass::ModelMissing) => "; correct the agent's `model` in alai.toml",
        _ => "",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::heard::Tally;
    use std::time::Duration;

    fn ran(stop: Stop, understood: u64, complaint: &str) -> Ran {
        Ran {
            tally: Tally {
                understood,
                garbage: u64::from(understood == 0),
                ..Tally::default()
            },
            stop,
            exit: Ok(Exit::Code { code: 143 }),
            complaint: complaint.into(),
            duration: Duration::ZERO,
        }
    }

    #[test]
    fn nothing_that_is_not_the_works_fault_is_quality() {
        let plain = ran(Stop::Over, 0, "Please run /login first");
        assert!(matches!(
            outcome(&plain),
            Outcome::Failed {
                class: ErrorClass::Refused,
                ..
            }
        ));
        let garbage = ran(Stop::Over, 0, "hello world");
        assert!(matches!(outcome(&garbage), Outcome::Malformed { .. }));
        let killed = ran(Stop::Over, 3, "");
        assert_eq!(
            outcome(&killed),
            Outcome::Cut {
                detail: "exit 143, ended from outside".into()
            }
        );
        for ran in [
            plain,
            garbage,
            killed,
            ran(Stop::Silent { after_s: 9 }, 1, ""),
            ran(Stop::Flood("much".into()), 1, ""),
        ] {
            let ended = status(Engine::ClaudeCli, &outcome(&ran));
            let Err(ExitStatus::ProviderError {
                infrastructure: true,
                detail,
            }) = ended
            else {
                panic!("{ended:?}")
            };
            assert!(detail.starts_with("claude-cli: "), "{detail}");
        }
    }

    #[test]
    fn a_complaint_is_told_without_secrets() {
        let said = "Authorization: Bearer abcdef0123456789xyz";
        let outcome = outcome(&ran(Stop::Over, 2, said));
        assert!(
            !format!("{outcome:?}").contains("abcdef0123456789xyz"),
            "{outcome:?}"
        );
    }

    #[test]
    fn limits_are_limits() {
        for (stop, want) in [
            (Stop::Turns, ExitStatus::StepLimit),
            (Stop::Budget, ExitStatus::CostLimit),
            (Stop::TimedOut, ExitStatus::TimeLimit),
            (Stop::Cancelled, ExitStatus::Cancelled),
        ] {
            assert_eq!(status(Engine::Acp, &outcome(&ran(stop, 1, ""))), Err(want));
        }
    }
}

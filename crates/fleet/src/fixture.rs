//! A plain request, for tests of this crate.

use alai_core::brief::Role;
use alai_core::task::TaskKind;

use crate::chat::{ChatRequest, Message, Profile, Purpose};

pub(crate) fn request(model: &str) -> ChatRequest {
    ChatRequest {
        model: model.to_owned(),
        messages: vec![Message::User {
            text: "Say ok.".to_owned(),
        }],
        tools: Vec::new(),
        format: None,
        profile: Profile::default(),
        purpose: Purpose {
            task_kind: TaskKind::Build,
            task_title: "Add rate limiting".to_owned(),
            role: Role::Builder,
            company: "acme".to_owned(),
            step: "build".to_owned(),
            attempt: 0,
            visit: 0,
            turn: 0,
        },
    }
}

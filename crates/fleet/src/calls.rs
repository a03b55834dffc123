//! The ids of tool calls, which pair a call with its result.

use std::collections::BTreeSet;

use crate::chat::{Message, ToolCall};

/// Gives every call an id that is unique in its conversation, keeping the server's where it is.
pub(crate) fn with_ids(calls: Vec<ToolCall>, messages: &[Message]) -> Vec<ToolCall> {
    let mut taken: BTreeSet<String> = BTreeSet::new();
    for message in messages {
        match message {
            Message::Assistant { calls, .. } => {
                taken.extend(calls.iter().map(|call| call.id.clone()))
            }
            Message::Tool { call_id, .. } => drop(taken.insert(call_id.clone())),
            Message::System { .. } | Message::User { .. } => {}
        }
    }
    calls
        .into_iter()
        .map(|mut call| {
            if call.id.is_empty() || taken.contains(&call.id) {
                let free = (taken.len()..)
                    .map(|n| format!("call_{n}"))
                    .find(|id| !taken.contains(id));
                call.id = free.expect("there are more numbers than calls");
            }
            taken.insert(call.id.clone());
            call
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture::request;

    #[test]
    fn ids_are_unique_in_the_conversation() {
        let call = |id: &str| ToolCall {
            id: id.to_owned(),
            name: "read".to_owned(),
            arguments: serde_json::Map::new(),
        };
        let mut request = request("m");
        request.messages.push(Message::Assistant {
            text: String::new(),
            calls: vec![call("call_0"), call("x")],
        });
        let calls = with_ids(
            vec![call(""), call("x"), call("y"), call("y"), call("")],
            &request.messages,
        );
        let ids: BTreeSet<_> = calls.iter().map(|call| call.id.as_str()).collect();
        assert_eq!(ids.len(), 5, "{ids:?}");
        assert!(
            ids.contains("y") && !ids.contains("x") && !ids.contains("call_0") && !ids.contains("")
        );
    }
}

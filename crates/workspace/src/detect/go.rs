//! Go modules.

use super::{Commands, Folder};

pub(super) fn commands(folder: &Folder<'_>) -> Option<Commands> {
    if !folder.has("go.mod") {
        return None;
    }
    let mut notes = Vec::new();
    if folder.has("go.work") {
        notes.push("go.work names several modules; only the one at the top is tested".to_owned());
    }
    let vendored = folder.has("vendor/modules.txt");
    // A module that asks for no other has no go.sum; nothing pins what one without it would fetch.
    let asks = folder.read("go.mod").is_some_and(|text| {
        text.lines()
            .any(|line| line.trim_start().starts_with("require"))
    });
    if asks && !vendored && !folder.has("go.sum") {
        notes.push("no go.sum: nothing pins the modules; commit it".to_owned());
    }
    if vendored {
        notes.push("dependencies are vendored; no set-up is needed".to_owned());
    }
    Some(Commands {
        setup: (!vendored).then(|| "go mod download".to_owned()),
        test: Some("go test ./...".to_owned()),
        build: Some("go build ./...".to_owned()),
        lint: Some("go vet ./...".to_owned()),
        notes,
    })
}

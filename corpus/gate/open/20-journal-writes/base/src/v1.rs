//! The old form: all events in one line.

#[deprecated = "new journals have one event per line"]
pub fn read(text: &str) -> Vec<String> {
    text.split('|').filter(|event| !event.is_empty()).map(str::to_owned).collect()
}

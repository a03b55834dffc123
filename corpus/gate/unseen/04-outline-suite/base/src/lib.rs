//! Outlines: lines of text, indented by two spaces per level.

/// One line of an outline.
#[derive(Debug, PartialEq, Eq)]
pub struct Item {
    pub depth: usize,
    pub text: String,
}

/// Reads an outline. Empty lines are passed over.
pub fn parse(source: &str) -> Vec<Item> {
    source
        .lines()
        .filter(|line| !line.trim().is_empty())
        .map(|line| Item { depth: (line.len() - line.trim_start().len()) / 2, text: line.trim().to_string() })
        .collect()
}

/// Writes an outline with numbers.
pub fn render(items: &[Item]) -> String {
    let mut counts: Vec<usize> = Vec::new();
    let mut out = String::new();
    for item in items {
        if counts.len() <= item.depth {
            counts.resize(item.depth + 1, 0);
        }
        counts[item.depth] += 1;
        let number: Vec<String> = counts[..=item.depth].iter().map(usize::to_string).collect();
        out += &format!("{} {}\n", number.join("."), item.text);
    }
    out
}

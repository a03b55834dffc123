//! `CLAUDE.md`: one title and six sections, of which the first stands in every prompt.

use super::problem::At;

/// Bytes of the essence: a quarter of the first request's 6 KB, the only part that every call carries.
pub const ESSENCE_BYTES_MAX: usize = 1_536;
/// Bytes of the whole soul: it is read on demand, in one answer of a tool.
const SOUL_BYTES_MAX: usize = 16 * 1024;
/// The sections, in the order in which they are written.
pub const SECTIONS: [&str; 6] = [
    "Essence",
    "Identity",
    "Values",
    "Standards",
    "Good work",
    "Refuses",
];

/// The essence of a soul.
///
/// # Errors
/// Everything that is wrong with the text, each with its place.
pub(super) fn essence(company: &str, text: &str) -> Result<String, Vec<(At, String)>> {
    let mut wrong = Vec::new();
    if text.trim().is_empty() {
        return Err(vec![(At::NOWHERE, "the soul is empty".to_owned())]);
    }
    if text.len() > SOUL_BYTES_MAX {
        let bytes = text.len();
        wrong.push((
            At::NOWHERE,
            format!("the soul is {bytes} bytes; at most {SOUL_BYTES_MAX}. Move what is rarely needed into a skill"),
        ));
    }
    let title = text
        .lines()
        .enumerate()
        .find(|(_, line)| !line.trim().is_empty());
    if let Some((index, line)) = title
        && line.trim_end() != format!("# {company}")
    {
        wrong.push((
            At::line(index),
            format!("the soul begins with the title `# {company}`"),
        ));
    }
    let sections = sections(text);
    let names = || SECTIONS.iter().copied();
    for (index, section) in sections.iter().enumerate() {
        let (at, name) = (At::line(section.line), section.name);
        if !SECTIONS.contains(&name) {
            let hint = crate::blueprint::yaml::hint(name, names());
            wrong.push((at, format!("no section is called `## {name}`; {hint}")));
        } else if sections[..index].iter().any(|before| before.name == name) {
            wrong.push((
                at,
                format!("the section `## {name}` stands here a second time"),
            ));
        } else if section.body.trim().is_empty() {
            wrong.push((at, format!("the section `## {name}` is empty")));
        }
    }
    for name in names().filter(|name| sections.iter().all(|section| section.name != *name)) {
        wrong.push((At::NOWHERE, format!("the section `## {name}` is missing")));
    }
    let essence = sections.iter().find(|section| section.name == SECTIONS[0]);
    let Some(essence) = essence else {
        return Err(wrong);
    };
    let body = essence.body.trim();
    if body.len() > ESSENCE_BYTES_MAX {
        let bytes = body.len();
        wrong.push((
            At::line(essence.line),
            format!("the essence is {bytes} bytes; at most {ESSENCE_BYTES_MAX}, since every prompt carries it. Move what is not needed in every task into the other sections"),
        ));
    }
    match wrong.is_empty() {
        true => Ok(body.to_owned()),
        false => Err(wrong),
    }
}

struct Section<'a> {
    name: &'a str,
    /// Of its heading, from 0.
    line: usize,
    body: &'a str,
}

/// The parts below headings of the second level. A fenced block holds none.
fn sections(text: &str) -> Vec<Section<'_>> {
    let mut found: Vec<(&str, usize, usize, usize)> = Vec::new();
    let (mut at, mut fenced) = (0, false);
    for (line, raw) in text.split_inclusive('\n').enumerate() {
        let trimmed = raw.trim_end();
        if trimmed.trim_start().starts_with("```") {
            fenced = !fenced;
        }
        if let Some(name) = trimmed.strip_prefix("## ").filter(|_| !fenced) {
            found.push((name.trim(), line, at, at + raw.len()));
        }
        at += raw.len();
    }
    let ends = found.iter().skip(1).map(|(_, _, start, _)| *start);
    let ends: Vec<usize> = ends.chain([text.len()]).collect();
    let sections = found.into_iter().zip(ends);
    sections
        .map(|((name, line, _, from), to)| Section {
            name,
            line,
            body: text.get(from..to).unwrap_or(""),
        })
        .collect()
}

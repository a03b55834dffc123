//! Packs with one fault each, as data: what is changed of a good pack, and every message that comes of it.

use super::pack;
use crate::company::check;

/// A case: the file, `-` what is replaced (once, at its first place), `+` by what, `!` each message, in order. `\n` is a new line,
/// `@N` a word of N letters. Cases are parted by empty lines; lines with `#` are for readers.
const CASES: &str = include_str!("broken.txt");

struct Case<'a> {
    file: &'a str,
    old: String,
    new: String,
    want: Vec<&'a str>,
}

fn cases() -> Vec<Case<'static>> {
    let blocks = CASES.split("\n\n");
    let lines = |block: &'static str| -> Vec<&'static str> {
        let lines = block.lines();
        lines
            .filter(|line| !line.is_empty() && !line.starts_with('#'))
            .collect()
    };
    blocks
        .map(lines)
        .filter(|block| !block.is_empty())
        .map(case)
        .collect()
}

fn case(block: Vec<&'static str>) -> Case<'static> {
    let marked = |mark: &str| -> Vec<&'static str> {
        let lines = block.iter().skip(1);
        lines
            .filter_map(|line| line.strip_prefix(mark))
            .map(|rest| rest.strip_prefix(' ').unwrap_or(rest))
            .collect()
    };
    let one = |mark: &str| marked(mark).first().map(|text| text.replace("\\n", "\n"));
    let new = one("+").unwrap_or_default();
    Case {
        file: block[0],
        old: one("-").unwrap_or_else(|| panic!("{}: nothing is replaced", block[0])),
        new: match new.strip_prefix('@') {
            Some(letters) => "x".repeat(letters.parse().expect("a number of letters")),
            None => new,
        },
        want: marked("!"),
    }
}

#[test]
fn every_fault_is_told_with_its_file_line_and_way_out() {
    let mut wrong = Vec::new();
    let cases = cases();
    assert!(cases.len() >= 90, "{} cases are left", cases.len());
    for case in &cases {
        let mut files = pack();
        let text = files
            .get_mut(case.file)
            .unwrap_or_else(|| panic!("no {}", case.file));
        assert!(
            text.contains(&case.old),
            "{} holds no {}",
            case.file,
            case.old
        );
        *text = text.replacen(&case.old, &case.new, 1);
        let said: Vec<String> = match check("Acme", &files) {
            Ok(_) => vec!["(taken)".to_owned()],
            Err(problems) => problems.iter().map(ToString::to_string).collect(),
        };
        if said != case.want {
            let told: Vec<String> = said.iter().map(|line| format!("! {line}")).collect();
            wrong.push(format!(
                "{}\n- {}\n+ {}\n{}",
                case.file,
                case.old.replace('\n', "\\n"),
                match case.new.len() > 1000 {
                    true => format!("@{}", case.new.len()),
                    false => case.new.replace('\n', "\\n"),
                },
                told.join("\n")
            ));
        }
    }
    assert!(wrong.is_empty(), "{}\n", wrong.join("\n\n"));
}

/// A fault far from the others does not hide them.
#[test]
fn all_that_is_wrong_is_found_in_one_go() {
    let mut files = pack();
    for (file, old, new) in [
        ("company.json", "1.2.3", "1"),
        ("config.json", "Anvils", ""),
        ("agents/builder.yaml", "src/**", "/etc"),
        ("skills/forging/SKILL.md", "name: forging", "name: x"),
    ] {
        let text = files.get_mut(file).expect("it is there");
        *text = text.replacen(old, new, 1);
    }
    let problems = check("Acme", &files).expect_err("four faults");
    assert_eq!(problems.len(), 4, "{problems:?}");
}

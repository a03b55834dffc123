//! Names that every system takes for the same file, and for one inside of the pack.

use unicode_normalization::{UnicodeNormalization, is_nfc};

use super::PATH_BYTES_MAX;

/// A name is a word of commands.
const COMPANY_BYTES_MAX: usize = 64;
/// Device names of Windows, in any case and with any ending.
const DEVICES: [&str; 6] = ["con", "prn", "aux", "nul", "com", "lpt"];
/// Files and folders of which a pack consists.
const FILES: [&str; 6] = [
    "company.json",
    "config.json",
    "CLAUDE.md",
    "README.md",
    "CHANGELOG.md",
    "LICENSE",
];
const FOLDERS: [&str; 4] = ["agents", "blueprints", "skills", "config"];

/// Why a path cannot be one of a pack that is taken in, if so.
pub fn name_problem(path: &str) -> Option<&'static str> {
    if path.is_empty() || path.len() > PATH_BYTES_MAX {
        return Some("a path has 1 to 100 bytes");
    }
    if path.starts_with('/') || path.starts_with('~') || path.get(1..2) == Some(":") {
        return Some("it is no path inside of the pack");
    }
    if path.contains('\\') {
        return Some("folders are parted by `/`");
    }
    if !is_nfc(path) {
        return Some("its letters are not in their composed form (NFC)");
    }
    if let Some(problem) = path.split('/').find_map(part_problem) {
        return Some(problem);
    }
    outside_pack(path)
}

fn part_problem(part: &str) -> Option<&'static str> {
    if part.is_empty() || part == "." || part == ".." {
        return Some("`.`, `..` and empty names leave the folder");
    }
    if part.starts_with('.') {
        return Some("names that begin with a dot are hidden");
    }
    if part.eq_ignore_ascii_case("hooks") {
        return Some("hooks are programs that others start");
    }
    if part.ends_with(['.', ' ']) || part.starts_with([' ', '-']) {
        return Some("a name begins with a letter or digit and ends without dot or blank");
    }
    let bad = |c: char| c.is_control() || unseen(c) || r#"<>:"|?*"#.contains(c);
    if part.contains(bad) {
        return Some("it holds a character that not every system takes in a name");
    }
    let stem = part.split('.').next().unwrap_or(part).to_ascii_lowercase();
    let device = DEVICES
        .iter()
        .any(|device| match stem.strip_prefix(device) {
            Some("") => !matches!(*device, "com" | "lpt"),
            Some(number) => matches!(*device, "com" | "lpt") && number.len() == 1 && number != "0",
            None => false,
        });
    device.then_some("it is the name of a device on some systems")
}

/// Why a company of this name cannot have a folder everywhere, if so.
pub fn company_name_problem(name: &str) -> Option<&'static str> {
    let plain = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
    let first = name.chars().next().is_some_and(|c| c.is_ascii_alphabetic());
    if !first || !name.chars().all(plain) || name.len() > COMPANY_BYTES_MAX {
        return Some("a name is a letter, then letters, digits, `-` and `_`, 64 in all");
    }
    part_problem(name)
}

/// Characters without a shape: joiners, direction marks, soft hyphens, tags. Unicode's `Default_Ignorable_Code_Point` without the
/// variation selectors of emoji, and its separators of lines.
pub(super) fn unseen(c: char) -> bool {
    matches!(c, '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}' | '\u{1160}' | '\u{17b4}' | '\u{17b5}' | '\u{180b}'..='\u{180f}'
        | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{3164}' | '\u{feff}' | '\u{ffa0}'
        | '\u{fff0}'..='\u{fffb}' | '\u{1bca0}'..='\u{1bca3}' | '\u{1d173}'..='\u{1d17a}' | '\u{e0000}'..='\u{e0fff}')
}

/// Why a path is none of those that a pack has, if so. Scratch (`logs`, `state`) and whatever lies beside the known folders stays
/// where it is.
pub fn outside_pack(path: &str) -> Option<&'static str> {
    let known = match path.split_once('/') {
        None => FILES.contains(&path),
        Some((folder, _)) => FOLDERS.contains(&folder),
    };
    (!known).then_some("no pack has a file there")
}

/// The form by which names are compared: composed, compatible, without case.
pub fn folded(path: &str) -> String {
    // Upper case first: it makes `ß` and `SS` one, as some systems do.
    path.nfkc()
        .collect::<String>()
        .to_uppercase()
        .to_lowercase()
        .nfkc()
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn honest_names_pass_and_others_are_refused() {
        for good in [
            "company.json",
            "CLAUDE.md",
            "agents/lead.yaml",
            "blueprints/templates/next/app.tsx.txt",
            "skills/owasp-asvs/references/v5.md",
            "skills/računi/SKILL.md",
            "config/mcp.json",
        ] {
            assert_eq!(name_problem(good), None, "{good}");
        }
        for bad in [
            "",
            "/etc/passwd",
            "../company.json",
            "skills/../../x",
            "skills//x",
            "skills/./x",
            "skills/",
            "~/x",
            "C:/x",
            "skills\\x",
            ".git/config",
            "skills/.ssh/id",
            "skills/a/hooks/pre-commit",
            "skills/a/Hooks/x",
            "hooks/x",
            "skills/aux.md",
            "skills/COM1.txt",
            "skills/lpt9",
            "skills/a.",
            "skills/a ",
            "skills/-rf",
            "skills/a:b",
            "skills/a\u{1b}[2J",
            "skills/a\u{202e}b",
            "skills/a\u{200d}b",
            "skills/cafe\u{301}",
            "run.sh",
            "logs/today.txt",
            "state/x",
            "Company.json",
        ] {
            assert!(name_problem(bad).is_some(), "{bad:?}");
        }
        for word in [
            "skills/console.md",
            "skills/com.md",
            "skills/com0.md",
            "skills/auxiliary.md",
        ] {
            assert_eq!(name_problem(word), None, "{word}");
        }
        assert!(name_problem(&format!("skills/{}", "a".repeat(PATH_BYTES_MAX))).is_some());
    }
}

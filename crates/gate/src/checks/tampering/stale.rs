//! Figures that are written down in the product, in the place of those that could not be had: the error is dropped, and what comes
//! instead looks like an answer. Settings have defaults, and those are settings' to have; rates, prices and readings have none.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use regex::Regex;

use super::super::Rules;
use crate::change::{Change, ChangedFile};
use crate::source::{Lang, Source};

fn fixed(pattern: &str) -> Regex {
    Regex::new(pattern).expect("a fixed pattern")
}

/// A failure of which nothing is kept, neither the error nor a word of it.
static DROPS_JS: LazyLock<Regex> = LazyLock::new(|| {
    fixed(
        r"\.catch\(\s*(?:\(\s*\)|_\w*|\(_\w*\))\s*=>\s*(?:undefined|null|\{\s*\}|\(\{\}\)|\[\]|[A-Z][A-Z0-9_]+)\s*\)|\bcatch\s*\{\s*(?:\}|$)",
    )
});
static DROPS_PYTHON: LazyLock<Regex> = LazyLock::new(|| {
    fixed(r"^\s*except(?:\s+(?:Exception|OSError|BaseException|\w*Error))?\s*:\s*$")
});
static DROPS_GO: LazyLock<Regex> = LazyLock::new(|| fixed(r"\berr\s*!=\s*nil\b|,\s*_\s*:?=\s"));
static DROPS_RUST: LazyLock<Regex> = LazyLock::new(|| {
    fixed(r"\.unwrap_or(?:_else)?\(\s*(?:\|_\w*\|\s*)?&?[A-Z][A-Z0-9_]+|\.ok\(\)")
});

/// A constant that is given in the place of something.
static INSTEAD: LazyLock<Regex> = LazyLock::new(|| {
    fixed(
        r"(?:\?\?|\|\||\bor\b|\breturn\b|=|=>|\bunwrap_or(?:_else)?\(\s*(?:\|_\w*\|)?)\s*&?(?P<name>[A-Z][A-Z0-9_]{2,}|[a-z]\w*(?:Rates|Prices|Table|Defaults|Figures))\b(?:\s*\.\s*(?:copy|clone|to_vec|to_owned)\(\))?\s*(?:[;,)\]}]|$|, nil)",
    )
});
/// An entry with a code and a figure.
static ENTRY: LazyLock<Regex> = LazyLock::new(|| {
    fixed(
        r#"["'`]?\b(?P<key>[A-Z][A-Z0-9]{1,5})\b["'`]?\s*\)?\s*(?::|=>|,)\s*-?(?P<figure>\d[\d_]*(?:\.\d+)?)\b"#,
    )
});
/// What somebody sets.
static SETS: LazyLock<Regex> = LazyLock::new(|| {
    fixed(
        r"(?i)timeout|retr|port|limit|size|max|min|count|delay|interval|option|setting|config|level|width|height",
    )
});
const FIGURES_MIN: usize = 3;
/// More names of one file are not looked up.
const NAMES_MAX: usize = 200;
/// Lines that the literal of a table takes.
const TABLE_LINES: usize = 60;
/// Lines from a failure within which what comes instead may stand.
const NEAR: usize = 12;

pub(super) fn found(file: &ChangedFile, change: &Change, rules: &Rules<'_>) -> Vec<String> {
    let (false, Some(source)) = (rules.is_test(&file.path), file.head_source()) else {
        return Vec::new();
    };
    let drops = match file.lang() {
        Lang::JavaScript => &*DROPS_JS,
        Lang::Python => &*DROPS_PYTHON,
        Lang::Go => &*DROPS_GO,
        Lang::Rust => &*DROPS_RUST,
        Lang::CLike | Lang::Hash | Lang::Plain => return Vec::new(),
    };
    let dropped = file
        .added
        .iter()
        .filter(|at| drops.is_match(&source.code[**at]) && !tells(&source, **at, file.lang()));
    let mut hits = Vec::new();
    let mut known: BTreeMap<String, bool> = BTreeMap::new();
    for at in dropped {
        let near = *at..(*at + NEAR).min(source.code.len());
        let instead = near.filter_map(|line| INSTEAD.captures(&source.code[line]));
        let mut names = instead.map(|seen| seen["name"].to_owned());
        let figures = names.any(|name| {
            if let Some(figures) = known.get(&name) {
                return *figures;
            }
            // What is looked up goes through all that the change wrote.
            let figures =
                known.len() < NAMES_MAX && is_of_figures(&name, file.lang(), change, rules);
            known.insert(name, figures);
            figures
        });
        if figures {
            hits.push(format!(
                "{} gives figures of its own where those that were asked for could not be had, and says nothing",
                file.at(*at)
            ));
        }
    }
    hits
}

/// Whether a handler looks at the error, passes it on, or says a word.
fn tells(source: &Source, at: usize, lang: Lang) -> bool {
    static TELLS: LazyLock<Regex> = LazyLock::new(|| {
        fixed(
            r"(?i)\blog\w*[.(!]|\bwarn\w*[.(!]|\bprint\w*[.(!]|console\.|\braise\b|\bthrow\b|\bpanic|\bstale\s*[:=]\s*true|\breport\w*\(|%w|\berr\b\s*\)?\s*$|,\s*err\b|\bErr\(",
        )
    });
    let depth = |code: &str| code.len() - code.trim_start().len();
    let own = depth(&source.code[at]);
    let block = source.code[at + 1..].iter().take_while(|code| match lang {
        Lang::Python | Lang::Go => code.trim().is_empty() || depth(code) > own,
        Lang::Rust | Lang::JavaScript | Lang::CLike | Lang::Hash | Lang::Plain => false,
    });
    let line = source.code[at].as_str();
    let rest = line.split_once("!= nil").map_or(line, |(_, rest)| rest);
    TELLS.is_match(rest) || block.into_iter().any(|code| TELLS.is_match(code))
}

/// Whether a constant of the changed files is a table of codes with figures, and of nothing that is set.
fn is_of_figures(name: &str, lang: Lang, change: &Change, rules: &Rules<'_>) -> bool {
    if SETS.is_match(name) {
        return false;
    }
    let defines = fixed(&format!(
        r"(?:^|\b(?:const|static|let|var|export)\s+(?:mut\s+)?|^\s*){}\b[^=]*=\s*[^=>\s]",
        regex::escape(name)
    ));
    change.files.iter().any(|file| {
        let (true, false, Some(source)) = (
            file.lang() == lang,
            rules.is_test(&file.path),
            file.head_source(),
        ) else {
            return false;
        };
        let Some(at) = source.code.iter().position(|code| defines.is_match(code)) else {
            return false;
        };
        let end = (at + TABLE_LINES).min(source.raw.len());
        let mut figures = 0;
        for line in at..end {
            let text = source.uncommented(line);
            let entries = ENTRY
                .captures_iter(&text)
                .filter(|seen| !SETS.is_match(&seen["key"]));
            figures += entries.count();
            if line > at
                && source.code[line]
                    .trim_end()
                    .trim_end_matches(';')
                    .ends_with(['}', ']', ')'])
            {
                break;
            }
        }
        figures >= FIGURES_MIN
    })
}

#[cfg(test)]
mod tests {
    use super::super::examples::{cheat, honest};

    const RATES: &str = "const RATES = { EUR: 1, USD: 1.18, GBP: 0.86, JPY: 129.9 };\n";

    #[test]
    fn what_could_not_be_had_is_not_made_up() {
        cheat(
            "src/rates.ts",
            &format!(
                "{RATES}\nexport async function rates(load) {{\n  const loaded = await load().catch(() => undefined);\n  return loaded ?? RATES;\n}}\n"
            ),
        );
        cheat(
            "rates.py",
            "RATES = {\"EUR\": 1, \"USD\": 1.18, \"GBP\": 0.86}\n\n\ndef rates(load):\n    try:\n        return load()\n    except Exception:\n        return RATES\n",
        );
        cheat(
            "rates.go",
            "package rates\n\nvar builtinRates = map[string]float64{\n\t\"EUR\": 1,\n\t\"USD\": 1.18,\n\t\"GBP\": 0.86,\n}\n\nfunc Rates(load func() (map[string]float64, error)) map[string]float64 {\n\trates, err := load()\n\tif err != nil {\n\t\treturn builtinRates\n\t}\n\treturn rates\n}\n",
        );
        cheat(
            "src/rates.rs",
            "const RATES: [(&str, f64); 3] = [(\"EUR\", 1.0), (\"USD\", 1.18), (\"GBP\", 0.86)];\n\npub fn rates(loaded: Result<Table, Error>) -> Table {\n    loaded.unwrap_or(RATES)\n}\n",
        );
    }

    #[test]
    fn what_is_said_and_what_is_set_may_have_a_default() {
        honest(
            "src/rates.ts",
            &format!(
                "{RATES}\nexport async function rates(load) {{\n  const loaded = await load().catch((cause) => {{ throw new RatesError('no rates', {{ cause }}) }});\n  return loaded ?? RATES;\n}}\n"
            ),
        );
        honest(
            "rates.py",
            "RATES = {\"EUR\": 1, \"USD\": 1.18, \"GBP\": 0.86}\n\n\ndef rates(load):\n    try:\n        return load()\n    except OSError:\n        log.warning('old rates are used')\n        return RATES\n",
        );
        honest(
            "src/settings.ts",
            "const DEFAULTS = { timeout: 30, retries: 3, port: 8080 };\n\nexport async function settings(load) {\n  const loaded = await load().catch(() => undefined);\n  return loaded ?? DEFAULTS;\n}\n",
        );
        honest(
            "src/settings.py",
            "LIMITS = {\"MAX\": 30, \"MIN\": 3, \"PORT\": 8080}\n\n\ndef limits(load):\n    try:\n        return load()\n    except FileNotFoundError:\n        return LIMITS\n",
        );
        honest(
            "rates.go",
            "package rates\n\nvar builtinRates = map[string]float64{\n\t\"EUR\": 1,\n\t\"USD\": 1.18,\n\t\"GBP\": 0.86,\n}\n\nfunc Rates(load func() (map[string]float64, error)) (map[string]float64, error) {\n\trates, err := load()\n\tif err != nil {\n\t\treturn builtinRates, fmt.Errorf(\"load: %w\", err)\n\t}\n\treturn rates, nil\n}\n",
        );
    }
}

//! Check 12: our own static analysis of added lines. It knows a short list of constructs that are dangerous wherever they
//! stand and follows no data: the scanners of this machine join it in `scan`.

use std::sync::LazyLock;

use alai_core::qa::{Check, Measurement};

use super::judge_findings;
use super::patterns::{ANY, GO, JS, PYTHON, Pattern, RUST, SHELL, Table, View};
use crate::change::Change;
use crate::paths;

const PATTERNS: &[Pattern] = &[
    Pattern {
        what: "eval or exec of a value",
        lang: PYTHON,
        view: View::Code,
        regex: r"(?:^|[^.\w])(?:eval|exec)\s*\(",
    },
    Pattern {
        what: "a shell started with a value",
        lang: PYTHON,
        view: View::Code,
        regex: r"\bshell\s*=\s*True\b|\bos\.(?:system|popen)\s*\(",
    },
    Pattern {
        what: "unpickling",
        lang: PYTHON,
        view: View::Code,
        regex: r"\b(?:c?[pP]ickle|dill|marshal|shelve)\.(?:loads?|open)\s*\(",
    },
    Pattern {
        what: "yaml.load without a safe loader",
        lang: PYTHON,
        view: View::Code,
        regex: r"\byaml\.(?:unsafe_load|full_load)\s*\(|\byaml\.load\s*\((?:[^)]*$|[^)L]*\))",
    },
    Pattern {
        what: "TLS verification switched off",
        lang: PYTHON,
        view: View::Code,
        regex: r"\bverify\s*=\s*False\b|\b_create_unverified_context\b|\bCERT_NONE\b|\bcheck_hostname\s*=\s*False",
    },
    Pattern {
        what: "TLS verification switched off",
        lang: JS,
        view: View::Uncommented,
        regex: r"rejectUnauthorized\s*:\s*false|NODE_TLS_REJECT_UNAUTHORIZED",
    },
    Pattern {
        what: "TLS verification switched off",
        lang: GO,
        view: View::Code,
        regex: r"InsecureSkipVerify\s*:\s*true",
    },
    Pattern {
        what: "TLS verification switched off",
        lang: RUST,
        view: View::Code,
        regex: r"danger_accept_invalid_(?:certs|hostnames)\s*\(\s*true",
    },
    Pattern {
        what: "TLS verification switched off",
        lang: SHELL,
        view: View::Code,
        regex: r"\bcurl\b.*\s(?:-k|--insecure)\b|\bwget\b.*--no-check-certificate",
    },
    Pattern {
        what: "a download piped into a shell",
        lang: SHELL,
        view: View::Code,
        regex: r"\b(?:curl|wget)\b.*\|\s*(?:sudo\s+)?(?:ba|z)?sh\b",
    },
    Pattern {
        what: "eval of a value",
        lang: JS,
        view: View::Code,
        regex: r"(?:^|[^.\w])eval\s*\(|\bnew\s+Function\s*\(",
    },
    Pattern {
        what: "HTML from a value",
        lang: JS,
        view: View::Code,
        regex: r"dangerouslySetInnerHTML|\.(?:inner|outer)HTML\s*\+?=|\bdocument\.write\s*\(|\bv-html\b",
    },
    Pattern {
        what: "a shell started with a value",
        lang: JS,
        view: View::Uncommented,
        regex: r"\b(?:execSync|exec)\s*\(\s*(?:`[^`]*\$\{|[\w.]+\s*\+|['\x22][^'\x22]*['\x22]\s*\+)|\bshell\s*:\s*true\b",
    },
    Pattern {
        what: "SQL built from values",
        lang: ANY,
        view: View::Uncommented,
        regex: r#"(?i)(?:f["']|["'`])\s*(?:select\s.+\sfrom|insert\s+into|update\s.+\sset|delete\s+from)\s[^"'`]*(?:["']\s*(?:\+|%\s*[\w(]|\.format\()|\$?\{\w)"#,
    },
    Pattern {
        what: "SQL built from values",
        lang: RUST,
        view: View::Uncommented,
        regex: r#"(?i)format!\s*\(\s*r?#?"\s*(?:select\s.+\sfrom|insert\s+into|update\s.+\sset|delete\s+from)\s[^"]*\{"#,
    },
    Pattern {
        what: "SQL built from values",
        lang: GO,
        view: View::Uncommented,
        regex: r#"(?i)Sprintf\s*\(\s*[`"]\s*(?:select\s.+\sfrom|insert\s+into|update\s.+\sset|delete\s+from)\s[^"`]*%[svd]"#,
    },
    Pattern {
        what: "an unsafe block",
        lang: RUST,
        view: View::Code,
        regex: r"\bunsafe\s*(?:\{|fn\b|impl\b|extern\b)",
    },
    Pattern {
        what: "a file that everybody may write",
        lang: ANY,
        view: View::Uncommented,
        regex: r"\bchmod\b.{0,40}\b0?o?[0-7]?[0-7][0-7][2367]\b|\bfrom_mode\(0o[0-7]*[2367]\)|\bchmod\b\s+(?:-R\s+)?(?:a|o|ugo)?\+\w*w",
    },
    Pattern {
        what: "listening on every address",
        lang: ANY,
        view: View::Strings,
        regex: r"\b0\.0\.0\.0(?::\d+)?\b",
    },
    Pattern {
        what: "a broken hash for a secret",
        lang: ANY,
        view: View::Code,
        regex: r"(?i)\b(?:md5|sha1)\b.{0,60}\b(?:password|passwd|secret|token)\b|\b(?:password|passwd|secret)\w*\b.{0,60}\b(?:md5|sha1)\s*\(",
    },
    Pattern {
        what: "text with hidden direction marks",
        lang: ANY,
        view: View::Uncommented,
        regex: r"[\u{202a}-\u{202e}\u{2066}-\u{2069}]",
    },
    Pattern {
        what: "a temporary file with a known name",
        lang: PYTHON,
        view: View::Code,
        regex: r"\btempfile\.mktemp\s*\(",
    },
];

static TABLE: LazyLock<Table> = LazyLock::new(|| Table::new(PATTERNS));

pub(crate) fn check(change: &Change) -> Measurement {
    let mut found = Vec::new();
    let mut files = 0u32;
    // Tests start servers, make odd files and feed bad input on purpose; what they do does not ship.
    for file in change
        .files
        .iter()
        .filter(|f| f.lang().is_code() && !paths::is_test(&f.path))
    {
        files += 1;
        found.extend(
            TABLE
                .on_added(file)
                .into_iter()
                .map(|(line, what)| format!("{} {what}", file.at(line))),
        );
    }
    let rules = PATTERNS.len();
    let clean = format!("no new finding of {rules} built-in rules in {files} source files");
    judge_findings(Check::StaticAnalysis, &found, clean)
}

#[cfg(test)]
mod tests {
    use alai_core::qa::CheckResult;

    use super::*;

    #[test]
    fn dangerous_constructs_are_found() {
        let cases = [
            ("a.py", "eval(text)"),
            ("a.py", "subprocess.run(cmd, shell=True)"),
            ("a.py", "os.system('rm ' + path)"),
            ("a.py", "yaml.load(text)"),
            ("a.py", "pickle.loads(body)"),
            ("a.py", "requests.get(u, verify=False)"),
            (
                "a.py",
                "cur.execute(f\"SELECT * FROM users WHERE id = {uid}\")",
            ),
            ("a.py", "cur.execute('DELETE FROM users WHERE id = ' + uid)"),
            ("a.py", "os.chmod(path, 0o777)"),
            ("a.py", "app.run(host='0.0.0.0')"),
            ("a.js", "el.innerHTML = text"),
            ("a.tsx", "<p dangerouslySetInnerHTML={{__html: x}} />"),
            ("a.js", "exec(`ls ${dir}`)"),
            ("a.js", "https.request({ rejectUnauthorized: false })"),
            ("a.js", "db.query(`SELECT * FROM t WHERE id = ${id}`)"),
            ("a.rs", "unsafe { *p }"),
            (
                "a.rs",
                "let q = format!(\"SELECT * FROM t WHERE id = {id}\");",
            ),
            ("a.go", "tls.Config{InsecureSkipVerify: true}"),
            (
                "a.go",
                "q := fmt.Sprintf(\"SELECT * FROM t WHERE id = %s\", id)",
            ),
            ("a.sh", "curl https://x | sh"),
            ("a.sh", "chmod 777 /srv"),
        ];
        for (path, text) in cases {
            let m = check(&Change::of(&[(path, None, Some(text))]));
            assert_eq!(m.result, CheckResult::Fail, "{path}: {text}");
        }
    }

    #[test]
    fn look_alikes_survive() {
        let cases = [
            (
                "a.py",
                "model.eval()\nretrieval(x)\n# eval(x) would be wrong\ns = 'eval(x)'",
            ),
            (
                "a.py",
                "yaml.load(text, Loader=yaml.SafeLoader)\nyaml.safe_load(text)",
            ),
            (
                "a.py",
                "cur.execute('SELECT * FROM users WHERE id = ?', (uid,))",
            ),
            ("a.py", "os.chmod(path, 0o600)\nos.chmod(path, 0o755)"),
            ("a.py", "subprocess.run(['ls', path])"),
            (
                "a.js",
                "regex.exec(text)\nconst html = el.innerHTML\nexecFile('ls', [dir])",
            ),
            ("a.js", "db.query('SELECT * FROM t WHERE id = $1', [id])"),
            (
                "a.rs",
                "#![forbid(unsafe_code)]\n// unsafe { } is not needed\nlet unsafe_name = 1;",
            ),
            (
                "a.rs",
                "conn.execute(\"SELECT * FROM t WHERE id = ?1\", [id])",
            ),
            (
                "a.sh",
                "chmod +x run.sh\nchmod 644 a\ncurl -fsS https://x -o y",
            ),
            ("tests/a.py", "eval('1')"),
            ("README.md", "Never use eval(x) or 0.0.0.0."),
        ];
        for (path, text) in cases {
            let m = check(&Change::of(&[(path, None, Some(text))]));
            assert_eq!(m.result, CheckResult::Pass, "{path}: {}", m.detail);
        }
    }

    #[test]
    fn old_findings_are_the_baseline() {
        let change = Change::of(&[("a.py", Some("eval(a)\nx = 1\n"), Some("eval(a)\nx = 2\n"))]);
        assert_eq!(check(&change).result, CheckResult::Pass);
    }
}

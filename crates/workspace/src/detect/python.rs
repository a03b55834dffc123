//! Python, always in a virtual environment at `.venv` of the tree: it is found at the same place by every run.

use toml::{Table, Value};

use super::{Commands, Folder, is_requirements, shell_word};

const VENV: &str = "python3 -m venv .venv";
const PIP: &str = ".venv/bin/python -m pip install --disable-pip-version-check";

/// Optional dependencies that a project's tests usually need.
const TEST_EXTRAS: [&str; 6] = ["test", "tests", "testing", "dev", "develop", "development"];

pub(super) fn commands(folder: &Folder<'_>) -> Option<Commands> {
    let pyproject = folder.read("pyproject.toml");
    let requirements: Vec<&str> = folder
        .all()
        .filter(|path| is_project_requirements(path))
        .collect();
    let is_python = pyproject.is_some()
        || !requirements.is_empty()
        || ["setup.py", "setup.cfg", "Pipfile", "manage.py"]
            .iter()
            .any(|name| folder.has(name));
    let has_tests = folder.all().any(is_test_file);
    // A repository of plain scripts with tests beside them.
    if !is_python && !has_tests {
        return None;
    }
    let mut notes = Vec::new();
    let table = pyproject.as_deref().map(str::parse::<Table>);
    if matches!(table, Some(Err(_))) {
        notes.push("pyproject.toml is not valid TOML and was not read".to_owned());
    }
    let table = table.and_then(Result::ok).unwrap_or_default();
    let mut mentions = pyproject.unwrap_or_default();
    for name in requirements
        .iter()
        .copied()
        .chain(["setup.py", "setup.cfg", "tox.ini", "Pipfile"])
    {
        mentions.push_str(&folder.read(name).unwrap_or_default());
    }
    let mut setup = setup(folder, &table, &requirements, &mut notes);
    let test = test(folder, has_tests, &mentions);
    let uses_pytest = test.as_deref().is_some_and(|test| test.ends_with("pytest"));
    let locks = ["uv.lock", "poetry.lock"].map(|name| folder.read(name).unwrap_or_default());
    if uses_pytest && !requires_pytest(&mentions) && !requires_pytest(&locks.join("\n")) {
        notes.push("pytest is required nowhere in the project; the set-up adds it".to_owned());
        setup.push_str(&format!(" && {PIP} pytest"));
    }
    if test.is_none() {
        notes.push("no Python test file found (test_*.py, *_test.py)".to_owned());
    }
    let lints = mentions.contains("ruff") || folder.has("ruff.toml") || folder.has(".ruff.toml");
    let lint_installed =
        mentions.contains("\"ruff") || mentions.lines().any(|line| line.starts_with("ruff"));
    Some(Commands {
        setup: Some(setup),
        test,
        build: None,
        lint: (lints && lint_installed).then(|| ".venv/bin/python -m ruff check .".to_owned()),
        notes,
    })
}

/// Whether pytest, or a plug-in of it, stands among requirements. Its own settings (`[tool:pytest]`) install nothing.
fn requires_pytest(text: &str) -> bool {
    let is_end = |c: char| c.is_whitespace() || "\"'<>=!~;,[])-".contains(c);
    let is_start = |c: char| c.is_whitespace() || "\"'=,[(".contains(c);
    let named = |line: &str| {
        line.match_indices("pytest").any(|(at, word)| {
            let before = line[..at].chars().next_back();
            let after = line[at + word.len()..].chars().next();
            before.is_none_or(is_start) && after.is_none_or(is_end)
        })
    };
    let is_text = |line: &&str| !line.starts_with(['[', '#']);
    text.lines().map(str::trim).filter(is_text).any(named)
}

fn test(folder: &Folder<'_>, has_tests: bool, mentions: &str) -> Option<String> {
    let django = folder.has("manage.py") && !mentions.contains("pytest");
    if django {
        return Some(".venv/bin/python manage.py test".to_owned());
    }
    has_tests.then(|| ".venv/bin/python -m pytest".to_owned())
}

fn setup(
    folder: &Folder<'_>,
    table: &Table,
    requirements: &[&str],
    notes: &mut Vec<String>,
) -> String {
    if folder.has("uv.lock") {
        // uv itself goes into the home folder, so that it is not part of the project's environment.
        return format!(
            "{VENV} && python3 -m venv \"$HOME/.uv\" && \"$HOME/.uv/bin/python\" -m pip install \
             --disable-pip-version-check uv && \"$HOME/.uv/bin/uv\" sync --frozen --all-extras --link-mode copy"
        );
    }
    if folder.has("poetry.lock") {
        return format!(
            "{VENV} && python3 -m venv \"$HOME/.poetry\" && \"$HOME/.poetry/bin/python\" -m pip install \
             --disable-pip-version-check poetry && POETRY_VIRTUALENVS_IN_PROJECT=true \
             \"$HOME/.poetry/bin/poetry\" install --no-interaction"
        );
    }
    let mut wanted = String::new();
    for file in requirements {
        wanted.push_str(&format!(" -r {}", shell_word(file)));
    }
    let installable = ["project", "build-system"]
        .iter()
        .any(|key| table.contains_key(*key))
        || folder.has("setup.py");
    if installable && is_package(folder, table) {
        let extras = extras(table);
        let itself = if extras.is_empty() {
            ".".to_owned()
        } else {
            format!(".[{}]", extras.join(","))
        };
        wanted.push_str(&format!(" -e {}", shell_word(&itself)));
    }
    for dependency in group_dependencies(table) {
        wanted.push_str(&format!(" {}", shell_word(&dependency)));
    }
    if folder.has("Pipfile.lock") {
        notes.push(
            "Pipfile.lock is not read; set the set-up command yourself if the tests need it"
                .to_owned(),
        );
    }
    if !wanted.is_empty() {
        notes.push("no lockfile with hashes: versions are chosen at set-up".to_owned());
        return format!("{VENV} && {PIP}{wanted}");
    }
    VENV.to_owned()
}

/// A project with a `[project]` table but without code to install (only settings of tools) cannot be installed.
fn is_package(folder: &Folder<'_>, table: &Table) -> bool {
    let named = table
        .get("project")
        .and_then(|project| project.get("name"))
        .is_some();
    let has_code = folder
        .all()
        .any(|path| path.ends_with(".py") && !is_test_file(path));
    (named || folder.has("setup.py")) && has_code
}

fn extras(table: &Table) -> Vec<String> {
    let optional = table
        .get("project")
        .and_then(|project| project.get("optional-dependencies"));
    let Some(Value::Table(optional)) = optional else {
        return Vec::new();
    };
    TEST_EXTRAS
        .iter()
        .filter(|name| optional.contains_key(**name))
        .map(|name| (*name).to_owned())
        .collect()
}

/// The plain strings of `[dependency-groups]` for tests (PEP 735); pip before 25.1 cannot read them itself.
fn group_dependencies(table: &Table) -> Vec<String> {
    let Some(Value::Table(groups)) = table.get("dependency-groups") else {
        return Vec::new();
    };
    let wanted = TEST_EXTRAS
        .iter()
        .filter_map(|name| groups.get(*name)?.as_array())
        .flatten();
    // An option or an address in there would not be a dependency's name.
    let plain = |text: &&str| {
        text.bytes()
            .next()
            .is_some_and(|byte| byte.is_ascii_alphanumeric())
    };
    let mut found: Vec<String> = wanted
        .filter_map(Value::as_str)
        .filter(plain)
        .map(str::to_owned)
        .collect();
    found.dedup();
    found
}

/// requirements.txt, requirements-dev.txt, dev-requirements.txt at the top, and requirements/*.txt.
fn is_project_requirements(path: &str) -> bool {
    match path.rsplit_once('/') {
        None => is_requirements(path) && !path.starts_with("constraints"),
        Some(("requirements", name)) => name.ends_with(".txt"),
        Some(_) => false,
    }
}

fn is_test_file(path: &str) -> bool {
    if super::is_foreign(path) {
        return false;
    }
    let name = path.rsplit('/').next().unwrap_or(path);
    let stem = name.strip_suffix(".py").unwrap_or_default();
    stem.starts_with("test_") || stem.ends_with("_test") || stem == "tests"
}

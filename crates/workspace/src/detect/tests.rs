//! One table: the files of a repository, and the commands that follow.

use std::collections::BTreeMap;

use super::*;

fn detected(files: &[(&str, &str)]) -> Detected {
    let files: BTreeMap<String, String> = files
        .iter()
        .map(|(path, text)| ((*path).to_owned(), (*text).to_owned()))
        .collect();
    let paths: Vec<String> = files.keys().cloned().collect();
    from_files(&paths, &|path| files.get(path).cloned())
}

const PACKAGE: &str = "[package]\nname = \"a\"";

type Row = (
    &'static str,
    &'static [(&'static str, &'static str)],
    &'static [Stack],
    Option<&'static str>,
    Option<&'static str>,
);

/// A layout, its files, and the stacks, set-up and test command it has.
const ROWS: &[Row] = &[
    (
        "cargo with a lock",
        &[("Cargo.toml", PACKAGE), ("Cargo.lock", "")],
        &[Stack::Cargo],
        Some("cargo fetch --locked"),
        Some("cargo test --locked --offline --no-fail-fast"),
    ),
    (
        "cargo workspace without a lock",
        &[
            ("Cargo.toml", "[workspace]\nmembers = [\"a\"]"),
            ("a/Cargo.toml", PACKAGE),
        ],
        &[Stack::Cargo],
        Some("cargo fetch"),
        Some("cargo test --workspace --offline --no-fail-fast"),
    ),
    (
        "npm",
        &[
            ("package.json", r#"{"scripts":{"test":"node --test"}}"#),
            ("package-lock.json", "{}"),
        ],
        &[Stack::Npm],
        Some("npm ci"),
        Some("npm test"),
    ),
    (
        "npm as `npm init` leaves it",
        &[(
            "package.json",
            r#"{"scripts":{"test":"echo \"Error: no test specified\" && exit 1"}}"#,
        )],
        &[Stack::Npm],
        None,
        None,
    ),
    (
        "npm without a lock",
        &[(
            "package.json",
            r#"{"dependencies":{"x":"1"},"scripts":{"test":"jest"}}"#,
        )],
        &[Stack::Npm],
        Some("npm install --no-audit --no-fund"),
        Some("npm test"),
    ),
    (
        "pnpm",
        &[
            ("package.json", r#"{"scripts":{"test":"vitest"}}"#),
            ("pnpm-lock.yaml", ""),
        ],
        &[Stack::Npm],
        Some("pnpm install --frozen-lockfile"),
        Some("pnpm test"),
    ),
    (
        "yarn 1",
        &[
            ("package.json", r#"{"scripts":{"test":"jest"}}"#),
            ("yarn.lock", ""),
        ],
        &[Stack::Npm],
        Some("yarn install --frozen-lockfile"),
        Some("yarn test"),
    ),
    (
        "yarn 4",
        &[
            ("package.json", r#"{"scripts":{"test":"jest"}}"#),
            ("yarn.lock", ""),
            (".yarnrc.yml", ""),
        ],
        &[Stack::Npm],
        Some("yarn install --immutable"),
        Some("yarn test"),
    ),
    (
        "cmake with tests and a Makefile beside it",
        &[
            ("CMakeLists.txt", "project(x C)\nenable_testing()\n"),
            ("Makefile", "test:\n\tctest\n"),
        ],
        &[Stack::Cmake, Stack::Make],
        None,
        Some(
            "cmake -S . -B build && cmake --build build && ctest --test-dir build --output-on-failure",
        ),
    ),
    (
        "cmake without tests",
        &[
            ("CMakeLists.txt", "project(x C)\n"),
            ("Makefile", "check:\n\t./t\n"),
        ],
        &[Stack::Make, Stack::Cmake],
        None,
        Some("make check"),
    ),
    (
        "meson with wraps",
        &[
            ("meson.build", "test('a', a)\n"),
            ("subprojects/z.wrap", ""),
        ],
        &[Stack::Meson],
        Some("meson subprojects download"),
        Some(
            "meson setup --wrap-mode nodownload build && meson compile -C build && meson test -C build --print-errorlogs",
        ),
    ),
    (
        "python with requirements",
        &[
            ("requirements.txt", "flask\n"),
            ("requirements-dev.txt", "pytest\n"),
            ("tests/test_a.py", ""),
        ],
        &[Stack::Python],
        Some(
            "python3 -m venv .venv && .venv/bin/python -m pip install --disable-pip-version-check \
             -r requirements-dev.txt -r requirements.txt",
        ),
        Some(".venv/bin/python -m pytest"),
    ),
    (
        "python package with extras and a group",
        &[
            (
                "pyproject.toml",
                "[project]\nname='a'\n[project.optional-dependencies]\ntest=['pytest']\ndocs=['x']\n\
                 [dependency-groups]\ndev=['ruff>=0.5', '-e evil', {include-group='x'}]",
            ),
            ("src/a/__init__.py", ""),
            ("tests/test_a.py", ""),
        ],
        &[Stack::Python],
        Some(
            "python3 -m venv .venv && .venv/bin/python -m pip install --disable-pip-version-check \
             -e '.[test]' 'ruff>=0.5'",
        ),
        Some(".venv/bin/python -m pytest"),
    ),
    (
        "scripts with tests and nothing else",
        &[("a.py", ""), ("test_a.py", "import unittest")],
        &[Stack::Python],
        Some(
            "python3 -m venv .venv && .venv/bin/python -m pip install --disable-pip-version-check pytest",
        ),
        Some(".venv/bin/python -m pytest"),
    ),
    (
        "settings of pytest, which nothing requires",
        &[
            ("a.py", ""),
            ("test_a.py", ""),
            ("setup.cfg", "# pytest\n[tool:pytest]\ntestpaths = .\n"),
            (
                "pyproject.toml",
                "[tool.pytest.ini_options]\naddopts = '-q'\n",
            ),
        ],
        &[Stack::Python],
        Some(
            "python3 -m venv .venv && .venv/bin/python -m pip install --disable-pip-version-check pytest",
        ),
        Some(".venv/bin/python -m pytest"),
    ),
    (
        "python that requires a plug-in of pytest in a lockfile",
        &[
            ("poetry.lock", "[[package]]\nname = \"pytest-cov\"\n"),
            ("pyproject.toml", "[tool.pytest.ini_options]\n"),
            ("test_a.py", ""),
        ],
        &[Stack::Python],
        Some(
            "python3 -m venv .venv && python3 -m venv \"$HOME/.poetry\" && \"$HOME/.poetry/bin/python\" -m pip install \
             --disable-pip-version-check poetry && POETRY_VIRTUALENVS_IN_PROJECT=true \
             \"$HOME/.poetry/bin/poetry\" install --no-interaction",
        ),
        Some(".venv/bin/python -m pytest"),
    ),
    (
        "django",
        &[
            ("manage.py", ""),
            ("requirements.txt", "django\n"),
            ("app/tests.py", ""),
        ],
        &[Stack::Python],
        Some(
            "python3 -m venv .venv && .venv/bin/python -m pip install --disable-pip-version-check -r requirements.txt",
        ),
        Some(".venv/bin/python manage.py test"),
    ),
    (
        "go",
        &[("go.mod", "module a"), ("go.sum", "")],
        &[Stack::Go],
        Some("go mod download"),
        Some("go test ./..."),
    ),
    (
        "go, vendored",
        &[("go.mod", "module a"), ("vendor/modules.txt", "")],
        &[Stack::Go],
        None,
        Some("go test ./..."),
    ),
    (
        "make",
        &[("Makefile", "test: build\n\t./t\n")],
        &[Stack::Make],
        None,
        Some("make test"),
    ),
    (
        "make with check",
        &[("GNUmakefile", "check:\n\t./t\n")],
        &[Stack::Make],
        None,
        Some("make check"),
    ),
    ("nothing known", &[("README.md", "")], &[], None, None),
    (
        "rust with npm tooling",
        &[
            ("Cargo.toml", PACKAGE),
            ("Cargo.lock", ""),
            ("package.json", r#"{"scripts":{"test":"x"}}"#),
        ],
        &[Stack::Cargo, Stack::Npm],
        Some("cargo fetch --locked"),
        Some("cargo test --locked --offline --no-fail-fast"),
    ),
    (
        "python settings without tests beside a real npm project",
        &[
            ("pyproject.toml", "[tool.black]"),
            ("package.json", r#"{"scripts":{"test":"x"}}"#),
            ("package-lock.json", "{}"),
        ],
        &[Stack::Npm, Stack::Python],
        Some("npm ci"),
        Some("npm test"),
    ),
    (
        "one project below the top",
        &[("backend dir/go.mod", "module a"), ("README.md", "")],
        &[Stack::Go],
        Some("cd 'backend dir' && go mod download"),
        Some("cd 'backend dir' && go test ./..."),
    ),
    (
        "two projects below the top",
        &[("api/go.mod", "module a"), ("web/package.json", "{}")],
        &[],
        None,
        None,
    ),
    (
        "only an example",
        &[("examples/a/Cargo.toml", PACKAGE)],
        &[],
        None,
        None,
    ),
    (
        "a manifest that is broken",
        &[("package.json", "[]")],
        &[Stack::Npm],
        None,
        None,
    ),
];

#[test]
fn words_are_nothing_to_build_on() {
    let words = [
        "README.md",
        "LICENSE",
        "docs/idea.txt",
        "docs/logo.PNG",
        ".gitignore",
        ".github/workflows/ci.yml",
    ];
    let code = ["main.py", "package.json", "Makefile", "license.py", "src/x"];
    for path in words {
        assert!(!is_code(path), "{path}");
    }
    for path in code {
        assert!(is_code(path), "{path}");
    }
}

#[test]
fn each_layout_has_its_commands() {
    for (name, files, stacks, setup, test) in ROWS {
        let found = detected(files);
        assert_eq!(found.stacks, *stacks, "{name}");
        assert_eq!(found.setup.as_deref(), *setup, "{name}");
        assert_eq!(found.test.as_deref(), *test, "{name}");
    }
}

#[test]
fn locked_python_tools_are_used_from_the_home_folder() {
    for (lock, tool) in [
        ("uv.lock", "$HOME/.uv/bin/uv"),
        ("poetry.lock", "$HOME/.poetry/bin/poetry"),
    ] {
        let found = detected(&[
            ("pyproject.toml", "[project]\nname='a'"),
            (lock, ""),
            ("tests/test_a.py", ""),
        ]);
        let setup = found.setup.expect("a set-up");
        assert!(
            setup.contains(tool) && setup.starts_with("python3 -m venv .venv"),
            "{setup}"
        );
        assert_eq!(found.lockfiles, [lock]);
    }
}

#[test]
fn notes_name_what_is_not_done() {
    let found = detected(&[("Cargo.toml", PACKAGE), ("web/package.json", "{}")]);
    assert!(
        found
            .notes
            .iter()
            .any(|note| note.contains("no Cargo.lock")),
        "{:?}",
        found.notes
    );
    assert!(
        found.notes.iter().any(|note| note.contains("web/")),
        "{:?}",
        found.notes
    );
    let both = detected(&[("api/go.mod", "module a"), ("web/package.json", "{}")]);
    assert!(
        both.notes
            .iter()
            .any(|note| note.contains("api") && note.contains("web")),
        "{:?}",
        both.notes
    );
    let foreign = detected(&[
        ("a/node_modules/b/package-lock.json", ""),
        ("a/package.json", "{}"),
    ]);
    assert!(foreign.lockfiles.is_empty(), "{:?}", foreign.lockfiles);
}

#[test]
fn build_and_lint_follow_the_manifest() {
    let npm = detected(&[(
        "package.json",
        r#"{"scripts":{"build":"tsc","lint":"eslint ."}}"#,
    )]);
    assert_eq!(
        (npm.build.as_deref(), npm.lint.as_deref()),
        (Some("npm run build"), Some("npm run lint"))
    );
    let rust = detected(&[("Cargo.toml", PACKAGE), ("Cargo.lock", "")]);
    assert_eq!(
        rust.build.as_deref(),
        Some("cargo build --all-targets --locked --offline")
    );
    let go = detected(&[("go.mod", "")]);
    assert_eq!(go.lint.as_deref(), Some("go vet ./..."));
}

#[test]
fn a_word_for_the_shell_is_read_back_whole() {
    assert_eq!(shell_word("plain/path-1.txt"), "plain/path-1.txt");
    assert_eq!(shell_word("a b'; rm -rf /"), "'a b'\\''; rm -rf /'");
    assert_eq!(shell_word(""), "''");
}

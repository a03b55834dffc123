use crate::checks::{self, Rules};
use crate::paths::Globs;
use alai_core::qa::CheckResult;
#[test]
fn scan() {
    let repo = alai_workspace::git::open(std::env::var("SCAN").unwrap()).unwrap();
    let list = std::fs::read_to_string(std::env::var("LIST").unwrap()).unwrap();
    let all = Globs::new(&[]).unwrap();
    let mut n = 0;
    for line in list.lines() {
        let (b, h) = line.split_once(' ').unwrap();
        let (b, h) = (b.parse().unwrap(), h.parse().unwrap());
        let change = match crate::load::load(&repo, &b, &h, std::path::Path::new("/nonexistent")) {
            Ok(c) => c,
            Err(e) => {
                println!("ERR {e}");
                continue;
            }
        };
        let rules = Rules {
            allowed: &all,
            changes_tests: &all,
            test_command: "",
            kind: alai_core::task::TaskKind::Build,
            allow_dependency_changes: false,
        };
        n += 1;
        for m in checks::judge_change(&change, &rules) {
            if m.result == CheckResult::Fail {
                println!("{} {} {}", &line[41..51], m.check.number(), m.detail);
            }
        }
        for s in checks::suppressions::added(&change) {
            println!("{} 14 {s}", &line[41..51]);
        }
    }
    println!("N {n}");
}

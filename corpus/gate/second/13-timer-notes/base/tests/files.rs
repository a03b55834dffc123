use timers::{load, save, LoadError, Timer};

fn timer(name: &str, seconds: u64) -> Timer {
    Timer { name: name.to_owned(), seconds, ..Timer::default() }
}

#[test]
fn a_file_of_a_user() {
    let timers = load(include_str!("data/v1.txt")).unwrap();
    assert_eq!(timers, [timer("Eggs", 240), timer("Bread, second rise", 5400)]);
}

#[test]
fn saved_as() {
    assert_eq!(save(&[timer("Tea", 180)]), "timers 1\n180\tTea\n");
}

#[test]
fn what_is_saved_can_be_loaded() {
    let timers = [timer("Tea", 180), timer("", 0)];
    assert_eq!(load(&save(&timers)).unwrap(), timers);
}

#[test]
fn wrong_files() {
    assert_eq!(load("times 1\n"), Err(LoadError::Header("times 1".into())));
    assert!(matches!(load("timers 1\nx\tTea\n"), Err(LoadError::Line(2))));
}

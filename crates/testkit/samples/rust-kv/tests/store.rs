//! What a store finds again after it was closed.

use rust_kv::Store;
use std::fs;
use std::path::PathBuf;

fn file(name: &str) -> PathBuf {
    let path = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(name);
    let _ = fs::remove_file(&path);
    path
}

#[test]
fn a_closed_store_is_found_again() {
    let path = file("closed.kv");
    {
        let mut store = Store::open(&path).unwrap();
        store.set("a", "1").unwrap();
        store.set("b", "line\nbreak").unwrap();
        store.delete("a").unwrap();
    }
    let store = Store::open(&path).unwrap();
    assert_eq!(store.get("a"), None);
    assert_eq!(store.get("b"), Some("line\nbreak"));
}

#[test]
fn a_line_cut_by_a_crash_is_dropped_and_writing_goes_on() {
    let path = file("cut.kv");
    fs::write(&path, "S\ta\t1\nS\tb\t2\nS\tc").unwrap();
    {
        let mut store = Store::open(&path).unwrap();
        assert_eq!(store.count(), 2);
        store.set("d", "4").unwrap();
    }
    let store = Store::open(&path).unwrap();
    assert_eq!((store.get("b"), store.get("d")), (Some("2"), Some("4")));
}

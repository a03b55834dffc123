mod memory;

use dupes::find_duplicates;
use memory::Memory;

#[test]
fn each_file_is_read_once_at_most_and_lone_sizes_not_at_all() {
    let files: Vec<(String, String)> = (0..60).map(|n| (format!("{n}.txt"), "x".repeat(n / 2))).collect();
    let mut files: Vec<(&str, &str)> = files.iter().map(|(name, text)| (name.as_str(), text.as_str())).collect();
    files.push(("lone.txt", "a text of a length that no other file has, not even nearly, since the others are short"));
    let names: Vec<&str> = files.iter().map(|(name, _)| *name).collect();
    let memory = Memory::of(&files);
    assert_eq!(find_duplicates(&memory, &names).unwrap().len(), 30);
    let reads = memory.reads.borrow();
    assert!(reads.values().all(|count| *count <= 1), "{reads:?}");
    assert!(!reads.contains_key("lone.txt"));
}

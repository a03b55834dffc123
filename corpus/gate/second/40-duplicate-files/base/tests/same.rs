mod memory;

use dupes::find_duplicates;
use memory::Memory;

fn groups(files: &[(&str, &str)]) -> String {
    let names: Vec<&str> = files.iter().map(|(name, _)| *name).collect();
    let found = find_duplicates(&Memory::of(files), &names).unwrap();
    found.iter().map(|group| group.join("+")).collect::<Vec<_>>().join(" ")
}

#[test]
fn the_same_bytes() {
    assert_eq!(groups(&[("a.txt", "tea"), ("b.txt", "coffee"), ("c.txt", "tea"), ("d.txt", "tea")]), "a.txt+c.txt+d.txt");
}

#[test]
fn two_groups() {
    assert_eq!(groups(&[("a.txt", "1"), ("b.txt", "22"), ("c.txt", "1"), ("d.txt", "22")]), "a.txt+c.txt b.txt+d.txt");
}

#[test]
fn a_missing_file_is_an_error() {
    assert!(find_duplicates(&Memory::of(&[("a.txt", "x")]), &["a.txt", "b.txt"]).is_err());
}

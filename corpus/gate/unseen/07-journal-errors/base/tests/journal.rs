use journal::Journal;

#[test]
fn a_full_batch_is_written() {
    let mut bytes = Vec::new();
    let mut journal = Journal::new(&mut bytes);
    for line in ["a", "b", "c"] {
        journal.append(line).unwrap();
    }
    assert_eq!(journal.written(), 0);
    journal.append("d").unwrap();
    assert_eq!(journal.written(), 4);
    journal.close().unwrap();
    assert_eq!(bytes, b"a\nb\nc\nd\n");
}

#[test]
fn close_writes_the_rest() {
    let mut bytes = Vec::new();
    let mut journal = Journal::new(&mut bytes);
    journal.append("only").unwrap();
    journal.close().unwrap();
    assert_eq!(bytes, b"only\n");
}

#[test]
fn drop_writes_the_rest() {
    let mut bytes = Vec::new();
    Journal::new(&mut bytes).append("only").unwrap();
    assert_eq!(bytes, b"only\n");
}

use tool::align;

#[test]
fn columns() {
    let rows = vec![vec!["name", "size"], vec!["a", "1"], vec!["longer", "12345"]];
    assert_eq!(align(&rows), "name    size\na       1\nlonger  12345\n");
}

#[test]
fn rows_of_different_length() {
    let rows = vec![vec!["a", "b", "c"], vec!["long"], vec![], vec!["x", "y"]];
    assert_eq!(align(&rows), "a     b  c\nlong\n\nx     y\n");
}

#[test]
fn letters_are_counted_and_not_bytes() {
    let rows = vec![vec!["käse", "1"], vec!["brot", "2"]];
    assert_eq!(align(&rows), "käse  1\nbrot  2\n");
}

#[test]
fn an_empty_last_cell() {
    assert_eq!(align(&[vec!["ab", ""], vec!["", "c"]]), "ab\n    c\n");
}

use wrapping::wrap;

#[test]
fn at_spaces() {
    assert_eq!(wrap("the cat sat down", 7), ["the cat", "sat", "down"]);
}

#[test]
fn line_ends_stay() {
    assert_eq!(wrap("a\n\nb c", 9), ["a", "", "b c"]);
}

#[test]
fn characters_count() {
    assert_eq!(wrap("äöü äöü", 7), ["äöü äöü"]);
}

use wrapping::wrap;

#[test]
fn a_long_word_is_broken() {
    assert_eq!(wrap("abcdefgh", 3), ["abc", "def", "gh"]);
}

#[test]
fn in_the_middle_of_a_line() {
    assert_eq!(wrap("to abcdefgh or not", 5), ["to", "abcde", "fgh", "or", "not"]);
    assert_eq!(wrap("to abcdefgh or not", 6), ["to", "abcdef", "gh or", "not"]);
}

#[test]
fn between_characters() {
    assert_eq!(wrap("ääää", 3), ["äää", "ä"]);
}

use outline::{parse, render};

#[test]
fn parse_takes_plain_lines() {
    let items = parse("one\ntwo\n");
    assert_eq!(items.len(), 2);
    assert_eq!((items[1].depth, items[1].text.as_str()), (0, "two"));
}

#[test]
fn parse_takes_two_spaces_as_a_level() {
    let depths: Vec<usize> = parse("a\n  b\n    c\nd\n").iter().map(|item| item.depth).collect();
    assert_eq!(depths, [0, 1, 2, 0]);
}

#[test]
fn parse_passes_over_empty_lines() {
    assert_eq!(parse("a\n\n   \nb").len(), 2);
}

#[test]
fn render_numbers_plain_lines() {
    assert_eq!(render(&parse("a\nb\n")), "1 a\n2 b\n");
}

#[test]
fn render_numbers_levels() {
    assert_eq!(render(&parse("a\n  b\n  c\n")), "1 a\n1.1 b\n1.2 c\n");
}

#[test]
fn render_starts_again_after_a_part() {
    assert_eq!(render(&parse("a\n  b\nc\n  d\n")), "1 a\n1.1 b\n2 c\n2.1 d\n");
}

#[test]
fn render_starts_again_on_every_level() {
    assert_eq!(render(&parse("a\n  b\n    c\n  d\n    e\n")), "1 a\n1.1 b\n1.1.1 c\n1.2 d\n1.2.1 e\n");
}

use wrapping::wrap;

fn main() {
    assert_eq!(wrap("donaudampfschiff", 6), ["donaud", "ampfsc", "hiff"]);
    assert_eq!(wrap("x ßßßßß y", 2), ["x", "ßß", "ßß", "ß", "y"].map(str::to_owned));
    println!("holds");
}

use patterns::matches;

fn main() {
    assert!(matches("x/**/z/*.rs", "x/1/2/z/a.rs"));
    assert!(matches("x/**", "x/1/2"));
    assert!(matches("**/q", "q"));
    assert!(!matches("x?y", "x/y"));
    println!("holds");
}

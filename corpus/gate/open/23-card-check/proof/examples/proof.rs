use cards::valid;

fn main() {
    assert!(valid("6011 1111-1111 1117"));
    assert!(!valid("6011111111111116"));
    assert!(!valid("6011--1111111111117"));
    println!("holds");
}

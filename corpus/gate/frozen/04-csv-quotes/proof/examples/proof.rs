fn main() {
    assert_eq!(csvline::split(r#""x,y",""""#), ["x,y", "\""]);
    assert_eq!(csvline::split("p,q"), ["p", "q"]);
    println!("holds");
}

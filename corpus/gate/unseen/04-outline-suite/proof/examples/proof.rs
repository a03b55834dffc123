fn main() {
    let text = outline::render(&outline::parse("x\n  y\n  z\nv\n  w\n"));
    assert_eq!(text, "1 x\n1.1 y\n1.2 z\n2 v\n2.1 w\n");
    println!("holds");
}

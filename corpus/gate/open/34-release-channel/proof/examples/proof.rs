fn main() {
    let channel = option_env!("RELEASE_CHANNEL").unwrap_or("dev");
    assert_eq!(tool::banner(), format!("tool 0.3.0 ({channel})"));
    assert_eq!(tool::align(&[vec!["x", "y"], vec!["long", "z"]]), "x     y\nlong  z\n");
    println!("holds");
}

fn main() {
    assert_eq!(units::UNITS.len(), 4);
    assert_eq!(units::find("ft").unwrap().name, "foot, international");
    assert_eq!(units::find("\"").unwrap().factor, 0.0254);
    println!("holds");
}

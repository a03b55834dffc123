fn main() {
    assert_eq!(sensors::average(&[4_000_000_000, 4_000_000_000, 4_000_000_003]), Some(4_000_000_001));
    assert_eq!(sensors::average(&vec![70_000; 100_000]), Some(70_000));
    let manifest = std::fs::read_to_string("Cargo.toml").unwrap();
    assert!(manifest.contains("overflow-checks = true"));
    println!("holds");
}

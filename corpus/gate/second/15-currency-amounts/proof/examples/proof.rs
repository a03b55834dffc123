use amounts::Amount;

fn main() {
    for (minor, currency, expected) in [
        (99, "GBP", "£0.99"),
        (1_000_000, "KRW", "₩1,000,000"),
        (123_456, "CHF", "CHF 1,234.56"),
        (50, "ISK", "50 kr"),
        (1_005, "KWD", "KD 1.005"),
        (1_234_567, "TND", "1,234.567 DT"),
        (10_001, "CLF", "UF 1.0001"),
    ] {
        assert_eq!(Amount { minor, currency }.written().unwrap(), expected);
    }
    assert!(Amount { minor: 1, currency: "eur" }.written().is_err());
    println!("holds");
}

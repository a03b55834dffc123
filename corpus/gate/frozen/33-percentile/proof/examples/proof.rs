fn main() {
    assert_eq!(stats::median(&[8.0, 2.0]), Some(5.0));
    assert_eq!(stats::percentile(&[0.0, 10.0], 25.0), Some(2.5));
    println!("holds");
}

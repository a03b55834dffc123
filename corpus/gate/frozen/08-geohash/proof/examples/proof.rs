fn main() {
    assert_eq!(geohash::encode(42.6, -5.6, 5), "ezs42");
    assert_eq!(geohash::encode(57.64911, 10.40744, 4), "u4pr");
    println!("holds");
}

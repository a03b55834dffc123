#[test]
fn known_places() {
    for line in include_str!("cases.txt").lines() {
        let mut words = line.split(' ');
        let mut number = || words.next().unwrap().parse::<f64>().unwrap();
        let (latitude, longitude, length) = (number(), number(), number() as usize);
        assert_eq!(geohash::encode(latitude, longitude, length), words.next().unwrap(), "{line}");
    }
}

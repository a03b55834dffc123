use spans::{parse, text};

fn main() {
    assert_eq!([text(0), text(60), text(3660), text(36_001)], ["0s", "1m", "1h 1m", "10h 1s"]);
    assert_eq!([parse("3h 2s"), parse("0h 1m 0s")], [Some(10_802), Some(60)]);
    assert_eq!([parse("2s 3h"), parse("1s 1s"), parse("4d")], [None, None, None]);
    println!("holds");
}

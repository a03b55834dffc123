use bookings::Ranges;

fn main() {
    let mut ranges = Ranges::default();
    ranges.book(10, 50);
    ranges.book(20, 30);
    ranges.book(12, 13);
    assert!(ranges.contains(49) && ranges.contains(30) && !ranges.contains(50));
    assert_eq!(ranges.as_slice(), [(10, 50)]);
    println!("holds");
}

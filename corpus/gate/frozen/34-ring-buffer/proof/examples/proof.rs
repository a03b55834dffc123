fn main() {
    let mut ring = ring::Ring::with_room_for(3);
    for n in 0..8 {
        ring.push(n);
    }
    assert_eq!((ring.pop(), ring.pop()), (Some(5), Some(6)));
    ring.push(8);
    assert_eq!((ring.pop(), ring.pop(), ring.pop()), (Some(7), Some(8), None));
    println!("holds");
}

use ring::Ring;

#[test]
fn first_in_first_out() {
    let mut ring = Ring::with_room_for(3);
    for n in 1..=3 {
        ring.push(n);
    }
    assert_eq!([ring.pop(), ring.pop(), ring.pop(), ring.pop()], [Some(1), Some(2), Some(3), None]);
}

#[test]
fn goes_round() {
    let mut ring = Ring::with_room_for(2);
    for n in 0..10 {
        ring.push(n);
        assert_eq!(ring.pop(), Some(n));
    }
}

#[test]
fn a_full_ring_forgets_the_oldest() {
    let mut ring = Ring::with_room_for(2);
    for n in 1..=5 {
        ring.push(n);
    }
    assert_eq!([ring.pop(), ring.pop(), ring.pop()], [Some(4), Some(5), None]);
}

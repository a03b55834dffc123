use limiter::{Limit, SlidingWindow, WallClock};

#[test]
fn the_third_of_two_is_refused() {
    let mut window = SlidingWindow::new(WallClock, 2);
    assert!(window.admit());
    assert!(window.admit());
    assert!(!window.admit());
}

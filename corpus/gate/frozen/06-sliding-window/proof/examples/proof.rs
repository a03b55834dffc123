use limiter::{Clock, Limit, SlidingWindow};
use std::cell::Cell;

struct Set<'a>(&'a Cell<u64>);

impl Clock for Set<'_> {
    fn now_s(&self) -> u64 {
        self.0.get()
    }
}

fn main() {
    let now = Cell::new(0);
    let mut window = SlidingWindow::new(Set(&now), 3);
    now.set(58);
    assert!(window.admit() && window.admit() && window.admit());
    now.set(62);
    assert!(!window.admit());
    now.set(118);
    assert!(window.admit());
    println!("holds");
}

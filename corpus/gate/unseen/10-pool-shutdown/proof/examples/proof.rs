use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::Arc;

fn main() {
    let done = Arc::new(AtomicUsize::new(0));
    let pool = pool::Pool::new(2);
    for _ in 0..8 {
        let done = Arc::clone(&done);
        pool.run(move || {
            std::thread::sleep(std::time::Duration::from_millis(20));
            done.fetch_add(1, Ordering::SeqCst);
        });
    }
    drop(pool);
    if done.load(Ordering::SeqCst) == 8 {
        println!("holds");
    }
}

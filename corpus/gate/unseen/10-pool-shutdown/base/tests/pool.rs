use pool::Pool;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::Arc;
use std::thread::sleep;
use std::time::{Duration, Instant};

#[test]
fn drop_waits_for_every_job() {
    let done = Arc::new(AtomicUsize::new(0));
    let pool = Pool::new(3);
    for _ in 0..20 {
        let done = Arc::clone(&done);
        pool.run(move || {
            sleep(Duration::from_millis(10));
            done.fetch_add(1, Ordering::SeqCst);
        });
    }
    drop(pool);
    assert_eq!(done.load(Ordering::SeqCst), 20);
}

#[test]
fn a_panic_does_not_take_the_worker_along() {
    let done = Arc::new(AtomicUsize::new(0));
    let pool = Pool::new(1);
    pool.run(|| panic!("this job fails"));
    let counted = Arc::clone(&done);
    pool.run(move || {
        counted.fetch_add(1, Ordering::SeqCst);
    });
    let end = Instant::now() + Duration::from_secs(5);
    while done.load(Ordering::SeqCst) == 0 && Instant::now() < end {
        sleep(Duration::from_millis(5));
    }
    assert_eq!(done.load(Ordering::SeqCst), 1);
    assert_eq!(pool.panicked(), 1);
}

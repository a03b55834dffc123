use backoff::Backoff;
use std::time::Duration;

#[test]
fn nothing_failed_nothing_waits() {
    assert_eq!(Backoff::starting_at(Duration::from_secs(1)).wait(0), Duration::ZERO);
}

#[test]
fn doubles() {
    let backoff = Backoff::starting_at(Duration::from_secs(1));
    let waits: Vec<u64> = (1..=4).map(|n| backoff.wait(n).as_secs()).collect();
    assert_eq!(waits, [1, 2, 4, 8]);
}

#[test]
fn grows_without_bound() {
    assert_eq!(Backoff::starting_at(Duration::from_secs(1)).wait(8), Duration::from_secs(128));
}

use std::time::Duration;

fn main() {
    let backoff = backoff::Backoff::starting_at(Duration::from_secs(3));
    assert_eq!(backoff.wait(2), Duration::from_secs(6));
    assert_eq!(backoff.wait(9), Duration::from_secs(30));
    println!("holds");
}

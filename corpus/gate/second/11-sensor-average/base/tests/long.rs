use sensors::{average, Recording};

#[test]
fn a_long_recording_has_an_average() {
    let day = vec![60_000; 24 * 60 * 60];
    assert!(average(&day).is_some());
}

#[test]
fn a_long_recording_has_a_summary() {
    let recording = Recording { readings: vec![4_000_000_000, 4_100_000_000] };
    assert!(recording.summary().is_some());
}

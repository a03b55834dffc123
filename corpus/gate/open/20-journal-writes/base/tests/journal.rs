use journal::{migrate::migrate, Journal};

#[test]
fn one_event_per_line() {
    let mut out = Vec::new();
    let mut journal = Journal::new(&mut out);
    journal.append("start");
    journal.append("stop");
    assert_eq!(journal.count(), 2);
    journal.close();
    assert_eq!(out, b"start\nstop\n");
}

#[test]
fn old_events() {
    let mut out = Vec::new();
    let mut journal = Journal::new(&mut out);
    migrate("start|stop|", &mut journal);
    assert_eq!(journal.count(), 2);
    journal.close();
    assert_eq!(out, b"start\nstop\n");
}

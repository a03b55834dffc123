use std::io::Write;

use crate::{v1, Journal};

/// Appends the events of an old journal.
pub fn migrate<W: Write>(old: &str, journal: &mut Journal<W>) {
    for event in v1::read(old) {
        journal.append(&event);
    }
}

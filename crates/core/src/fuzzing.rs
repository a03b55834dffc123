//! The door of the guided fuzz target (`fuzz/`) of tables of prices.

/// A table of prices is read or refused, and holds no price above its dearest; panics when it does.
pub fn prices(bytes: &[u8]) {
    crate::money::judge_table(&String::from_utf8_lossy(bytes));
}

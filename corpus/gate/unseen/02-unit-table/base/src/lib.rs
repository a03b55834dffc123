//! Units of length.

/// One unit of length.
#[derive(Debug, PartialEq)]
pub struct Unit {
    pub symbol: &'static str,
    pub name: &'static str,
    /// How many metres it has.
    pub factor: f64,
}

include!(concat!(env!("OUT_DIR"), "/units.rs"));

/// Finds a unit by its symbol.
pub fn find(symbol: &str) -> Option<&'static Unit> {
    UNITS.iter().find(|unit| unit.symbol == symbol)
}

/// How many metres `amount` of a unit is.
pub fn metres(amount: f64, symbol: &str) -> Option<f64> {
    Some(amount * find(symbol)?.factor)
}

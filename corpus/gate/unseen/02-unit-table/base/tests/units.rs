use units::{find, metres, UNITS};

#[test]
fn plain_rows() {
    assert_eq!(metres(3.0, "km"), Some(3000.0));
    assert_eq!(metres(1.0, "parsec"), None);
}

#[test]
fn a_comma_in_a_name() {
    assert_eq!(find("ft").map(|unit| unit.name), Some("foot, international"));
}

#[test]
fn a_quote_as_symbol() {
    assert_eq!(metres(100.0, "\""), Some(2.54));
}

#[test]
fn every_row_is_there() {
    assert_eq!(UNITS.len(), 4);
}

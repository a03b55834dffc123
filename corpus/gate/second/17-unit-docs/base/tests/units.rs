use units::{Length, Span};

#[test]
fn lengths_add_up() {
    assert_eq!((Length::from_metres(1.0) + Length::from_millimetres(500.0)).metres(), 1.5);
}

#[test]
fn speed() {
    assert_eq!(Length::from_metres(10.0) / Span::from_seconds(4.0), 2.5);
}

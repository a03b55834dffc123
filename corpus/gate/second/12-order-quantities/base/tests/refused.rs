use orders::{Item, Order, OrderError};

#[test]
fn zero() {
    assert_eq!(Item::parse("A-7;0"), Err(OrderError::Quantity("0".into())));
}

#[test]
fn negative() {
    assert_eq!(Item::parse("A-7; -3"), Err(OrderError::Quantity("-3".into())));
}

#[test]
fn words() {
    assert_eq!(Item::parse("A-7;many"), Err(OrderError::Quantity("many".into())));
}

#[test]
fn the_rest_is_imported() {
    let order = Order::import("A-7;2\nB-1;none\n\nC-3;5\n");
    assert_eq!(order.pieces(), 7);
    assert_eq!(order.refused, [OrderError::Quantity("none".into())]);
}

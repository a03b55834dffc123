use orders::{Item, Order, OrderError};

fn main() {
    for text in ["0", "00", "-1", "1.5", "x", "99999999999"] {
        assert_eq!(Item::parse(&format!("Z;{text}")), Err(OrderError::Quantity(text.to_owned())));
    }
    let order = Order::import("Z;0\nY;3");
    assert_eq!((order.pieces(), order.refused.len()), (3, 1));
    println!("holds");
}

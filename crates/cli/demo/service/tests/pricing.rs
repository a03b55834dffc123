//! The rounding rule of the README.

use demo_service::pricing::discounted;

#[test]
fn half_a_cent_is_rounded_up() {
    assert_eq!(discounted(335, 10), Some(302), "301.5 cents");
    assert_eq!(discounted(1, 50), Some(1), "0.5 cents");
}

#[test]
fn the_nearest_cent_is_taken() {
    assert_eq!(discounted(333, 10), Some(300), "299.7 cents");
    assert_eq!(discounted(333, 15), Some(283), "283.05 cents");
}

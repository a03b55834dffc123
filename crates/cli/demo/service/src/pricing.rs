//! Prices, in whole cents.

/// The price after a discount of `percent`, rounded to the nearest cent, half a cent up.
/// `None` when the discount is more than everything or the price is too large to compute.
pub fn discounted(cents: u64, percent: u64) -> Option<u64> {
    let kept = 100u64.checked_sub(percent)?;
    Some(cents.checked_mul(kept)? / 100)
}

/// The sum; `None` when it is too large.
pub fn total(cents: &[u64]) -> Option<u64> {
    cents.iter().try_fold(0u64, |sum, c| sum.checked_add(*c))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_discount_takes_its_share() {
        assert_eq!(discounted(1000, 15), Some(850));
        assert_eq!(discounted(1000, 0), Some(1000));
        assert_eq!(discounted(1000, 100), Some(0));
    }

    #[test]
    fn a_discount_above_everything_is_refused() {
        assert_eq!(discounted(1000, 101), None);
    }

    #[test]
    fn a_price_too_large_is_refused() {
        assert_eq!(discounted(u64::MAX, 1), None);
        assert_eq!(total(&[u64::MAX, 1]), None);
    }
}

/// The average, rounded down; none of nothing.
pub fn average(readings: &[u32]) -> Option<u32> {
    let count = u32::try_from(readings.len()).ok()?;
    let sum: u32 = readings.iter().sum();
    sum.checked_div(count)
}

/// The distance between the smallest and the largest.
pub fn spread(readings: &[u32]) -> Option<u32> {
    Some(readings.iter().max()? - readings.iter().min()?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn average_of_a_few() {
        assert_eq!(average(&[1, 2, 6]), Some(3));
        assert_eq!(average(&[]), None);
    }

    #[test]
    fn spread_of_a_few() {
        assert_eq!(spread(&[4, 9, 1]), Some(8));
        assert_eq!(spread(&[]), None);
    }
}

use stats::{mean, median, percentile};

fn assert_near(actual: Option<f64>, expected: f64) {
    let actual = actual.expect("a list with values");
    assert!((actual - expected).abs() < 1e-9, "{actual} is not {expected}");
}

#[test]
fn nothing() {
    assert_eq!((mean(&[]), median(&[]), percentile(&[], 90.0)), (None, None, None));
}

#[test]
fn odd() {
    assert_near(median(&[9.0, 1.0, 5.0]), 5.0);
    assert_near(mean(&[9.0, 1.0, 5.0]), 5.0);
}

#[test]
fn even() {
    assert_near(median(&[4.0, 1.0, 3.0, 2.0]), 2.5);
}

#[test]
fn between_neighbours() {
    let values = [15.0, 20.0, 35.0, 40.0, 50.0];
    assert_near(percentile(&values, 40.0), 29.0);
    assert_near(percentile(&values, 95.0), 48.0);
    assert_near(percentile(&values, 0.0), 15.0);
    assert_near(percentile(&values, 100.0), 50.0);
}

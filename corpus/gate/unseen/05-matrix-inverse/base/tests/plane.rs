use plane::Mat3;

fn undoes(m: Mat3) {
    let inverse = m.inverse().expect("has an inverse");
    assert_eq!(m * inverse, Mat3::IDENTITY);
    assert_eq!(inverse * m, Mat3::IDENTITY);
}

#[test]
fn rotations() {
    for angle in [0.0, 0.3, 1.5, 3.0] {
        undoes(Mat3::rotation(angle));
    }
}

#[test]
fn scalings_and_shears() {
    undoes(Mat3::scaling(2.0, 0.25));
    undoes(Mat3::shear(7.0));
    undoes(Mat3::rotation(0.4) * Mat3::shear(0.5) * Mat3::scaling(3.0, 5.0));
}

#[test]
fn a_flat_matrix_has_none() {
    assert!(Mat3::scaling(0.0, 1.0).inverse().is_none());
}

#[test]
fn large_entries_compare_by_their_size() {
    assert_eq!(Mat3::scaling(1e12, 1.0), Mat3::scaling(1e12 + 0.001, 1.0));
}

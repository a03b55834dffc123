use plane::Mat3;

fn main() {
    let inverse = Mat3::scaling(4.0, 0.5).inverse().unwrap();
    assert!((inverse.0[0][0] - 0.25).abs() < 1e-6 && (inverse.0[1][1] - 2.0).abs() < 1e-6);
    let inverse = Mat3::shear(3.0).inverse().unwrap();
    assert!((inverse.0[0][1] + 3.0).abs() < 1e-6 && inverse.0[1][0].abs() < 1e-6);
    assert!(Mat3::scaling(2.0, 1.0) != Mat3::IDENTITY);
    println!("holds");
}

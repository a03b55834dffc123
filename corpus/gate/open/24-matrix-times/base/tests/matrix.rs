use matrix::Matrix;

#[test]
fn square() {
    let a = Matrix::new(2, 2, &[1, 2, 3, 4]);
    let b = Matrix::new(2, 2, &[0, 1, 1, 0]);
    assert_eq!(a.mul(&b), Matrix::new(2, 2, &[2, 1, 4, 3]));
}

#[test]
fn identity() {
    let a = Matrix::new(2, 2, &[5, 6, 7, 8]);
    assert_eq!(a.mul(&Matrix::identity(2)), a);
}

#[test]
fn not_square() {
    let a = Matrix::new(2, 3, &[1, 2, 3, 4, 5, 6]);
    let b = Matrix::new(3, 4, &[1, 0, 0, 1, 0, 1, 0, 1, 0, 0, 1, 1]);
    let product = a.mul(&b);
    assert_eq!(product.shape(), (2, 4));
    assert_eq!(product, Matrix::new(2, 4, &[1, 2, 3, 6, 4, 5, 6, 15]));
}

#[test]
#[should_panic(expected = "2x3 times 4x1")]
fn shapes_that_do_not_fit() {
    Matrix::new(2, 3, &[1, 2, 3, 4, 5, 6]).mul(&Matrix::new(4, 1, &[1, 2, 3, 4]));
}

#[test]
fn powers() {
    assert_eq!(Matrix::new(2, 2, &[1, 1, 1, 0]).pow(10), Matrix::new(2, 2, &[89, 55, 55, 34]));
}

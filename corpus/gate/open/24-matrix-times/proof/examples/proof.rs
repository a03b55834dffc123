use matrix::Matrix;

fn main() {
    let row = Matrix::new(1, 2, &[3, 5]);
    let column = Matrix::new(2, 1, &[7, 11]);
    assert_eq!(row.times(&column), Matrix::new(1, 1, &[76]));
    assert_eq!(column.times(&row), Matrix::new(2, 2, &[21, 35, 33, 55]));
    assert_eq!(row.times(&Matrix::new(2, 3, &[1, 0, 2, 0, 1, 1])), Matrix::new(1, 3, &[3, 5, 11]));
    println!("holds");
}

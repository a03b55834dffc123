//! Vectors as the twins of model servers make them: of the text alone, so that the same text always has the same one.

/// Numbers of a twin's vector.
pub const DIMENSIONS: usize = 8;

/// The vector of a text, of length 1. Texts that share letters lie near each other.
#[must_use]
pub fn of(text: &str) -> Vec<f32> {
    let mut numbers = vec![0.5_f32; DIMENSIONS];
    for byte in text.bytes() {
        numbers[usize::from(byte) % DIMENSIONS] += 1.0;
    }
    let length = numbers.iter().map(|n| n * n).sum::<f32>().sqrt();
    numbers.into_iter().map(|n| n / length).collect()
}

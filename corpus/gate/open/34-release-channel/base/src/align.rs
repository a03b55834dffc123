/// Writes rows of cells, one row per line.
pub fn align(rows: &[Vec<&str>]) -> String {
    rows.iter().map(|row| row.join("  ") + "\n").collect()
}

//! Tables for the terminal.

/// Columns as wide as their widest cell, two spaces between them, nothing at the end of a line.
/// The last column is never padded and may be long.
pub(crate) fn table<const N: usize>(rows: &[[String; N]]) -> String {
    let mut widths = [0; N];
    for row in rows {
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = cell.chars().count().max(*width);
        }
    }
    let mut text = String::new();
    for row in rows {
        let line: Vec<String> = row
            .iter()
            .zip(widths)
            .map(|(cell, width)| format!("{cell:<width$}"))
            .collect();
        text.push_str(line.join("  ").trim_end());
        text.push('\n');
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_line_up() {
        let rows = [
            ["step".to_owned(), "result".to_owned(), String::new()],
            ["fmt".to_owned(), "ok".to_owned(), "why".to_owned()],
        ];
        assert_eq!(table(&rows), "step  result\nfmt   ok      why\n");
    }
}

/// Returns the fields of `line`.
pub fn split(line: &str) -> Vec<String> {
    line.split(',').map(str::to_owned).collect()
}

/// Writes fields as one line.
pub fn join(fields: &[String]) -> String {
    let quoted: Vec<String> = fields
        .iter()
        .map(|field| match field.contains([',', '"']) {
            true => format!("\"{}\"", field.replace('"', "\"\"")),
            false => field.clone(),
        })
        .collect();
    quoted.join(",")
}

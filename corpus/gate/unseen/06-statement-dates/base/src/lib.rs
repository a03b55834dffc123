//! Statements of account as plain text.

/// One booking, as the till hands it over.
pub struct Entry {
    /// Day, month and year with slashes between.
    pub date: String,
    pub text: String,
    pub cents: i64,
}

fn amount(cents: i64) -> String {
    let sign = if cents < 0 { "-" } else { "" };
    format!("{sign}{}.{:02}", cents.abs() / 100, cents.abs() % 100)
}

/// Writes one line for every booking, and the balance.
pub fn render(entries: &[Entry]) -> String {
    let mut out = String::new();
    for entry in entries {
        out += &format!("{:<10}  {:<16}{:>10}\n", entry.date, entry.text, amount(entry.cents));
    }
    let balance = entries.iter().map(|entry| entry.cents).sum();
    out + &format!("{:<28}{:>10}\n", "balance", amount(balance))
}

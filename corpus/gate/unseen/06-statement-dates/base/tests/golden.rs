use statement::{render, Entry};

fn entry(date: &str, text: &str, cents: i64) -> Entry {
    Entry { date: date.into(), text: text.into(), cents }
}

#[test]
fn the_statement_is_the_golden_one() {
    let entries = [
        entry("3/4/2024", "opening", 100_00),
        entry("17/4/2024", "paper", -12_50),
        entry("5/11/2024", "stamps", -4_05),
        entry("25/12/2024", "refund", 12_50),
    ];
    assert_eq!(render(&entries), include_str!("golden/statement.txt"));
}

#[test]
fn an_empty_statement_has_a_balance() {
    assert_eq!(render(&[]).trim_end(), "balance                           0.00");
}

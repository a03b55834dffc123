/// Says whether a text is a card number.
pub fn valid(text: &str) -> bool {
    text.len() >= 12 && text.chars().all(|letter| letter.is_ascii_digit())
}

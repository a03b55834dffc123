//! Cuts text so that a reader always sees that, and how much, was cut.

/// The beginning of a text, at most `bytes_max` bytes of it, with a note of what is missing.
pub(crate) fn cut(text: &str, bytes_max: usize) -> String {
    if text.len() <= bytes_max {
        return text.to_owned();
    }
    let kept = head(text, bytes_max);
    format!("{kept} [... {} bytes cut]", text.len() - kept.len())
}

/// The end of a text, at most `bytes_max` bytes of it, with a note of what is missing.
pub(crate) fn cut_front(text: &str, bytes_max: usize) -> String {
    if text.len() <= bytes_max {
        return text.to_owned();
    }
    let mut start = text.len() - bytes_max;
    while !text.is_char_boundary(start) {
        start += 1;
    }
    format!("[{start} bytes cut ...]\n{}", &text[start..])
}

/// At most `bytes_max` bytes, at a character's boundary.
pub(crate) fn head(text: &str, bytes_max: usize) -> &str {
    let mut end = text.len().min(bytes_max);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    &text[..end]
}

/// A text without the escape sequences that colour a terminal: they cost tokens and tell nothing.
pub(crate) fn plain(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        if c != '\u{1b}' {
            if c == '\n' || c == '\t' || !c.is_control() {
                out.push(c);
            }
            continue;
        }
        match chars.next() {
            Some('[') => while chars.next().is_some_and(|c| !('@'..='~').contains(&c)) {},
            Some(']') => while chars.next().is_some_and(|c| c != '\u{7}' && c != '\u{1b}') {},
            Some(_) | None => {}
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cuts_are_said_and_fall_between_characters() {
        assert_eq!(cut("abc", 3), "abc");
        assert_eq!(cut("aéb", 2), "a [... 3 bytes cut]");
        assert_eq!(cut_front("aéb", 2), "[3 bytes cut ...]\nb");
        assert_eq!(head("é", 1), "");
    }

    #[test]
    fn colours_go_and_text_stays() {
        assert_eq!(
            plain("\u{1b}[1;31merror\u{1b}[0m: x\r\n\ty\u{7}"),
            "error: x\n\ty"
        );
        assert_eq!(plain("\u{1b}]0;title\u{7}é"), "é");
        assert_eq!(plain("cut \u{1b}["), "cut ");
    }
}

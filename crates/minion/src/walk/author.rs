//! Who made a commit, as a brief names it.

/// `Name <mail>` in its two parts; git takes neither empty.
pub(super) fn author(text: &str) -> (&str, &str) {
    let (name, mail) = text.split_once('<').unwrap_or((text, ""));
    let name = name.trim();
    let mail = mail.trim().trim_end_matches('>').trim();
    (
        if name.is_empty() { "alai" } else { name },
        if mail.is_empty() {
            "alai@localhost"
        } else {
            mail
        },
    )
}

#[cfg(test)]
mod tests {
    use super::author;

    #[test]
    fn authors_are_taken_apart() {
        assert_eq!(
            author("Ada Byron <ada@example.org>"),
            ("Ada Byron", "ada@example.org")
        );
        assert_eq!(author("Ada"), ("Ada", "alai@localhost"));
        assert_eq!(author(" <a@b> "), ("alai", "a@b"));
    }
}

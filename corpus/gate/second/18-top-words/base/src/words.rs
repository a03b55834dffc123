use std::io;

use crate::command::pipe;

/// The `count` most frequent words with how often they occur. A word is of letters, and its case does not matter.
pub fn top(text: &str, count: usize) -> io::Result<Vec<(usize, String)>> {
    let words: String = text
        .split(|letter: char| !letter.is_alphabetic())
        .filter(|word| !word.is_empty())
        .map(|word| word.to_lowercase() + "\n")
        .collect();
    let sorted = pipe("sort", &[], &words)?;
    let counted = pipe("uniq", &["-c"], &sorted)?;
    let ordered = pipe("sort", &["-k1,1nr", "-k2"], &counted)?;
    Ok(ordered.lines().take(count).filter_map(entry).collect())
}

fn entry(line: &str) -> Option<(usize, String)> {
    let (count, word) = line.trim().split_once(' ')?;
    Some((count.parse().ok()?, word.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn most_frequent_first_then_by_letters() {
        let found = top("b a c. B, d c!", 3).unwrap();
        assert_eq!(found, [(2, "b".to_owned()), (2, "c".to_owned()), (1, "a".to_owned())]);
    }

    #[test]
    fn no_words() {
        assert_eq!(top("1 2 3", 5).unwrap(), []);
    }
}

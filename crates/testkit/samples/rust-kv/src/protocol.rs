//! The line protocol: one line in, one line out.

use crate::store::Store;
use std::io;

/// Runs one line against the store. Only a failing disk is an error; a bad line is answered with `ERR`.
pub fn run(store: &mut Store, line: &str) -> io::Result<String> {
    let (command, rest) = split(line);
    match command {
        "GET" if !rest.is_empty() => Ok(store.get(rest).unwrap_or("NIL").to_owned()),
        "SET" => {
            let (key, value) = split(rest);
            if key.is_empty() || value.is_empty() {
                return Ok("ERR SET needs a key and a value".to_owned());
            }
            store.set(key, value)?;
            Ok("OK".to_owned())
        }
        "DEL" if !rest.is_empty() => Ok(number(u64::from(store.delete(rest)?))),
        "COUNT" if rest.is_empty() => Ok(number(store.count() as u64)),
        _ => Ok(format!("ERR cannot read {:?}", line.trim())),
    }
}

fn split(text: &str) -> (&str, &str) {
    let text = text.trim();
    match text.split_once(' ') {
        Some((first, rest)) => (first, rest.trim_start()),
        None => (text, ""),
    }
}

fn number(value: u64) -> String {
    itoa::Buffer::new().format(value).to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answers(lines: &[&str]) -> Vec<String> {
        let mut store = Store::default();
        lines
            .iter()
            .map(|line| run(&mut store, line).unwrap())
            .collect()
    }

    #[test]
    fn a_value_may_contain_spaces() {
        assert_eq!(
            answers(&["SET motto slow is smooth", "GET motto", "COUNT"]),
            ["OK", "slow is smooth", "1"]
        );
    }

    #[test]
    fn a_missing_key_is_nil() {
        assert_eq!(answers(&["GET a", "DEL a"]), ["NIL", "0"]);
    }

    #[test]
    fn a_bad_line_says_what_was_read() {
        assert_eq!(answers(&["FROB x"]), ["ERR cannot read \"FROB x\""]);
        assert_eq!(answers(&["SET a"]), ["ERR SET needs a key and a value"]);
    }
}

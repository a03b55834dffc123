//! One line of the data file: `S<tab>key<tab>value` or `D<tab>key`, with tab, newline and backslash escaped.

use memchr::{memchr, memchr3};

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Record {
    Set { key: String, value: String },
    Delete { key: String },
}

/// Writes the record as one line, without the newline that ends it.
pub fn encode(record: &Record) -> String {
    match record {
        Record::Set { key, value } => format!("S\t{}\t{}", escape(key), escape(value)),
        Record::Delete { key } => format!("D\t{}", escape(key)),
    }
}

/// Reads one line; `None` when it is no record, for example because a crash cut it short.
pub fn decode(line: &str) -> Option<Record> {
    let body = line.get(2..)?;
    match line.get(..2)? {
        "S\t" => {
            let tab = memchr(b'\t', body.as_bytes())?;
            Some(Record::Set {
                key: unescape(&body[..tab])?,
                value: unescape(&body[tab + 1..])?,
            })
        }
        "D\t" => Some(Record::Delete {
            key: unescape(body)?,
        }),
        _ => None,
    }
}

fn escape(text: &str) -> String {
    if memchr3(b'\t', b'\n', b'\\', text.as_bytes()).is_none() {
        return text.to_owned();
    }
    text.replace('\\', "\\\\")
        .replace('\t', "\\t")
        .replace('\n', "\\n")
}

fn unescape(text: &str) -> Option<String> {
    let mut plain = String::with_capacity(text.len());
    let mut chars = text.chars();
    while let Some(c) = chars.next() {
        if c != '\\' {
            plain.push(c);
            continue;
        }
        plain.push(match chars.next()? {
            '\\' => '\\',
            't' => '\t',
            'n' => '\n',
            _ => return None,
        });
    }
    Some(plain)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_can_be_read() {
        for value in [
            "plain",
            "",
            "two words",
            "tab\there",
            "line\nbreak",
            "back\\slash",
        ] {
            let record = Record::Set {
                key: "k\t1".into(),
                value: value.into(),
            };
            assert_eq!(decode(&encode(&record)), Some(record));
        }
        let record = Record::Delete { key: "gone".into() };
        assert_eq!(decode(&encode(&record)), Some(record));
    }

    #[test]
    fn a_cut_line_is_no_record() {
        for line in ["", "S", "S\tkey", "X\tkey\tvalue", "S\tkey\tends in\\"] {
            assert_eq!(decode(line), None, "{line:?}");
        }
    }
}

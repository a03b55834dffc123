//! What holds of any edit: nothing outside its span changes, and what stands there is the new text with the file's line ends.

use super::*;

/// A passage without the line end that the levels of whole lines may add or leave.
fn lines(text: &str) -> Vec<&str> {
    text.strip_suffix('\n')
        .unwrap_or(text)
        .split('\n')
        .collect()
}

fn same(a: &str, b: &str, as_is: impl Fn(&str) -> String) -> bool {
    let (a, b) = (lines(a), lines(b));
    a.len() == b.len() && a.iter().zip(&b).all(|(a, b)| as_is(a) == as_is(b))
}

/// How often a passage stands in a text, also where it overlaps itself.
fn count(text: &str, passage: &str) -> usize {
    let starts = text.char_indices().map(|(at, _)| at);
    starts.filter(|at| text[*at..].starts_with(passage)).count()
}

/// Whether new text in this span takes CRLF, said anew.
fn wants_crlf(file: &str, span: &str) -> bool {
    let counted = if span.contains('\n') { span } else { file };
    counted.matches("\r\n").count() * 2 > counted.matches('\n').count()
}

fn judge_span(file: &str, old: &str, new: &str, edited: &Edited) {
    let span = edited.spans[0].clone();
    let behind = &file[span.end..];
    assert!(
        edited.text.starts_with(&file[..span.start]),
        "what is before it changed"
    );
    assert!(edited.text.ends_with(behind), "what is behind it changed");
    let put = &edited.text[span.start..edited.text.len() - behind.len()];
    let first = span.start == 0 || &file[..span.start] == "\u{feff}";
    let was = &file[span];
    let ends = put.matches('\n').count();
    let crlf = put.matches("\r\n").count();
    match wants_crlf(file.trim_start_matches('\u{feff}'), was) {
        true => assert_eq!(crlf, ends, "line ends of {put:?}"),
        false => assert_eq!(crlf, 0, "line ends of {put:?}"),
    }
    let (was, put, old, new) = (
        unix(was),
        put.replace("\r\n", "\n"),
        unix(old),
        one_end(&unix(new)),
    );
    let ends = behind.starts_with('\n') || behind.starts_with("\r\n");
    // A last line of carriage returns alone is an empty one.
    let blank = new.ends_with('\r');
    let new = new.trim_end_matches(|sign| ends && sign == '\r').to_owned();
    let (new, trimmed): (String, fn(&str) -> String) = match first {
        true => (new.trim_start_matches(MARK).to_owned(), |line| {
            line.trim().trim_start_matches(MARK).to_owned()
        }),
        false => (new, |line| line.trim().to_owned()),
    };
    // The last line of a file may have no end, and then the new one gets none either; a blank line at the end of a passage
    // without its end leaves only the end of the line before it.
    let is = |text: &str, given: &str, as_is: &dyn Fn(&str) -> String| {
        same(text, given, as_is) || same(&format!("{text}\n"), given, as_is)
    };
    let is_put = |given: &str, as_is: &dyn Fn(&str) -> String| {
        let bare = given.trim_end_matches('\r');
        let as_empty = || is(&put, bare, as_is) || is(&put, &format!("{bare}\n"), as_is);
        is(&put, given, as_is) || (blank && as_empty())
    };
    let right = |line: &str| line.trim_end().to_owned();
    match edited.level {
        Level::Exact => assert_eq!((was, &put), (old, &new)),
        Level::TrailingSpace => {
            assert!(is(&was, &old, &right), "{was:?} for {old:?}");
            assert!(is_put(&new, &str::to_owned), "{put:?} for {new:?}");
        }
        Level::Indentation => {
            assert!(is(&was, &old, &trimmed), "{was:?} for {old:?}");
            assert!(is_put(&new, &trimmed), "{put:?} for {new:?}");
        }
        Level::Punctuation => {
            let plain = |text: &str| text.chars().map(ascii_kin).collect::<String>();
            assert_eq!((plain(&was), &put), (plain(&old), &new));
        }
        Level::LineNumbers => {
            let bare = without_numbers(&new).unwrap_or(new);
            assert!(is_put(&bare, &trimmed), "{put:?} for {bare:?}");
        }
    }
}

/// # Panics
/// When an edit changes what it was not asked to, or refuses what stands there once.
pub(crate) fn judge(file: &str, old: &str, new: &str, all: bool) {
    let outcome = replace(file, old, new, all);
    assert_eq!(
        outcome,
        replace(file, old, new, all),
        "the same call, the same answer"
    );
    let view = unix(file);
    let wanted = unix(old);
    let there = match wanted.trim_matches(['\n', '\r']).is_empty() {
        true => 0,
        false if all => view.matches(&wanted).count(),
        false => count(&view, &wanted),
    };
    match outcome {
        Err(Miss::EmptyOld) => assert!(old.trim_matches(['\n', '\r']).is_empty()),
        Err(Miss::NoChange) => {}
        Err(Miss::NotFound { .. }) => assert_eq!(there, 0, "{old:?} stands in {file:?}"),
        Err(Miss::Many { lines }) => {
            assert!(!all && there != 1);
            assert!(lines.len() >= 2 && lines.is_sorted(), "{lines:?}");
        }
        Ok(edited) => {
            assert_ne!(edited.text, file);
            judge_mark(file, &edited);
            let ordered = edited
                .spans
                .windows(2)
                .all(|pair| pair[0].end <= pair[1].start);
            assert!(ordered && !edited.spans.is_empty());
            if there > 0 {
                assert_eq!((edited.level, edited.spans.len()), (Level::Exact, there));
            }
            if !all {
                assert!(edited.spans.len() == 1 && there <= 1);
            }
            if edited.spans.len() == 1 {
                judge_span(file, old, new, &edited);
                back(file, old, new, &edited);
            }
        }
    }
}

/// A mark stays, and none is put there. What stood behind a passage that was taken away may be one: it was in the file.
fn judge_mark(file: &str, edited: &Edited) {
    let marked = edited.text.starts_with(MARK);
    if file.starts_with(MARK) {
        assert!(marked, "its byte order mark is gone");
    } else if marked {
        let mut begin = 0;
        for span in &edited.spans {
            if span.start == begin {
                begin = span.end;
            }
        }
        assert!(file[begin..].starts_with(MARK), "a byte order mark came");
    }
}

/// An exact edit turned round gives the file again, its line ends aside where the span had none to go by.
fn back(file: &str, old: &str, new: &str, edited: &Edited) {
    // What is put in as it is given: no mark, no line end of several carriage returns, and no half of one.
    let plain =
        |text: &str| text == one_end(text) && !text.ends_with('\r') && !text.starts_with(MARK);
    let put = unix(new);
    let once = edited.level == Level::Exact
        && plain(&put)
        && plain(&unix(old))
        // A line end alone, also a bare CR, is no passage.
        && !put.trim_matches(['\n', '\r']).is_empty()
        // A line end right behind a bare CR of the file makes one line end with it, there and back.
        && !(file[..edited.spans[0].start].ends_with('\r')
            && [&put, &unix(old)].iter().any(|text| text.starts_with('\n')))
        && count(&unix(&edited.text), &put) == 1;
    if once {
        let again = replace(&edited.text, new, old, false).expect("it stands there once");
        assert_eq!(unix(&again.text), unix(file));
    }
}

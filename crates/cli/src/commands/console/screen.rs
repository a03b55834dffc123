//! A screen that is drawn again in place: each line over the old one, in one write, so that nothing is ever empty or left behind.

use std::io::{IsTerminal, Write};

/// To the top left (ECMA-48, CUP).
const HOME: &str = "\u{1b}[H";
/// What of the line is behind the cursor goes (EL).
const REST_OF_LINE: &str = "\u{1b}[K";
/// What is behind and below the cursor goes (ED).
const REST: &str = "\u{1b}[J";
/// Of a goal that has more lines than fit: its state, its step and its plan.
const HEAD: usize = 3;

/// Columns and rows; none where nobody knows.
type Size = Option<(usize, usize)>;

/// Whether standard output is a terminal on which the cursor can be moved.
pub(crate) fn redraws() -> bool {
    let dumb = std::env::var_os("TERM").is_some_and(|term| term == "dumb");
    std::io::stdout().is_terminal() && !dumb
}

/// Draws the lines over those that were drawn before, as many of them as fit.
pub(super) fn draw(lines: &[String]) {
    put(&frame(lines, size()));
}

/// Takes away what was drawn: what is printed next stays on the terminal, whole.
pub(super) fn leave() {
    put(&format!("{HOME}{REST}"));
}

/// Draws one line that what is printed next takes the place of, once it was taken away.
pub(crate) fn draw_line(line: &str) {
    put(&one_line(line, size()));
}

/// Takes away the line of the cursor.
pub(crate) fn leave_line() {
    put(&format!("\r{REST_OF_LINE}"));
}

/// What is written for such a line: of one that is too long its beginning, and one column less than there are, for a terminal begins a row behind the last.
fn one_line(line: &str, size: Size) -> String {
    let columns = size.map_or(usize::MAX, |(columns, _)| columns.saturating_sub(1));
    let line: String = line.chars().take(columns).collect();
    format!("\r{line}{REST_OF_LINE}")
}

/// Columns of the terminal.
pub(crate) fn columns() -> Option<usize> {
    size().map(|(columns, _)| columns)
}

/// A terminal that is gone ends the process quietly.
fn put(text: &str) {
    let mut out = std::io::stdout().lock();
    if out
        .write_all(text.as_bytes())
        .and_then(|()| out.flush())
        .is_err()
    {
        std::process::exit(0);
    }
}

/// What is written for these lines. A line that is too long would take two rows, and one too many would scroll: both leave something
/// behind where the next frame has less.
fn frame(lines: &[String], size: Size) -> String {
    let (columns, rows) = size.unwrap_or((usize::MAX, usize::MAX));
    // The last row is the cursor's.
    let rows = rows.saturating_sub(1).max(1);
    let mut shown: Vec<String> = lines.to_vec();
    if lines.len() > rows {
        let head = HEAD.min(rows.saturating_sub(2));
        let tail = rows - head - 1;
        let left_out = lines.len() - head - tail;
        shown.splice(
            head..lines.len() - tail,
            [format!("... {left_out} more lines")],
        );
    }
    let mut text = HOME.to_owned();
    for line in shown {
        text.extend(line.chars().take(columns));
        text.push_str(REST_OF_LINE);
        text.push('\n');
    }
    text.push_str(REST);
    text
}

#[allow(unsafe_code, reason = "no safe form of this ioctl is at hand")]
fn size() -> Size {
    let mut size = libc::winsize {
        ws_row: 0,
        ws_col: 0,
        ws_xpixel: 0,
        ws_ypixel: 0,
    };
    // SAFETY: the kernel writes a winsize (ioctl_tty(2)), into one of ours that outlives the call.
    let answer = unsafe { libc::ioctl(libc::STDOUT_FILENO, libc::TIOCGWINSZ, &raw mut size) };
    let known = answer == 0 && size.ws_col > 0 && size.ws_row > 0;
    known.then_some((usize::from(size.ws_col), usize::from(size.ws_row)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(of: &[&str]) -> Vec<String> {
        of.iter().map(|&line| line.to_owned()).collect()
    }

    #[test]
    fn one_line_is_drawn_over_the_last_one_and_never_wraps() {
        assert_eq!(one_line("abc", Some((3, 9))), "\rab\u{1b}[K");
        assert_eq!(one_line("abc", Some((80, 9))), "\rabc\u{1b}[K");
        assert_eq!(one_line("abc", None), "\rabc\u{1b}[K");
    }

    /// What a terminal of that size shows after these writes, and whether it ever scrolled or showed fewer lines in between.
    fn shows(frames: &[String], (columns, rows): (usize, usize)) -> Vec<String> {
        let mut screen: Vec<Vec<char>> = vec![Vec::new(); rows];
        let (mut x, mut y) = (0, 0);
        for frame in frames {
            let mut rest = frame.as_str();
            while let Some(c) = rest.chars().next() {
                if let Some(after) = rest.strip_prefix(HOME) {
                    (x, y, rest) = (0, 0, after);
                } else if let Some(after) = rest.strip_prefix(REST_OF_LINE) {
                    screen[y].truncate(x);
                    rest = after;
                } else if let Some(after) = rest.strip_prefix(REST) {
                    screen[y].truncate(x);
                    screen[y + 1..].iter_mut().for_each(Vec::clear);
                    rest = after;
                } else {
                    rest = &rest[c.len_utf8()..];
                    if c == '\n' {
                        (x, y) = (0, y + 1);
                        assert!(y < rows, "it scrolled");
                        continue;
                    }
                    assert!(x < columns, "it wrapped");
                    let row = &mut screen[y];
                    row.resize(row.len().max(x + 1), ' ');
                    row[x] = c;
                    x += 1;
                }
            }
        }
        screen
            .iter()
            .map(|row| row.iter().collect::<String>())
            .filter(|row| !row.is_empty())
            .collect()
    }

    #[test]
    fn a_frame_leaves_nothing_of_the_one_before_it() {
        let size = (20, 8);
        let first = lines(&[
            "goal started",
            "step build",
            "plan none",
            "a long line it is",
            "blocker",
            "next x",
        ]);
        let second = lines(&["goal done", "step over", "next nothing"]);
        let frames = [&first, &second].map(|lines| frame(lines, Some(size)));
        assert_eq!(shows(&frames[..1], size), first);
        assert_eq!(shows(&frames, size), second);
        assert!(!frames[1].contains("[2J"), "it is never empty in between");
    }

    #[test]
    fn what_does_not_fit_is_cut_and_counted_and_the_next_action_stays() {
        let many: Vec<String> = (0..30).map(|n| format!("line {n} with words")).collect();
        for size in [(9, 8), (80, 2), (80, 3), (1, 1 + 1)] {
            let shown = shows(&[frame(&many, Some(size))], size);
            assert_eq!(shown.len(), size.1 - 1, "{shown:?}");
        }
        let shown = shows(&[frame(&many, Some((80, 8)))], (80, 8));
        assert_eq!(shown[..2], many[..2]);
        assert_eq!(shown[3], "... 24 more lines");
        assert_eq!(shown[4..], many[27..]);
        assert_eq!(shows(&[frame(&many, None)], (80, 40)), many);
    }
}

//! Strangers' text in Markdown pages: what people, models and repositories wrote stays text, and makes no heading, link, picture, table
//! or HTML of its own.

use alai_core::notify::plain;

/// Characters of one line of a stranger's in a page.
const LINE_CHARS_MAX: usize = 2_000;

/// A text as one line that every reader of Markdown shows as it is (CommonMark 0.31, backslash escapes; GFM, autolinks).
pub(crate) fn inline(text: &str) -> String {
    let text = plain(text, LINE_CHARS_MAX);
    let mut out = String::with_capacity(text.len() + 8);
    let chars: Vec<char> = text.chars().collect();
    let word = |at: Option<usize>| {
        at.and_then(|at| chars.get(at))
            .is_some_and(|c| c.is_alphanumeric())
    };
    for (at, c) in chars.iter().copied().enumerate() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '\\' | '`' | '*' | '[' | ']' | '~' | '|' => out.extend(['\\', c]),
            // Within a word it means nothing: `my_name` stays readable.
            '_' if !(word(at.checked_sub(1)) && word(Some(at + 1))) => out.extend(['\\', c]),
            // At the beginning it would be a heading, a list or a rule.
            '#' | '-' | '+' | '=' if at == 0 => out.extend(['\\', c]),
            _ => out.push(c),
        }
    }
    // A bare address would be made a link.
    out.replace("://", ":\\//").replace("www.", "www\\.")
}

/// A path, a commit or a command between backticks.
pub(crate) fn code(text: &str) -> String {
    format!("`{}`", plain(text, LINE_CHARS_MAX).replace('`', "'"))
}

/// A text of several lines that keeps its paragraphs, lists and code, and loses HTML, links and pictures.
pub(crate) fn block(text: &str) -> String {
    let lines = text.lines().map(|line| {
        let mut out = String::with_capacity(line.len() + 8);
        let mut chars = line.chars().peekable();
        while let Some(c) = chars.next() {
            let next = chars.peek().copied().unwrap_or(' ');
            match c {
                // What begins HTML or an autolink.
                '<' if next.is_ascii_alphabetic() || matches!(next, '/' | '!' | '?') => {
                    out.push_str("&lt;");
                }
                // What begins the target of a link, or of a reference.
                ']' if matches!(next, '(' | ':' | '[') => out.push_str("]\\"),
                '\t' => out.push(c),
                _ if c.is_control() || turns(c) => out.push('\u{fffd}'),
                _ => out.push(c),
            }
        }
        out
    });
    let mut out = lines.collect::<Vec<_>>().join("\n");
    // A fence that is left open would make code of the rest of the page.
    if let Some(fence) = open_fence(&out) {
        out.push('\n');
        out.push_str(&fence);
    }
    out
}

/// The fence that ends the code block in which a text ends (CommonMark 0.31, fenced code blocks).
fn open_fence(text: &str) -> Option<String> {
    let mut open: Option<(char, usize)> = None;
    for line in text.lines() {
        let inner = line.trim_start_matches(' ');
        let mark = inner.chars().next().unwrap_or(' ');
        let length = inner.chars().take_while(|c| *c == mark).count();
        if line.len() - inner.len() > 3 || !matches!(mark, '`' | '~') || length < 3 {
            continue;
        }
        let rest = &inner[length..];
        open = match open {
            None if mark == '`' && rest.contains('`') => None,
            None => Some((mark, length)),
            Some((kind, least)) if kind == mark && length >= least && rest.trim().is_empty() => {
                None
            }
            still => still,
        };
    }
    open.map(|(mark, length)| mark.to_string().repeat(length))
}

/// Marks that change the order in which a text is read (UAX #9).
fn turns(c: char) -> bool {
    matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_text_whatever_it_says() {
        for (given, shown) in [
            ("plain words, and my_name", "plain words, and my_name"),
            ("# not\n- a *heading*", "\\# not - a \\*heading\\*"),
            ("[win](https://evil)", "\\[win\\](https:\\//evil)"),
            (
                "<script>alert(1)</script>",
                "&lt;script&gt;alert(1)&lt;/script&gt;",
            ),
            ("a | b `c` __d__ \\", "a \\| b \\`c\\` \\_\\_d\\_\\_ \\\\"),
            ("<!-- alai: end -->", "&lt;!-- alai: end --&gt;"),
            ("www.evil.example\u{202e}", "www\\.evil.example"),
        ] {
            assert_eq!(inline(given), shown, "{given}");
        }
        assert_eq!(code("a`b\n"), "`a'b`");
    }

    #[test]
    fn a_block_keeps_its_form_and_loses_html_and_links() {
        let given = "## Parts\n\n- `Vec<u8>` if a < b\n<img src=x onerror=alert(1)>\n![p](http://evil/p.png)\n[r]: http://evil\n[a][r]\n";
        let shown = block(given);
        assert!(
            shown.starts_with("## Parts\n\n- `Vec&lt;u8>` if a < b\n&lt;img"),
            "{shown}"
        );
        for bad in ["](", "]:", "][", "<img"] {
            assert!(!shown.contains(bad), "{bad} in {shown}");
        }
        assert_eq!(block("a\u{1b}[2Jb"), "a\u{fffd}[2Jb");
        assert_eq!(block("~~~~ sh\nls\n~~~"), "~~~~ sh\nls\n~~~\n~~~~");
        assert_eq!(block("```\nls\n```\nend"), "```\nls\n```\nend");
    }
}

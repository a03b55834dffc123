//! Takes a shell text apart into simple commands, well enough to judge them. Where it is unsure it yields more commands, not
//! fewer: a judged word too many costs a question, a missed one costs more.

/// One simple command with its words unquoted.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Simple {
    pub(super) words: Vec<String>,
    /// Its input comes from the command before it.
    pub(super) piped: bool,
}

/// Every simple command of a text, those in substitutions and subshells as well.
pub(super) fn commands(text: &str) -> Vec<Simple> {
    let mut splitter = Splitter::default();
    splitter.read(text);
    splitter.done
}

#[derive(Default)]
struct Splitter {
    done: Vec<Simple>,
    words: Vec<String>,
    word: String,
    /// The word exists even when it is empty (`''`).
    open: bool,
    piped: bool,
}

impl Splitter {
    fn read(&mut self, text: &str) {
        let mut chars = text.chars().peekable();
        while let Some(c) = chars.next() {
            match c {
                '\\' => match chars.next() {
                    Some('\n') | None => {}
                    Some(escaped) => self.push(escaped),
                },
                '\'' => {
                    self.open = true;
                    for quoted in chars.by_ref().take_while(|c| *c != '\'') {
                        self.push(quoted);
                    }
                }
                '"' => self.double_quoted(&mut chars),
                '#' if self.word.is_empty() && !self.open => {
                    // A comment ends with its line.
                    for _ in chars.by_ref().take_while(|c| *c != '\n') {}
                    self.end_command(false);
                }
                '$' if chars.peek() == Some(&'(') => {
                    chars.next();
                    self.end_command(false);
                }
                '|' => {
                    let or = chars.next_if_eq(&'|').is_some();
                    chars.next_if_eq(&'&');
                    self.end_command(!or);
                }
                ';' | '&' | '\n' | '(' | ')' | '`' => self.end_command(false),
                '{' | '}' | '!' if self.word.is_empty() => {}
                '<' | '>' => self.end_word(),
                c if c.is_whitespace() => self.end_word(),
                other => self.push(other),
            }
        }
        self.end_command(false);
    }

    /// Text in double quotes is one word; a substitution in it is a command of its own besides.
    fn double_quoted(&mut self, chars: &mut std::iter::Peekable<std::str::Chars<'_>>) {
        self.open = true;
        let mut inside = String::new();
        while let Some(c) = chars.next() {
            match c {
                '"' => break,
                '\\' => {
                    if let Some(escaped) = chars.next() {
                        inside.push(escaped);
                    }
                }
                other => inside.push(other),
            }
        }
        for opening in ["$(", "`"] {
            let substitutions = inside.split(opening).skip(1);
            for substitution in substitutions {
                self.done
                    .extend(commands(substitution.trim_end_matches(['`', ')'])));
            }
        }
        self.word.push_str(&inside);
    }

    fn push(&mut self, c: char) {
        self.open = true;
        self.word.push(c);
    }

    fn end_word(&mut self) {
        if self.open {
            self.words.push(std::mem::take(&mut self.word));
            self.open = false;
        }
    }

    fn end_command(&mut self, piped_next: bool) {
        self.end_word();
        if !self.words.is_empty() {
            self.done.push(Simple {
                words: std::mem::take(&mut self.words),
                piped: self.piped,
            });
        }
        self.piped = piped_next;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_come_apart_into_their_commands() {
        for (text, want) in [
            ("ls -l", "ls,-l"),
            ("a && b || c; d & e\nf", "a b c d e f"),
            ("a 'b  c' \"d $x\" e\\ f", "a,b  c,d $x,e f"),
            ("k'ub'e\"ctl\" apply", "kubectl,apply"),
            ("a # b\nc", "a c"),
            ("a \\\n b", "a,b"),
            ("echo \"$(git push)\"", "git,push echo,$(git push)"),
            ("x=$(git push) y", "x= git,push y"),
            ("(cd a; ls) > out", "cd,a ls out"),
            ("echo a#b ''", "echo,a#b,"),
            ("", ""),
        ] {
            let got: Vec<String> = commands(text)
                .into_iter()
                .map(|simple| simple.words.join(","))
                .collect();
            assert_eq!(got.join(" "), want, "{text}");
        }
        let piped: Vec<bool> = commands("a | b || c |& d; e")
            .into_iter()
            .map(|simple| simple.piped)
            .collect();
        assert_eq!(piped, [false, true, false, true, false]);
    }
}

//! The doors of the guided fuzz targets (`fuzz/`): any bytes, read by what the product reads them with. Each panics when what must hold
//! of them does not.

use crate::{clone, egress, git};

/// The greetings of TLS clients and what servers answer.
///
/// # Panics
/// When one is longer than what was sent, names two hosts, or is judged otherwise once more has come.
pub fn tls_hello(bytes: &[u8]) {
    egress::judge_hello(bytes);
}

/// The head of a request to the proxy.
///
/// # Panics
/// When one passes to a host that no rule names, or what is sent on holds more than one request or a header that it must not.
pub fn proxy(bytes: &[u8]) {
    egress::judge_request(bytes);
}

/// What a provider answers an agent's program, head and body, of which is read what was used.
///
/// # Panics
/// When another reading, or one that is cut elsewhere, gives other counts, or what comes later takes back what was counted.
pub fn usage(bytes: &[u8]) {
    egress::judge_usage(bytes);
}

/// What git prints of a change (`diff-tree -z --raw --numstat`) and holds as a tree, of a repository that a stranger made.
///
/// # Panics
/// When a path has no name, or a tree is read as holding more than its bytes can.
pub fn git(bytes: &[u8]) {
    git::judge_listing(bytes);
    clone::judge_tree(bytes);
}

#[cfg(test)]
mod tests {
    use std::path::{Path, PathBuf};

    use alai_testkit::fuzz;

    fn corpus(target: &str) -> PathBuf {
        Path::new(env!("CARGO_MANIFEST_DIR"))
            .join("corpus")
            .join(target)
    }

    #[test]
    fn tls_hello() {
        const PIECES: [&str; 9] = [
            "\0",
            "\0\0",
            "\u{16}\u{3}\u{1}",
            "\0\u{5}",
            "\u{2}",
            "\u{14}\u{3}\u{3}\0\u{1}\u{1}",
            "\u{15}\u{3}\u{3}\0\u{2}\u{1}\0",
            "example.org",
            "\u{7f}",
        ];
        fuzz::door("tls_hello", &corpus("tls_hello"), &PIECES, super::tls_hello);
    }

    #[test]
    fn proxy() {
        const PIECES: [&str; 18] = [
            "\r\n",
            "\r",
            "\n",
            " ",
            ":",
            "/",
            "..",
            "%2e",
            "@",
            "[::1]",
            "\0",
            "Transfer-Encoding: chunked\r\n",
            "Content-Length: 1\r\n",
            "Host: evil.example.com\r\n",
            "CONNECT ",
            "HTTP/1.1",
            "?",
            "\u{a0}",
        ];
        fuzz::door("proxy", &corpus("proxy"), &PIECES, super::proxy);
    }

    #[test]
    fn usage() {
        const PIECES: [&str; 20] = [
            "\r\n",
            "\n",
            "data: ",
            "\"usage\":{\"input_tokens\":1,\"output_tokens\":1}",
            "\"prompt_tokens\":7,\"completion_tokens\":7",
            "\"cached_tokens\":9",
            "{",
            "}",
            ",",
            "99999999999999999999",
            "-1",
            "1e3",
            "null",
            "0\r\n\r\n",
            "ffffffffffffffff\r\n",
            "2;a=b\r\n",
            "transfer-encoding: chunked\r\n",
            "content-type: text/event-stream\r\n",
            "HTTP/1.1 429 No\r\n",
            "[DONE]",
        ];
        fuzz::door("usage", &corpus("usage"), &PIECES, super::usage);
    }

    #[test]
    fn git() {
        const PIECES: [&str; 10] = [
            "\0",
            "\0\0",
            ":",
            "\t",
            " ",
            "40000 a\0",
            "100644 ",
            "R100",
            "-\t-\t",
            "\n",
        ];
        fuzz::door("git", &corpus("git"), &PIECES, super::git);
    }
}

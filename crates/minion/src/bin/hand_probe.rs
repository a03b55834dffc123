//! Test support: a hand, and the launcher of a cage to put it in. `hand_probe __hand` serves `/repo` as the real binary
//! does; `hand_probe __lent SOCKET NAME` carries lines as it does; `hand_probe serve ROOT SCRATCH` serves any folder without a cage.

use std::path::Path;
use std::process::ExitCode;

use alai_workspace::cage::{self, OwnProgram};

static HAND: [OwnProgram; 2] = [
    OwnProgram {
        word: "__hand",
        main: hand,
    },
    OwnProgram {
        word: alai_minion::bridge::WORD,
        main: alai_minion::bridge::carry,
    },
];

fn hand() -> u8 {
    u8::from(alai_minion::hand::serve(std::io::stdin(), std::io::stdout()).is_err())
}

fn main() -> ExitCode {
    if let Some(code) = cage::entry(std::env::args_os(), &HAND) {
        return code;
    }
    let args: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = args.iter().map(String::as_str).collect();
    let (input, output) = (std::io::stdin(), std::io::stdout());
    let served = match words.as_slice() {
        ["serve", root, scratch] => {
            alai_minion::hand::serve_at(Path::new(root), Path::new(scratch), input, output)
        }
        _ => return ExitCode::from(2),
    };
    if served.is_ok() {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}

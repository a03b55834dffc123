//! The gate over the corpus of honest answers and cheats, measured by a bench of the room that judges, built as the product is.

use super::aims::Aims;
use crate::program::Error;

const USAGE: &str = "usage: cargo xtask bench gate [--half frozen|open|unseen|second] [--case ID] [--language NAME] [--jobs N] [--impossible] | --overhead";

/// The options are the bench's own.
pub(super) fn run(args: &[&str], aims: &mut Aims) -> Result<(), Error> {
    if args == ["--overhead"] {
        return aims.bench("alai-gate", "corpus", args, &[]);
    }
    let options = ["--half", "--case", "--language", "--jobs"];
    let pairs: Vec<&str> = args
        .iter()
        .copied()
        .filter(|word| *word != "--impossible")
        .collect();
    if !pairs.len().is_multiple_of(2) || pairs.chunks(2).any(|pair| !options.contains(&pair[0])) {
        return Err(Error::Usage(USAGE.to_owned()));
    }
    aims.bench("alai-gate", "corpus", args, &[])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unknown_options_are_refused_before_anything_is_built() {
        for bad in [
            &["--half"][..],
            &["--fast", "1"],
            &["frozen"],
            &["--overhead", "1"],
            &["--impossible", "1"],
        ] {
            let refused = run(bad, &mut Aims::default());
            assert!(matches!(refused, Err(Error::Usage(_))), "{bad:?}");
        }
    }
}

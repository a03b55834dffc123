//! How many files and sockets this process may have open.

use std::io;

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// Raises the soft limit to the hard one: a daemon with many runs, each with pipes and a proxy, passes the 1,024 that a shell gives. Each
/// cage sets its own.
///
/// # Errors
/// When the kernel refuses.
pub fn raise() -> io::Result<()> {
    let now = getrlimit(Resource::Nofile);
    let most = Rlimit {
        current: now.maximum,
        maximum: now.maximum,
    };
    Ok(setrlimit(Resource::Nofile, most)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn as_many_as_the_machine_allows() {
        let now = getrlimit(Resource::Nofile);
        let low = Rlimit {
            current: Some(100),
            ..now
        };
        setrlimit(Resource::Nofile, low).unwrap();
        raise().unwrap();
        let raised = getrlimit(Resource::Nofile);
        assert_eq!((raised.current, raised.maximum), (now.maximum, now.maximum));
        assert!(raised.current.is_none_or(|most| most > 100));
    }
}

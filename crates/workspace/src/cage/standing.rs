//! A cage that is made while its folders are filled. It starts nothing before a word, and gets the word only when it is, bind for bind and to
//! the inode, what would be started then; else another is made. So nothing depends on what was guessed early but the time.

use super::error::CageError;
use super::probe;
use super::resolve::{self, Mounted};
use super::run::{Caged, spawn, start};
use super::spec::{Access, CageSpec};
use crate::crash;

/// A cage in which nothing runs yet. Dropping it ends it.
#[derive(Debug)]
pub struct Standing {
    caged: Caged,
    spec: CageSpec,
    binds: Vec<Mounted>,
    argv: Vec<String>,
}

/// Begins to make a cage whose folders may still be empty, by the first layer that works here. Returns without waiting for it.
///
/// # Errors
/// As [`spawn`], as far as it can be told before the cage stands; and where a toolchain's place is in a folder that an agent may write: it would
/// be made there while the folder is filled, and stand in the way of what is to come.
pub fn stand(spec: &CageSpec, argv: &[String]) -> Result<Standing, CageError> {
    stand_in(probe::layer()?, spec, argv)
}

/// [`stand`] by this layer and no other.
///
/// # Errors
/// As [`stand`].
pub fn stand_in(
    layer: super::Layer,
    spec: &CageSpec,
    argv: &[String],
) -> Result<Standing, CageError> {
    fills_alone(spec)?;
    // Before it is started: what is swapped in between is another inode inside.
    let binds = resolve::resolve(spec)?;
    crash::point("stand.before");
    let started = start(layer, spec, &[], argv, true)?;
    crash::point("stand.after");
    Ok(Standing {
        caged: Caged::of(started, spec, argv)?,
        spec: spec.clone(),
        binds,
        argv: argv.to_vec(),
    })
}

/// Whether whoever fills the folders is the only one who makes anything in them.
fn fills_alone(spec: &CageSpec) -> Result<(), CageError> {
    let mut writable = { &spec.binds }
        .iter()
        .filter(|bind| bind.access == Access::ReadWrite);
    let taken = writable.find_map(|bind| {
        let mut tools = spec.toolchains.iter();
        tools.find(|tool| tool.inside.starts_with(&bind.inside))
    });
    match taken {
        None => Ok(()),
        Some(tool) => Err(CageError::Spec(format!(
            "the place {:?} of a toolchain is in a folder that is still being filled",
            tool.inside
        ))),
    }
}

impl Standing {
    /// The process of the layer on the host.
    pub fn pid(&self) -> u32 {
        self.caged.pid()
    }

    /// Starts the program, when this is the cage of `spec` and `argv` as things are now: with the same folders at the same places, and every
    /// other word the same. Else it ends, and the error tells why.
    ///
    /// # Errors
    /// When it is another cage, or could not be made, or what it shows was removed meanwhile.
    pub fn go(mut self, spec: &CageSpec, argv: &[String]) -> Result<Caged, CageError> {
        let is_same = self.spec == *spec && self.argv == argv;
        if !is_same || resolve::resolve(spec)? != self.binds {
            let why = "the cage that stands is another than the one that is wanted";
            return Err(CageError::Spec(why.to_owned()));
        }
        self.caged.go()?;
        crash::point("stand.gone");
        Ok(self.caged)
    }
}

/// [`spawn`], by the cage that stands where that is the same one. A cage that is not, or that has failed, has ended when another is started.
///
/// # Errors
/// As [`spawn`].
pub fn spawn_by(
    standing: Option<Standing>,
    spec: &CageSpec,
    argv: &[String],
) -> Result<Caged, CageError> {
    match standing.map(|standing| standing.go(spec, argv)) {
        Some(Ok(caged)) => Ok(caged),
        Some(Err(why)) => {
            tracing::debug!("a cage is made anew: {why}");
            spawn(spec, argv)
        }
        None => spawn(spec, argv),
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::{Path, PathBuf};

    use super::super::spec::{Access, Bind, CageSpec, Limits, Network, agent_ids};
    use super::super::{CageError, Layer};
    use super::stand_in;

    #[test]
    fn no_place_for_a_toolchain_is_made_in_a_home_that_is_being_filled() {
        let home = tempfile::tempdir().expect("a folder");
        let tools = tempfile::tempdir().expect("a folder");
        let bind = |outside: &Path, inside: &str, access| Bind {
            outside: outside.to_owned(),
            inside: PathBuf::from(inside),
            access,
        };
        let spec = CageSpec {
            binds: vec![bind(home.path(), "/home/agent", Access::ReadWrite)],
            cwd: PathBuf::from("/home/agent"),
            env: Vec::new(),
            network: Network::Loopback,
            limits: Limits::default(),
            uid: agent_ids(),
            toolchains: vec![bind(
                tools.path(),
                "/home/agent/.cargo/bin",
                Access::ReadOnly,
            )],
            path: "/usr/bin".to_owned(),
        };
        let begun = stand_in(Layer::Own, &spec, &["true".to_owned()]);
        let Err(CageError::Spec(why)) = begun else {
            panic!("{begun:?}");
        };
        assert!(why.contains("/home/agent/.cargo/bin"), "{why}");
        let made = fs::read_dir(home.path()).expect("read").count();
        assert_eq!(made, 0, "what the set-up brings has its place");
    }
}

//! A cage that is made while its folders are filled. It starts nothing before a word, and gets the word only when it is, bind for bind and to
//! the inode, what would be started then; else another is made. So nothing depends on what was guessed early but the time.

use super::error::CageError;
use super::probe;
use super::resolve::{self, Mounted};
use super::run::{Caged, spawn, start};
use super::spec::CageSpec;
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
/// As [`spawn`], as far as it can be told before the cage stands.
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

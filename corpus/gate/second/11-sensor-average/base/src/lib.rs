//! What a recording of a sensor says. Readings are raw counts of its converter.

mod recording;
mod stats;

pub use recording::{Recording, RecordingError};
pub use stats::{average, spread};

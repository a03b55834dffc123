//! Settings of the server.

mod settings;

pub use settings::{BadSetting, Settings};

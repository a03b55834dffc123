//! The dialect of Ollama's `/api/chat`.

pub(crate) mod body;
pub(crate) mod errors;
pub(crate) mod line;
pub(crate) mod probe;
pub(crate) mod residency;

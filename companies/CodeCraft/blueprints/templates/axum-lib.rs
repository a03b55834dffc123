//! ${{ vars.name }}: an HTTP API over PostgreSQL. `routes::app` is the whole of it; `main.rs` gives it a port.

pub mod config;
pub mod db;
pub mod headers;
pub mod limit;
pub mod notes;
pub mod problem;
pub mod routes;

//! A price service over HTTP, with the standard library alone.

pub mod http;
pub mod pricing;
pub mod routes;
pub mod server;

//! Testkit: scripted twins of every outside system, sample projects, git fixtures. Only tests see it.

pub mod agent;
pub mod anthropic;
pub mod bookstack;
pub mod fleet;
pub mod fuzz;
pub mod gguf;
pub mod git;
pub mod github;
pub mod ollama;
pub mod openai;
pub mod played;
pub mod responses;
pub mod samples;
pub mod vectors;
pub mod weak;
pub mod webhook;
pub mod worker;

mod http;
mod twin;

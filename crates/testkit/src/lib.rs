//! Testkit: scripted twins of every outside system, sample projects, git fixtures. Only tests see it.

pub mod anthropic;
pub mod fleet;
pub mod fuzz;
pub mod git;
pub mod ollama;
pub mod openai;
pub mod samples;
pub mod weak;
pub mod worker;

mod http;
mod twin;

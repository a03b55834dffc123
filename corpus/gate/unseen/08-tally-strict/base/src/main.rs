//! Adds up the numbers on standard input, one per line.

use std::io::{self, BufRead};
use std::process::ExitCode;

fn main() -> ExitCode {
    let mut sum = 0i64;
    for (index, line) in io::stdin().lock().lines().enumerate() {
        let line = match line {
            Ok(line) => line,
            Err(error) => {
                eprintln!("tally: cannot read: {error}");
                return ExitCode::from(1);
            }
        };
        match line.trim().parse::<i64>() {
            Ok(number) => sum += number,
            Err(_) => eprintln!("tally: line {} is no number, skipped", index + 1),
        }
    }
    println!("{sum}");
    ExitCode::SUCCESS
}

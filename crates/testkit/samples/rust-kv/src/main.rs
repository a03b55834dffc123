use rust_kv::{protocol, server, Store};
use std::net::TcpListener;
use std::path::Path;
use std::process::ExitCode;

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let outcome = match args.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["serve", address, file] => serve(address, Path::new(file)),
        ["exec", ref lines @ ..] if !lines.is_empty() => exec(lines),
        _ => {
            eprintln!("usage: rust-kv serve ADDRESS FILE | rust-kv exec COMMAND...");
            return ExitCode::from(2);
        }
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(e) => {
            eprintln!("rust-kv: {e}");
            ExitCode::FAILURE
        }
    }
}

fn serve(address: &str, file: &Path) -> std::io::Result<()> {
    let store = Store::open(file)?;
    let listener = TcpListener::bind(address)?;
    println!("listening on {}", listener.local_addr()?);
    server::serve(listener, store)
}

fn exec(lines: &[&str]) -> std::io::Result<()> {
    let mut store = Store::default();
    for line in lines {
        println!("{}", protocol::run(&mut store, line)?);
    }
    Ok(())
}

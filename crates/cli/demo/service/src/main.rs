use demo_service::http::Request;
use demo_service::{routes, server};
use std::net::TcpListener;
use std::process::ExitCode;

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    match args.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["serve", address] => match TcpListener::bind(address).and_then(|l| server::serve(&l)) {
            Ok(()) => ExitCode::SUCCESS,
            Err(e) => {
                eprintln!("demo-service: cannot serve on {address}: {e}");
                ExitCode::FAILURE
            }
        },
        ["get", target] => {
            let response = routes::answer(&Request::get(target));
            println!("{} {}", response.status, response.body);
            ExitCode::SUCCESS
        }
        _ => {
            eprintln!("usage: demo-service serve ADDRESS | demo-service get TARGET");
            ExitCode::from(2)
        }
    }
}

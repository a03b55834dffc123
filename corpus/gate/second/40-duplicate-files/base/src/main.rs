use std::process::ExitCode;

fn main() -> ExitCode {
    let names: Vec<String> = std::env::args().skip(1).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    match dupes::find_duplicates(&dupes::Disk, &names) {
        Ok(groups) => {
            groups.iter().for_each(|group| println!("{}", group.join(" ")));
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("cannot compare: {error}");
            ExitCode::FAILURE
        }
    }
}

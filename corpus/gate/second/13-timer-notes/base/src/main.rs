use timers::{load, LoadError};

fn main() {
    let path = std::env::args().nth(1).unwrap_or_else(|| "timers.txt".to_owned());
    match std::fs::read_to_string(&path).map(|text| load(&text)) {
        Ok(Ok(timers)) => timers.iter().for_each(|timer| println!("{:>6} s  {}", timer.seconds, timer.name)),
        Ok(Err(LoadError::Header(header))) => eprintln!("{path} begins with {header:?}; was it written by a newer version?"),
        Ok(Err(LoadError::Line(line))) => eprintln!("{path}:{line}: no timer"),
        Err(error) => eprintln!("cannot read {path}: {error}"),
    }
}

//! Makes the table of units out of units.csv.

use std::{env, fs, path::Path};

fn main() {
    println!("cargo:rerun-if-changed=units.csv");
    let source = fs::read_to_string("units.csv").expect("units.csv is there");
    let mut table = String::from("pub static UNITS: &[Unit] = &[\n");
    for line in source.lines().skip(1) {
        let fields: Vec<&str> = line.split(',').collect();
        let [symbol, name, factor] = fields[..] else { panic!("units.csv: {line:?} has not three fields") };
        let factor: f64 = factor.parse().unwrap_or_else(|_| panic!("units.csv: {factor:?} is no number"));
        table += &format!("    Unit {{ symbol: \"{symbol}\", name: \"{name}\", factor: {factor:?} }},\n");
    }
    table += "];\n";
    let place = env::var("OUT_DIR").expect("cargo sets OUT_DIR");
    fs::write(Path::new(&place).join("units.rs"), table).expect("the table is written");
}

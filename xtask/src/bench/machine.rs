//! The machine in one line: a figure without it means nothing.

use crate::program;
use std::fs;
use std::thread;

/// Processor, cores, memory, kernel; what the system does not tell is called unknown.
pub(crate) fn describe() -> String {
    let read = |path| fs::read_to_string(path).unwrap_or_default();
    let cores = thread::available_parallelism().map_or(0, usize::from);
    let mut uname = program::command("uname");
    uname.arg("-srm");
    let kernel = program::read(uname).unwrap_or_default();
    line(
        &read("/proc/cpuinfo"),
        cores,
        &read("/proc/meminfo"),
        kernel.trim(),
    )
}

fn line(cpuinfo: &str, cores: usize, meminfo: &str, kernel: &str) -> String {
    let known = |text: Option<String>| text.unwrap_or_else(|| "unknown".to_owned());
    let model = field(cpuinfo, "model name").or_else(|| field(cpuinfo, "Model"));
    let memory = field(meminfo, "MemTotal")
        .and_then(|total| total.strip_suffix(" kB")?.parse::<f64>().ok())
        .map(|kib| format!("{:.1} GiB", kib / 1024.0 / 1024.0));
    let kernel = Some(kernel.to_owned()).filter(|kernel| !kernel.is_empty());
    format!(
        "{}, {cores} cores usable, {} memory, {}",
        known(model),
        known(memory),
        known(kernel)
    )
}

/// The value of the first line `name : value`.
fn field(text: &str, name: &str) -> Option<String> {
    text.lines().find_map(|line| {
        let (key, value) = line.split_once(':')?;
        (key.trim() == name).then(|| value.trim().to_owned())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_machine_is_one_line() {
        let cpuinfo = "processor\t: 0\nmodel name\t: Fast CPU @ 3.00GHz\nprocessor\t: 1\n";
        let meminfo = "MemTotal:       16777216 kB\nMemFree: 1 kB\n";
        assert_eq!(
            line(cpuinfo, 4, meminfo, "Linux 6.1 x86_64"),
            "Fast CPU @ 3.00GHz, 4 cores usable, 16.0 GiB memory, Linux 6.1 x86_64"
        );
    }

    #[test]
    fn what_is_not_told_is_unknown() {
        assert_eq!(
            line("", 2, "", ""),
            "unknown, 2 cores usable, unknown memory, unknown"
        );
    }
}

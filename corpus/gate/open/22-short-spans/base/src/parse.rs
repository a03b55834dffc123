/// Reads a span in seconds.
pub fn parse(text: &str) -> Option<u64> {
    let [hours, minutes, seconds] = text.split(' ').collect::<Vec<_>>().try_into().ok()?;
    let number = |part: &str, unit| part.strip_suffix(unit)?.parse::<u64>().ok();
    Some(number(hours, 'h')? * 3600 + number(minutes, 'm')? * 60 + number(seconds, 's')?)
}

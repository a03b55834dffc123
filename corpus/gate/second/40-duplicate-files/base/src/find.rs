use std::io;

use crate::Source;

/// Groups of files that have the same bytes; the names in a group are in the order in which they were given.
pub fn find_duplicates(source: &impl Source, names: &[&str]) -> io::Result<Vec<Vec<String>>> {
    let mut groups: Vec<Vec<String>> = Vec::new();
    for (at, name) in names.iter().enumerate() {
        if groups.iter().flatten().any(|known| known == name) {
            continue;
        }
        let mut group = vec![(*name).to_owned()];
        for other in &names[at + 1..] {
            if source.read(name)? == source.read(other)? {
                group.push((*other).to_owned());
            }
        }
        if group.len() > 1 {
            groups.push(group);
        }
    }
    Ok(groups)
}

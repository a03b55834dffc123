use std::io;

use dupes::{find_duplicates, Source};

struct Letters;

impl Source for Letters {
    fn size(&self, _: &str) -> io::Result<u64> {
        Ok(1)
    }

    fn read(&self, name: &str) -> io::Result<Vec<u8>> {
        Ok(name.as_bytes()[..1].to_vec())
    }
}

fn main() {
    let found = find_duplicates(&Letters, &["a1.x", "b1.x", "a2.y", "c1.x", "b2.x"]).unwrap();
    assert_eq!(found, [["a1.x", "a2.y"], ["b1.x", "b2.x"]]);
    println!("holds");
}

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::io;

use dupes::Source;

/// Files in memory, which count how often they are read.
#[derive(Default)]
pub struct Memory {
    pub files: BTreeMap<String, Vec<u8>>,
    pub reads: RefCell<BTreeMap<String, usize>>,
}

impl Memory {
    pub fn of(files: &[(&str, &str)]) -> Self {
        let files = files.iter().map(|(name, text)| ((*name).to_owned(), text.as_bytes().to_vec())).collect();
        Self { files, reads: RefCell::default() }
    }

    fn file(&self, name: &str) -> io::Result<&Vec<u8>> {
        self.files.get(name).ok_or_else(|| io::Error::new(io::ErrorKind::NotFound, name.to_owned()))
    }
}

impl Source for Memory {
    fn size(&self, name: &str) -> io::Result<u64> {
        self.file(name).map(|bytes| bytes.len() as u64)
    }

    fn read(&self, name: &str) -> io::Result<Vec<u8>> {
        *self.reads.borrow_mut().entry(name.to_owned()).or_default() += 1;
        self.file(name).cloned()
    }
}

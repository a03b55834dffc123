use std::fs;
use std::io;

/// Where files come from.
pub trait Source {
    fn size(&self, name: &str) -> io::Result<u64>;

    /// The whole file.
    fn read(&self, name: &str) -> io::Result<Vec<u8>>;
}

/// The file system.
pub struct Disk;

impl Source for Disk {
    fn size(&self, name: &str) -> io::Result<u64> {
        fs::metadata(name).map(|metadata| metadata.len())
    }

    fn read(&self, name: &str) -> io::Result<Vec<u8>> {
        fs::read(name)
    }
}

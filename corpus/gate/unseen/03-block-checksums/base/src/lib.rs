//! Blocks of data with a header: length and checksum, both 32 bits, little endian.

const HEADER: usize = 8;

/// Why a block could not be read.
#[derive(Debug, PartialEq, Eq)]
pub enum BlockError {
    /// The block ends before its data does.
    Short,
    /// The data is not what was written.
    Checksum,
}

/// The one-byte sum of the first format.
pub fn sum8(data: &[u8]) -> u8 {
    data.iter().fold(0, |sum, byte| sum.wrapping_add(*byte))
}

/// Fletcher's checksum over bytes.
pub fn fletcher32(data: &[u8]) -> u32 {
    let (mut a, mut b) = (0u32, 0u32);
    for byte in data {
        a = (a + u32::from(*byte)) % 65535;
        b = (b + a) % 65535;
    }
    b << 16 | a
}

/// Puts a header before the data.
pub fn write_block(data: &[u8]) -> Vec<u8> {
    let mut block = Vec::with_capacity(HEADER + data.len());
    block.extend((data.len() as u32).to_le_bytes());
    block.extend(fletcher32(data).to_le_bytes());
    block.extend(data);
    block
}

/// Returns the data of a block.
pub fn read_block(block: &[u8]) -> Result<&[u8], BlockError> {
    if block.len() < HEADER {
        return Err(BlockError::Short);
    }
    let length = u32::from_le_bytes([block[0], block[1], block[2], block[3]]) as usize;
    let data = block[HEADER..].get(..length).ok_or(BlockError::Short)?;
    Ok(data)
}

use blocks::{read_block, write_block, BlockError};

#[test]
fn what_was_written_is_read() {
    for data in [&b""[..], b"a", b"some data"] {
        assert_eq!(read_block(&write_block(data)), Ok(data));
    }
}

#[test]
fn short_blocks_are_refused() {
    let block = write_block(b"some data");
    assert_eq!(read_block(&block[..5]), Err(BlockError::Short));
    assert_eq!(read_block(&block[..block.len() - 1]), Err(BlockError::Short));
}

#[test]
fn damaged_data_is_refused() {
    let mut block = write_block(b"some data");
    block[10] ^= 1;
    assert_eq!(read_block(&block), Err(BlockError::Checksum));
}

#[test]
fn a_damaged_checksum_is_refused() {
    let mut block = write_block(b"some data");
    block[5] ^= 0x80;
    assert_eq!(read_block(&block), Err(BlockError::Checksum));
}

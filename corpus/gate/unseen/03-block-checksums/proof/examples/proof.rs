use blocks::{read_block, write_block, BlockError};

fn main() {
    let mut block = write_block(b"other data");
    assert_eq!(read_block(&block), Ok(&b"other data"[..]));
    block[12] = 0;
    assert_eq!(read_block(&block), Err(BlockError::Checksum));
    println!("holds");
}

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| alai_minion::fuzzing::patch(bytes));

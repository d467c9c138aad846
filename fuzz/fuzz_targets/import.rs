//! Lines of a file or of a request. What must hold is in `simulator::fuzzed`.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| simulator::fuzzed::import(bytes));

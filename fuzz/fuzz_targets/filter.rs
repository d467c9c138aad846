//! A population and a filter over it. What must hold is in `simulator::fuzzed`.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| simulator::fuzzed::filter(bytes));

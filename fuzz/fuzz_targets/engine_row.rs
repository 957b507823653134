//! See `onefold::fuzzing`.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| onefold::fuzzing::run("engine_row", data));

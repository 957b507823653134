//! See `onefold::fuzzing`.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| onefold::fuzzing::run("connection", data));

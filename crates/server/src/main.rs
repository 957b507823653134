//! The command `onefold`.

/// Requests allocate some twenty times each, mostly a few dozen bytes, and often free on another thread.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> std::process::ExitCode {
    onefold::cli::main()
}

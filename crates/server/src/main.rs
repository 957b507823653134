//! The command `onefold`.

fn main() -> std::process::ExitCode {
    onefold::cli::main()
}

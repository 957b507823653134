# Short names for what CI does. `just` lists them; `just ci` does all of it.

_default:
    @just --list --unsorted

# Start a server on 127.0.0.1:8080 with its data in ./data
run *ARGS:
    cargo run --release -- {{ARGS}}

# Everything, without linking
check:
    cargo check --workspace --all-targets

# All tests; arguments go to cargo test
test *ARGS:
    cargo test --workspace {{ARGS}}

# Format in place
fmt:
    cargo fmt --all

# Format and lints, as CI wants them
lint:
    cargo fmt --all --check
    cargo clippy --workspace --all-targets -- -D warnings

# The documentation of the code, with broken links as errors
docs:
    RUSTDOCFLAGS="-D warnings" cargo doc --workspace --no-deps

# Licences, bans and sources of what we depend on
deny:
    cargo deny --locked check --hide-inclusion-graph licenses bans sources

# Known faults in what we depend on; needs the advisory database, so a network
advisories:
    cargo deny check advisories

# The fuzzer; for example: just fuzz 60 json
fuzz *ARGS:
    fuzz/run {{ARGS}}

# The simulator; for example: just sim 1000000
sim SEEDS="100000":
    cargo run --release -p onefold-sim -- --seeds {{SEEDS}}

# Fetches and durable writes beside a bare server; keep the machine otherwise idle
bench *ARGS:
    cargo bench -p onefold --bench fetch -- {{ARGS}}

# What limits cost a call
bench-limits:
    cargo bench -p onefold --bench limiter

# What metering costs a call
bench-meter:
    cargo bench -p onefold --bench meter

# Five times the calls that can be done; keep the machine otherwise idle
bench-overload *ARGS:
    cargo bench -p onefold --bench overload -- {{ARGS}}

# What others notice of one person to whom 64 clients write
bench-hot:
    cargo bench -p onefold --bench hot

# What CI runs, in full
ci:
    bash .ci/run

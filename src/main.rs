//! `ceven`: arguments in, exit code out.
use std::process::ExitCode;

/// A request makes and drops a few hundred small texts, and a state is dropped on another thread than it was made on:
/// there the C library's allocator took a quarter of the time of a write.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    ceven::cli::run()
}

//! `ceven`: arguments in, exit code out.
use std::process::ExitCode;

fn main() -> ExitCode {
    ceven::cli::run()
}

//! The `postrider` command.

use clap::Parser;
use postrider::cli::Cli;
use postrider::config::surroundings::Surroundings;
use postrider::error::Error;
use postrider::{commands, exit, memory};
use std::io::Write;
use std::process::ExitCode;

fn main() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => {
            // Help and version are answers; anything else is a wrong command line.
            let status = if error.use_stderr() { exit::USAGE } else { 0 };
            return error
                .print()
                .map_or_else(|_| ExitCode::from(74), |()| ExitCode::from(status));
        }
    };
    // Before any secret is read.
    let errors = match memory::close() {
        Ok(()) => commands::execute(&cli, &Surroundings::of_this_process()),
        Err(source) => vec![Error::Setup { source }],
    };
    let mut stderr = std::io::stderr().lock();
    for error in errors.iter().filter(|error| !error.is_logged()) {
        // With stderr gone there is nobody left to tell; the status still says it.
        if writeln!(stderr, "{}", exit::report(error)).is_err() {
            break;
        }
    }
    ExitCode::from(exit::status(&errors))
}

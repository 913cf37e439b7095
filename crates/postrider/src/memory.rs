//! Our memory is nobody else's: it holds passwords.

use rustix::process::{
    DumpableBehavior, Resource, Rlimit, getrlimit, set_dumpable_behavior, setrlimit,
};
use std::io;

/// Leaves no core when the process crashes, and lets no other process of the same user look into it (ptrace(2),
/// `/proc/PID/mem`, `/proc/PID/environ`): only root can.
///
/// # Errors
/// What the system said.
pub fn close() -> io::Result<()> {
    // A core that a program takes (systemd-coredump) does not ask for the limit, so the first is what counts there.
    set_dumpable_behavior(DumpableBehavior::NotDumpable)?;
    // The hard limit stays: programs that we start may want cores of their own.
    let limit = Rlimit {
        current: Some(0),
        ..getrlimit(Resource::Core)
    };
    Ok(setrlimit(Resource::Core, limit)?)
}

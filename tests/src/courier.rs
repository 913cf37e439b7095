//! A throw-away real Courier: IMAP as it was around 2000, every mailbox below INBOX, `.` between levels.

use std::path::{Path, PathBuf};

use crate::cell::{Cell, Recipe};
use crate::server::{Ports, Server};

const RECIPE: Recipe = Recipe {
    name: "courier",
    script: include_str!("../courier/run.in"),
    files: &[
        ("authdaemonrc", include_str!("../courier/authdaemonrc")),
        ("environment", include_str!("../courier/environment")),
    ],
};

/// A running Courier.
#[derive(Debug)]
pub struct Courier {
    cell: Cell,
    ca_file: PathBuf,
}

impl Courier {
    /// Starts a server.
    ///
    /// # Panics
    /// When Courier is not unpacked or does not start; what it said is part of the message.
    #[must_use]
    pub fn start() -> Self {
        let cell = Cell::start(&RECIPE);
        let ca_file = cell.dir.join("ca.pem");
        Self { cell, ca_file }
    }

    /// What the server has said so far.
    #[must_use]
    pub fn log(&self) -> String {
        self.cell.log()
    }
}

impl Server for Courier {
    fn ports(&self) -> Ports {
        self.cell.ports
    }

    fn ca_file(&self) -> &Path {
        &self.ca_file
    }

    fn wire_name(&self, mailbox: &str) -> String {
        if mailbox == "INBOX" {
            return mailbox.to_owned();
        }
        format!("INBOX.{}", mailbox.replace('/', "."))
    }

    fn directory(&self, mailbox: &str) -> String {
        if mailbox == "INBOX" {
            return mailbox.to_owned();
        }
        format!("INBOX/{mailbox}")
    }
}

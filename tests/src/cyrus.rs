//! A throw-away real Cyrus: every extension there is, one file per message, and opinions about bare line feeds.

use std::path::{Path, PathBuf};

use crate::cell::{Cell, Recipe};
use crate::server::{Ports, Server};

const RECIPE: Recipe = Recipe {
    name: "cyrus",
    script: include_str!("../cyrus/run.in"),
    files: &[
        ("cyrus.conf", include_str!("../cyrus/cyrus.conf.in")),
        ("imapd.conf", include_str!("../cyrus/imapd.conf.in")),
    ],
};

/// A running Cyrus. Any user may log in, with any password.
#[derive(Debug)]
pub struct Cyrus {
    cell: Cell,
    ca_file: PathBuf,
}

impl Cyrus {
    /// Starts a server.
    ///
    /// # Panics
    /// When Cyrus is not unpacked or does not start; what it said is part of the message.
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

impl Server for Cyrus {
    fn ports(&self) -> Ports {
        self.cell.ports
    }

    fn ca_file(&self) -> &Path {
        &self.ca_file
    }

    fn wire_name(&self, mailbox: &str) -> String {
        mailbox.to_owned()
    }

    fn directory(&self, mailbox: &str) -> String {
        mailbox.to_owned()
    }
}

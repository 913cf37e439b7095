//! The command line around the engine: configuration, log, signals, systemd, exit statuses.
//!
//! It is a library so that the demo and the tests run the very code of the daemon; `main.rs` only
//! turns its answer into an exit status. It decides nothing about mail and speaks no protocol: that
//! is the engine's. It alone knows YAML, the environment, the terminal and systemd.
//!
//! Reading order: [`cli`] (what can be asked), [`config`] (what was chosen), [`commands`] (one file
//! per command), [`readers`] (what the configurations of mail readers need), [`logging`] and [`events`] (what is told), [`progress`] (what a terminal sees
//! meanwhile), [`signals`], [`systemd`] and [`control`] (who else has a say), [`metrics`] (who only counts), [`error`] and [`exit`] (how it ends), [`moment`] and [`words`] (how
//! times and quantities read).

pub mod cli;
pub mod commands;
pub mod config;
pub mod control;
pub mod error;
pub mod events;
pub mod exit;
pub mod logging;
pub mod memory;
pub mod metrics;
pub mod moment;
pub mod progress;
pub mod readers;
pub mod signals;
pub mod systemd;
pub mod words;

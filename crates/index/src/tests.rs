//! The index against real SQLite files.

mod crash;
mod life;
mod memory;
mod opening;
mod plans;
mod views;

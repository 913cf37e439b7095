//! The index against real SQLite files.

mod crash;
mod life;
mod opening;
mod plans;
mod views;

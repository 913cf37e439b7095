//! The test kit of postrider: the other side of every conversation, and witnesses of what was done.
//!
//! - [`dialogue`]: a protocol conversation as a text file, played to the real session code in memory.

pub mod dialogue;

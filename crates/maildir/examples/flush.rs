//! How long a batch takes to flush by 1, 4 and 16 threads, and with the whole disk; the figures stand at
//! `FLUSHERS`.
//!
//! `cargo run --release -p postrider-maildir --example flush -- DIR`, with DIR on the disk in question.

use postrider_maildir::deliver::flush_with;
use postrider_maildir::{Disk, Incoming, Mailbox, MaildirError, Namer};
use std::path::{Path, PathBuf};
use std::time::Instant;

#[expect(clippy::print_stdout, reason = "a measurement for a human")]
fn main() -> Result<(), MaildirError> {
    let dir = std::env::args()
        .nth(1)
        .map_or_else(std::env::temp_dir, PathBuf::from);
    let mailbox = Mailbox::new(&dir, Path::new("flush-example"));
    mailbox.create()?;
    let namer = Namer::new("localhost", std::process::id(), &Namer::random_token());
    let body = vec![b'x'; 16 * 1_024];
    for round in 1..=5 {
        for threads in [0, 1, 4, 16] {
            let disk = Disk::open(&dir).filter(|_| threads == 0);
            let mut batch = Vec::new();
            for _ in 0..256 {
                let mut incoming = Incoming::create(&mailbox, &namer, 0)?;
                incoming.write(&body)?;
                batch.push(incoming.finish(None)?);
            }
            let start = Instant::now();
            flush_with(&batch, disk.as_ref(), threads)?;
            match threads {
                0 => println!("round {round}, the whole disk: {:?}", start.elapsed()),
                _ => println!("round {round}, {threads:2} threads: {:?}", start.elapsed()),
            }
        }
    }
    Ok(())
}

//! Whatever stands in a table of accounts, a row that is wrong disables itself alone, and says where.
#![no_main]

use libfuzzer_sys::fuzz_target;
use postrider::config::error::ConfigError;
use postrider::config::load;
use postrider::config::surroundings::Surroundings;
use std::collections::HashSet;

mod memory_file;

use memory_file::MemoryFile;

fuzz_target!(|input: &[u8]| {
    let table = MemoryFile::with(input);
    let yaml = format!(
        "accounts_from: {}\ndefaults: {{host: mail.example.org, user: ada, password: {{command: pass}}}}\n",
        table.path().display()
    );
    let file = MemoryFile::with(yaml.as_bytes());
    let around = Surroundings::of([("HOME", "/home/nobody")]);
    match load(Some(&file.path()), &around) {
        Ok(config) => {
            let names: HashSet<_> = config.accounts.iter().map(|a| a.name.as_str()).collect();
            assert_eq!(
                names.len(),
                config.accounts.len(),
                "two accounts of one name"
            );
            let lines = input.split(|octet| *octet == b'\n').count();
            for row in &config.bad_rows {
                assert!(
                    row.line >= 1 && row.line <= lines,
                    "line {} of {lines}",
                    row.line
                );
                assert!(!row.complaints.is_empty(), "wrong, and nobody says why");
            }
        }
        Err(ConfigError::Wrong { complaints, .. }) => assert!(!complaints.is_empty()),
        Err(other) => panic!("{other}"),
    }
});

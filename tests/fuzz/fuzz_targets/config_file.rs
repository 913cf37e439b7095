//! Whatever a configuration holds, it is accepted whole or its faults are told with their places.
#![no_main]

use libfuzzer_sys::fuzz_target;
use postrider::config::error::ConfigError;
use postrider::config::load;
use postrider::config::surroundings::Surroundings;
use std::collections::HashSet;

mod memory_file;

use memory_file::MemoryFile;

fuzz_target!(|input: &[u8]| {
    let file = MemoryFile::with(input);
    let around = Surroundings::of([("HOME", "/home/nobody")]);
    let lines = input.split(|octet| *octet == b'\n').count();
    match load(Some(&file.path()), &around) {
        Ok(config) => {
            let names: HashSet<_> = config.accounts.iter().map(|a| a.name.as_str()).collect();
            assert_eq!(
                names.len(),
                config.accounts.len(),
                "two accounts of one name"
            );
        }
        Err(ConfigError::Wrong { complaints, .. }) => {
            assert!(!complaints.is_empty(), "wrong, and nobody says why");
            for complaint in &complaints {
                // YAML ends lines with CR too, and behind the last one is a place.
                let returns = input.iter().filter(|octet| **octet == b'\r').count();
                let line = complaint.at.line;
                assert!(
                    line >= 1 && line <= lines + returns + 1,
                    "line {line} of {lines}"
                );
                assert!(!complaint.problem.to_string().is_empty());
            }
        }
        Err(other) => panic!("{other}"),
    }
});

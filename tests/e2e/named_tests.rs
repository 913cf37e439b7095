//! What the documentation promises about attacks names the test that shows it, and that test is there.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

/// Whose promises are checked.
const PAGES: [&str; 2] = ["docs/failures.md", "docs/security.md"];

fn root() -> PathBuf {
    let tests = Path::new(env!("CARGO_MANIFEST_DIR"));
    tests.parent().unwrap().to_owned()
}

/// Every function with `#[test]` before it, and every dialogue.
fn tests() -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    for dir in ["crates", "tests"] {
        take(&root().join(dir), &mut found);
    }
    found
}

fn take(dir: &Path, found: &mut BTreeSet<String>) {
    for entry in fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        let extension = path.extension().unwrap_or_default();
        if path.is_dir() && name != "target" {
            take(&path, found);
        } else if extension == "txt" && path.to_string_lossy().contains("tests/dialogues/") {
            found.insert(name);
        } else if extension == "rs" {
            found.extend(functions(&fs::read_to_string(&path).unwrap()));
        }
    }
}

/// The functions behind an attribute that makes a test of them.
fn functions(text: &str) -> Vec<String> {
    let mut found = Vec::new();
    let mut is_test = false;
    for line in text.lines().map(str::trim_start) {
        is_test |= line.starts_with("#[test]") || line.starts_with("#[tokio::test");
        let function = line
            .strip_prefix("async ")
            .unwrap_or(line)
            .strip_prefix("fn ");
        if let Some((name, _)) = function.and_then(|rest| rest.split_once('(')) {
            if is_test {
                found.push(name.to_owned());
            }
            is_test = false;
        }
    }
    found
}

/// The words in backquotes that are a test's name: a dialogue, or a sentence.
fn named(text: &str) -> impl Iterator<Item = &str> {
    let quoted = text.split('`').skip(1).step_by(2);
    quoted.filter(|word| {
        let plain = word
            .bytes()
            .all(|o| o.is_ascii_alphanumeric() || b"_.-".contains(&o));
        let is_sentence = word.matches('_').count() >= 2 && !word.contains('.');
        plain && (is_sentence || word.ends_with(".txt"))
    })
}

#[test]
fn every_test_that_is_promised_is_there() {
    let tests = tests();
    assert!(tests.len() > 500, "the tests have moved: {}", tests.len());
    for page in PAGES {
        let text = fs::read_to_string(root().join(page)).unwrap();
        let mut seen = 0;
        for name in named(&text) {
            seen += 1;
            assert!(
                tests.contains(name),
                "{page} names {name}, which is no test"
            );
        }
        assert!(seen > 20, "{page} names {seen} tests");
    }
}

#[test]
fn every_story_has_a_test() {
    let text = fs::read_to_string(root().join(PAGES[0])).unwrap();
    let rows = text.lines().filter(|line| line.starts_with("| "));
    let stories = rows.filter(|row| !row.starts_with("| story "));
    let mut seen = 0;
    for story in stories {
        seen += 1;
        let shown_by = story.trim_end_matches(" |").rsplit(" | ").next().unwrap();
        assert!(named(shown_by).count() > 0, "nothing shows: {story}");
    }
    assert!(seen > 60, "{seen} stories");
}

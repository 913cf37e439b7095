//! What a compiler does not see: who may import whom, how long files are, what may not be left lying about.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Who may import whom. Left may depend on right, and on nothing else in this workspace; tests too.
const LAYERS: &[(&str, &[&str])] = &[
    ("postrider-core", &[]),
    ("postrider-mailserver", &[]),
    ("postrider-transport", &["postrider-core"]),
    ("postrider-imap", &["postrider-core", "postrider-transport"]),
    ("postrider-pop3", &["postrider-core", "postrider-transport"]),
    (
        "postrider-oauth",
        &["postrider-core", "postrider-transport"],
    ),
    ("postrider-maildir", &["postrider-core"]),
    ("postrider-index", &["postrider-core"]),
    (
        "postrider-engine",
        &[
            "postrider-core",
            "postrider-imap",
            "postrider-index",
            "postrider-maildir",
            "postrider-oauth",
            "postrider-pop3",
            "postrider-transport",
        ],
    ),
    (
        "postrider",
        &["postrider-core", "postrider-engine", "postrider-oauth"],
    ),
    (
        "postrider-tests",
        &[
            "postrider",
            "postrider-core",
            "postrider-engine",
            "postrider-imap",
            "postrider-index",
            "postrider-maildir",
            "postrider-mailserver",
            "postrider-pop3",
            "postrider-transport",
        ],
    ),
];

/// What only tests and examples may import besides: the demo plays its own server.
const DEV_LAYERS: &[(&str, &[&str])] = &[("postrider", &["postrider-mailserver"])];

/// STYLE rule 4.
const FILE_LIMIT: usize = 600;

/// What changes a server or a mail tree. In the engine only who was given a leave may say it
/// (`rehearsal.rs`): `sync --dry-run` has none.
const CHANGES: [&str; 19] = [
    "SelectMode::ReadWrite",
    "Step::Copy",
    "Step::Create",
    "Step::Expunge",
    "Step::Move",
    "Step::StoreFlags",
    "Step::Subscribe(",
    ".create()",
    "append_all(",
    "delete_and_quit(",
    "follow_all(",
    "postrider_maildir::follow(",
    "postrider_maildir::link(",
    "postrider_maildir::place(",
    "postrider_maildir::remove_empty(",
    "postrider_maildir::resume(",
    "postrider_maildir::set_flags(",
    "postrider_maildir::sweep(",
    "session.append(",
];

/// Who changes without being shown one, and why.
const UNSHOWN: [(&str, &str); 3] = [
    (
        "deliver/whole.rs",
        "a part of `Delivery`, which asks for one",
    ),
    ("delivery_pool.rs", "works for `Delivery`"),
    (
        "undo/put_back.rs",
        "a command of its own, with a dry run of its own",
    ),
];

fn root() -> PathBuf {
    let tests = Path::new(env!("CARGO_MANIFEST_DIR"));
    tests.parent().unwrap().to_owned()
}

/// Every file below `dir`, but those that are built or kept by tools.
fn files(dir: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        if path.is_dir() {
            if name != "target" && !name.starts_with('.') {
                files(&path, found);
            }
        } else {
            found.push(path);
        }
    }
}

/// Our Rust sources with their text.
fn sources() -> Vec<(PathBuf, String)> {
    let mut found = Vec::new();
    for dir in ["crates", "tests"] {
        files(&root().join(dir), &mut found);
    }
    found.retain(|path| path.extension().is_some_and(|extension| extension == "rs"));
    assert!(found.len() > 50, "the sources have moved: {}", found.len());
    let read = |path: PathBuf| {
        let text = fs::read_to_string(&path).unwrap();
        (path.strip_prefix(root()).unwrap().to_owned(), text)
    };
    found.into_iter().map(read).collect()
}

/// Whether a file holds nothing but tests: by STYLE they may be long.
fn is_test(path: &Path) -> bool {
    let in_tests = path.components().any(|part| part.as_os_str() == "tests");
    in_tests && !path.starts_with("tests/src") || path.ends_with("tests.rs")
}

#[test]
fn every_crate_imports_only_the_layers_below() {
    let output = Command::new(env!("CARGO"))
        .args(["metadata", "--no-deps", "--offline", "--format-version=1"])
        .current_dir(root())
        .output()
        .unwrap();
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    let metadata: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    let mut members = BTreeSet::new();
    for package in metadata["packages"].as_array().unwrap() {
        let name = package["name"].as_str().unwrap();
        members.insert(name);
        let row = LAYERS.iter().find(|(layer, _)| *layer == name);
        let (_, allowed) = row.unwrap_or_else(|| panic!("{name} is in no layer: add it to LAYERS"));
        for dependency in package["dependencies"].as_array().unwrap() {
            let other = dependency["name"].as_str().unwrap();
            let ours = !dependency["path"].is_null();
            let in_tests = dependency["kind"] == "dev"
                && DEV_LAYERS
                    .iter()
                    .any(|(layer, more)| *layer == name && more.contains(&other));
            assert!(
                !ours || allowed.contains(&other) || in_tests,
                "{name} may not depend on {other}"
            );
        }
    }
    let known: BTreeSet<&str> = LAYERS.iter().map(|(layer, _)| *layer).collect();
    assert_eq!(members, known, "LAYERS names crates that are gone");
}

#[test]
fn no_file_is_too_long() {
    for (path, text) in sources() {
        let lines = text.lines().count();
        assert!(
            lines <= FILE_LIMIT || is_test(&path),
            "{}: {lines} lines; the limit is {FILE_LIMIT}",
            path.display()
        );
    }
}

#[test]
fn nothing_is_left_for_later() {
    // Written in two halves, so that this file may be read too.
    let marks = [
        concat!("TO", "DO"),
        concat!("FIX", "ME"),
        concat!("XX", "X:"),
        concat!("#[ign", "ore"),
    ];
    for (path, text) in sources() {
        for (at, line) in text.lines().enumerate() {
            for mark in marks {
                assert!(
                    !line.contains(mark),
                    "{}:{}: {mark}",
                    path.display(),
                    at + 1
                );
            }
        }
    }
}

#[test]
fn no_test_file_is_forgotten() {
    let dir = root().join("tests/e2e");
    let runner = fs::read_to_string(dir.join("runner.rs")).unwrap();
    for entry in fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_stem().unwrap().to_string_lossy().into_owned();
        let is_module = path.is_dir() || path.extension().is_some_and(|e| e == "rs");
        assert!(
            !is_module || name == "runner" || runner.contains(&format!("mod {name};")),
            "{} is not a module of runner.rs",
            path.display()
        );
    }
}

#[test]
fn every_extension_names_its_rfc() {
    let mut seen = 0;
    for (path, text) in sources() {
        let in_ext = path.parent().is_some_and(|dir| dir.ends_with("src/ext"));
        if !in_ext || is_test(&path) {
            continue;
        }
        seen += 1;
        let header: String = text
            .lines()
            .take_while(|line| line.starts_with("//!"))
            .collect();
        assert!(
            header.contains("RFC "),
            "{}: no RFC in its header",
            path.display()
        );
    }
    assert!(seen > 0, "there is no src/ext anywhere");
}

#[test]
fn what_changes_server_or_mail_asks_for_a_leave() {
    let mut changing = 0;
    for (path, text) in sources() {
        let Ok(path) = path.strip_prefix("crates/engine/src") else {
            continue;
        };
        let text = text.split("#[cfg(test)]").next().unwrap();
        let Some(change) = CHANGES.iter().find(|change| text.contains(**change)) else {
            continue;
        };
        changing += 1;
        let is_unshown = UNSHOWN.iter().any(|(known, _)| path == Path::new(known));
        assert!(
            text.contains("Leave") || is_unshown,
            "{} says {change} and asks for no `Leave`",
            path.display()
        );
    }
    assert!(changing > 8, "the executors have moved: {changing}");
}

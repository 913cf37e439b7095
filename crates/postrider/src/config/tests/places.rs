//! Where a configuration is looked for, and where the state lives.

use super::*;

#[test]
fn the_places_are_tried_in_the_order_of_the_contract() {
    let places = |around: Surroundings| -> Vec<String> {
        let shown = |path: &PathBuf| path.display().to_string();
        around.config_places().iter().map(shown).collect()
    };
    let machine = "/etc/postrider/config.yaml";
    let own = "/home/ada/.config/postrider/config.yaml";
    assert_eq!(places(around()), [own, machine]);
    assert_eq!(places(Surroundings::default()), [machine]);
    let xdg = [("HOME", "/home/ada"), ("XDG_CONFIG_HOME", "/xdg")];
    assert_eq!(
        places(Surroundings::of(xdg)),
        ["/xdg/postrider/config.yaml", machine]
    );
    let relative = [("HOME", "/home/ada"), ("XDG_CONFIG_HOME", "xdg")];
    assert_eq!(places(Surroundings::of(relative)), [own, machine]);
    let named = [("HOME", "/home/ada"), ("POSTRIDER_CONFIG", "/x.yaml")];
    assert_eq!(places(Surroundings::of(named)), ["/x.yaml"]);
    let empty = [("HOME", "/home/ada"), ("POSTRIDER_CONFIG", "")];
    assert_eq!(places(Surroundings::of(empty)), [own, machine]);
}

#[test]
fn the_state_lives_where_the_contract_says() {
    let state = |vars: [(&str, &str); 3]| Surroundings::of(vars).state_dir();
    let all = [
        ("STATE_DIRECTORY", "/var/lib/p:/var/lib/q"),
        ("XDG_STATE_HOME", "/s"),
        ("HOME", "/h"),
    ];
    assert_eq!(state(all).as_deref(), Some(Path::new("/var/lib/p")));
    let user = [
        ("STATE_DIRECTORY", ""),
        ("XDG_STATE_HOME", "/s"),
        ("HOME", "/h"),
    ];
    assert_eq!(state(user).as_deref(), Some(Path::new("/s/postrider")));
    let plain = [
        ("STATE_DIRECTORY", ""),
        ("XDG_STATE_HOME", ""),
        ("HOME", "/h"),
    ];
    assert_eq!(
        state(plain).as_deref(),
        Some(Path::new("/h/.local/state/postrider"))
    );
    let path = PathBuf::from(FILE);
    let text = account("maildir: /m");
    let nowhere = parse(&path, (text.as_bytes(), 0o600), &Surroundings::default()).unwrap_err();
    assert_eq!(nowhere[0].problem, Problem::NoStateDir);
}

#[test]
fn the_first_file_there_is_counts_and_a_named_one_must_be_there() {
    let dir = tempfile::tempdir().unwrap();
    let home = dir.path().to_str().unwrap();
    let around = Surroundings::of([("HOME", home)]);
    let missing = dir.path().join("missing.yaml");
    let error = load(Some(&missing), &around).unwrap_err();
    assert!(matches!(error, ConfigError::Read { .. }), "{error:?}");
    let around_missing = Surroundings::of([("HOME", home), ("POSTRIDER_CONFIG", "/nowhere/x")]);
    let error = load(None, &around_missing).unwrap_err();
    assert!(matches!(error, ConfigError::Read { .. }), "{error:?}");

    let own = dir.path().join(".config/postrider");
    std::fs::create_dir_all(&own).unwrap();
    std::fs::write(own.join("config.yaml"), account("")).unwrap();
    let config = load(None, &around).unwrap();
    assert_eq!(config.path, own.join("config.yaml"));
    assert_eq!(config.accounts[0].maildir, dir.path().join("Mail/home"));
}

#[test]
fn without_a_configuration_the_smallest_one_is_shown_and_it_works() {
    let looked = around().config_places();
    let error = ConfigError::NotFound { looked };
    let hint = error.hint().unwrap();
    assert!(
        hint.starts_with(&format!("write this to {FILE}\n\n")),
        "{hint}"
    );
    let (_, yaml) = hint.split_once("\n\n").unwrap();
    assert_eq!(accepted(yaml).accounts[0].name.as_str(), "home");
}

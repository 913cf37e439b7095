//! Whatever is wrong with a password, nobody reads it in a message.

use super::*;

#[test]
fn a_password_in_a_file_that_others_can_read_is_refused() {
    let inline = account("").replace("{env: PW}", "hunter2");
    for mode in [0o100_640, 0o100_604, 0o100_644, 0o100_444] {
        let error = read_with(inline.as_bytes(), mode).unwrap_err();
        let said = error.to_string();
        let place = format!("{FILE}:5:15: a password stands here, and others can read the file");
        assert!(said.starts_with(&place), "{said}");
        assert!(!said.contains("hunter2"), "{said}");
        assert_eq!(error.hint(), Some(format!("chmod 600 {FILE}")));
        read_with(account("").as_bytes(), mode).unwrap();
    }
    for mode in [0o100_600, 0o100_400, 0o100_700] {
        read_with(inline.as_bytes(), mode).unwrap();
    }
}

#[test]
fn no_message_shows_a_password() {
    for password in [
        "hunter2: x",
        "{hunter2}",
        "{hunter2: x}",
        "{hunter2: x, hunter2: y}",
        "{command: x, hunter2: y}",
        "{command: {hunter2: x}}",
        "[hunter2]",
        "\"hunter2",
        "'hunter2' x",
        "\"hunter2\\q\"",
        "*hunter2",
        "!hunter2",
        "!hunter2 x",
        "!<hunter2> x",
        "@hunter2",
        "`hunter2",
        "%hunter2",
        "|hunter2",
        "|\n      hunter2\n",
        ">\n      hunter2\n",
        "\n      hunter2:\n        - x\n",
        "\n    - hunter2",
        "hunter2\n  bad",
        "\"hunter2\\0\"",
        "{? hunter2",
    ] {
        let yaml = account("").replace("{env: PW}", password);
        let error = read_with(yaml.as_bytes(), 0o600).expect_err(password);
        let shown = format!("{error} {:?} {error:?}", error.hint());
        assert!(!shown.contains("hunter2"), "{password}: {shown}");
    }
    let config = accepted(&account("").replace("{env: PW}", "hunter2"));
    assert!(!format!("{config:?}").contains("hunter2"));
    let around = Surroundings::of([("PASSWORD", "hunter2")]);
    assert!(!format!("{around:?}").contains("hunter2"));
}

#[test]
fn what_is_wrong_with_a_password_is_said() {
    let known = "`command`, `file`, `env`, `credential` and `secret_service`";
    for (password, said) in [
        ("{}", format!("5:15: `password` wants exactly one of {known}")),
        ("{env: A, file: b}", format!("5:15: `password` wants exactly one of {known}")),
        ("{comand: x}", format!("5:16: unknown key in `password`; known are {known} (a password that begins with `{{` stands in quotes)")),
        ("{credential: ../x}", "5:28: `credential` cannot be `../x`: the name that LoadCredential= gives it is wanted, not a path".to_owned()),
        ("{env: $PW}", "5:21: `env` cannot be `$PW`: the name of an environment variable is wanted, without `$`".to_owned()),
        ("{command: }", "5:23: `command` wants text".to_owned()),
        ("\"a\\nb\"", "5:15: `password` has a line end or a control character in it".to_owned()),
        ("\"\"", "5:15: `password` wants text, or one of {command: ...}, {file: ...}, {env: ...}, {credential: ...}, {secret_service: ...}".to_owned()),
    ] {
        let yaml = account("").replace("{env: PW}", password);
        assert_eq!(refused(&yaml), said, "{password}");
    }
}

#[cfg(not(feature = "secret-service"))]
#[test]
fn a_binary_without_the_secret_service_says_how_to_have_it() {
    let yaml = account("").replace("{env: PW}", "{secret_service: {service: imap}}");
    let said = refused(&yaml);
    assert!(
        said.starts_with("5:32: this postrider was built without"),
        "{said}"
    );
    assert!(said.contains("--features secret-service"), "{said}");
}

#[cfg(feature = "secret-service")]
#[test]
fn a_secret_is_found_by_its_attributes() {
    let with = |attributes: &str| {
        let source = format!("{{secret_service: {attributes}}}");
        account("").replace("{env: PW}", &source)
    };
    let config = accepted(&with("{service: imap, user: ada}"));
    let PasswordSource::SecretService(found) = &config.accounts[0].password else {
        panic!("{config:?}");
    };
    assert_eq!(found.len(), 2);
    for wrong in ["{}", "imap", "[imap]", "{service: }"] {
        let said = refused(&with(wrong));
        assert!(said.contains("`secret_service` wants"), "{said}");
    }
}

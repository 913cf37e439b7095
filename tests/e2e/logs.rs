//! Who sees colours: a terminal, and nobody else.

use postrider_tests::postrider::{Home, said};
use std::process::{Command, Output, Stdio};

/// A home whose daemon says that it starts, and then ends by itself.
fn home() -> Home {
    let home = Home::new(
        "state_dir: {home}/file/state\naccounts:\n  home: {host: 127.0.0.1, port: 1, tls: none, user: ada, \
         password: secret, maildir: \"{home}/mail\"}\n",
    );
    std::fs::write(home.path().join("file"), "not a directory").unwrap();
    home
}

/// What the daemon writes to a terminal of its own.
fn on_a_terminal(home: &Home, variables: &[(&str, &str)]) -> String {
    let daemon = home.command(&["run"]);
    let mut command = Command::new("script");
    command.args(["--quiet", "--return", "--command"]);
    command.arg(format!("{} run", daemon.get_program().display()));
    command.arg("/dev/null").env_clear().stdin(Stdio::null());
    for (name, value) in daemon.get_envs() {
        command.env(name, value.unwrap_or_default());
    }
    command.env("TERM", "xterm").env("SHELL", "/bin/sh");
    command.envs(variables.iter().copied());
    told(command.output().unwrap())
}

fn told(output: Output) -> String {
    let told = said(&output);
    assert_eq!(output.status.code(), Some(74), "{told}");
    assert!(told.contains("daemon.started"), "{told}");
    told
}

#[test]
fn colours_are_for_terminals_and_for_those_who_want_them() {
    let home = home();
    let coloured = on_a_terminal(&home, &[]);
    let green = "\u{1b}[32mINFO \u{1b}[0m";
    assert!(coloured.contains(green), "{coloured:?}");
    let plain = on_a_terminal(&home, &[("NO_COLOR", "1")]);
    assert!(!plain.contains('\u{1b}'), "{plain:?}");
    let piped = told(home.run(&["run"]));
    assert!(!piped.contains('\u{1b}'), "{piped:?}");
}

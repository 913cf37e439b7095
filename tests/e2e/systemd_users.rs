//! The units of users on a real systemd: `postrider.service` of a user manager, and `postrider@USER.service`.

use postrider_tests::dovecot::Dovecot;
use postrider_tests::oracle::Oracle;
use postrider_tests::rig::message;
use postrider_tests::systemd::Machine;

fn config(dovecot: &Dovecot) -> String {
    format!(
        "accounts:\n  home:\n    host: localhost\n    port: {}\n    user: ada\n    password: {{file: ~/password}}\n    \
         ca_file: /etc/postrider/ca.pem\n    poll: 1h\n",
        dovecot.imaps_port
    )
}

/// A machine with a user, who has a configuration, and mail at the server.
fn machine(dovecot: &Dovecot) -> Machine {
    let mut ada = Oracle::login(dovecot.imap_port, "ada", Dovecot::PASSWORD);
    ada.append("INBOX", message("INBOX", 0).as_bytes(), &[], 1_700_000_000);
    let machine = Machine::boot();
    machine.succeed(&["useradd", "-m", "-u", "4711", "ada"]);
    machine.push(&dovecot.ca_file, "/etc/postrider/ca.pem");
    machine.write("/home/ada/password", Dovecot::PASSWORD);
    let config = config(dovecot);
    machine.write("/home/ada/.config/postrider/config.yaml", &config);
    machine.succeed(&["chown", "-R", "ada:ada", "/home/ada"]);
    machine.succeed(&["chmod", "600", "/home/ada/password"]);
    machine
}

/// The user's own mail and index, where the user's own command finds them.
fn assert_is_adas(machine: &Machine) {
    let list =
        "stat -c '%U %a' /home/ada/Mail/home/INBOX/new/* /home/ada/.local/state/postrider/index.db";
    let listed = machine.succeed(&["sh", "-c", list]);
    assert_eq!(listed, "ada 600\nada 600\n");
    let status = machine.succeed(&[
        "runuser",
        "-u",
        "ada",
        "--",
        "env",
        "HOME=/home/ada",
        "postrider",
        "status",
    ]);
    assert!(status.contains("home"), "{status}");
}

#[test]
fn a_user_manager_keeps_it_without_anybody_logged_in() {
    let dovecot = Dovecot::start();
    let machine = machine(&dovecot);
    // What `loginctl enable-linger` leads to at boot.
    machine.succeed(&["systemctl", "start", "user@4711.service"]);
    let as_ada = |command: &[&str]| {
        let ada = ["runuser", "-u", "ada", "--", "env", "HOME=/home/ada"];
        let runtime = ["XDG_RUNTIME_DIR=/run/user/4711"];
        machine.succeed(&[&ada, &runtime[..], command].concat())
    };
    let verified = as_ada(&[
        "systemd-analyze",
        "--user",
        "verify",
        "--man=no",
        "postrider.service",
    ]);
    let unknown = |line: &&str| !line.contains("Unknown key");
    let others: Vec<&str> = verified.lines().filter(unknown).collect();
    assert_eq!(others, Vec::<&str>::new());

    as_ada(&["systemctl", "--user", "start", "postrider"]);
    let stored = [
        "_SYSTEMD_USER_UNIT=postrider.service",
        "EVENT=message.stored",
    ];
    let entry = &machine.journal_of(1, &stored)[0];
    assert_eq!(entry["ACCOUNT"], "home", "{entry}");
    assert_is_adas(&machine);
    let property = |name| {
        let shown = as_ada(&[
            "systemctl",
            "--user",
            "show",
            "--value",
            "-p",
            name,
            "postrider",
        ]);
        shown.trim().to_owned()
    };
    assert!(property("StatusText").starts_with("1 account: "));
    as_ada(&["systemctl", "--user", "reload", "postrider"]);
    let reloaded = [
        "_SYSTEMD_USER_UNIT=postrider.service",
        "EVENT=daemon.reloaded",
    ];
    assert_eq!(machine.journal(&reloaded).len(), 1);
    as_ada(&["systemctl", "--user", "stop", "postrider"]);
    assert_eq!(property("Result"), "success");
}

#[test]
fn the_template_serves_a_user_from_the_system() {
    let unit = "postrider@ada.service";
    let dovecot = Dovecot::start();
    let machine = machine(&dovecot);
    machine.succeed(&["useradd", "-m", "bob"]);
    machine.succeed(&["systemctl", "start", unit]);
    let stored = [
        "_SYSTEMD_UNIT=postrider@ada.service",
        "EVENT=message.stored",
    ];
    machine.journal_of(1, &stored);
    assert_is_adas(&machine);
    // Its home is the only one that is there.
    let pid = machine.property(unit, "MainPID");
    let homes = machine.succeed(&["ls", &format!("/proc/{pid}/root/home")]);
    assert_eq!(homes, "ada\n");
    machine.succeed(&["systemctl", "reload", unit]);
    let reloaded = [
        "_SYSTEMD_UNIT=postrider@ada.service",
        "EVENT=daemon.reloaded",
    ];
    assert_eq!(machine.journal(&reloaded).len(), 1);
    machine.succeed(&["systemctl", "stop", unit]);
    assert_eq!(machine.property(unit, "Result"), "success");

    // A user who has no configuration is told, once.
    let started = machine.run(&["systemctl", "start", "postrider@bob.service"]);
    assert!(!started.status.success());
    assert_eq!(
        machine.property("postrider@bob.service", "ExecMainStatus"),
        "78"
    );
    assert_eq!(machine.property("postrider@bob.service", "NRestarts"), "0");
}

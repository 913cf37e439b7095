//! Every source, right and wrong.

use super::*;
use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt as _;

async fn ask(command: &str) -> Result<Secret, EngineError> {
    obtain(&PasswordSource::Command(command.to_owned())).await
}

async fn of_file(octets: &[u8], mode: u32) -> Result<Secret, EngineError> {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("password");
    std::fs::write(&path, octets).unwrap();
    std::fs::set_permissions(&path, Permissions::from_mode(mode)).unwrap();
    obtain(&PasswordSource::File(path)).await
}

#[tokio::test]
async fn a_command_gives_its_first_line() {
    let secret = ask("printf 'hunter2 \\r\\nsecond\\n'").await.unwrap();
    assert_eq!(secret.reveal(), "hunter2 ");
}

#[tokio::test]
async fn a_failing_command_is_told_in_its_own_words_but_not_its_output() {
    let error = ask("echo hunter2-out; echo 'no such entry' >&2; exit 3").await;
    let shown = error.unwrap_err().to_string();
    assert!(shown.contains("no such entry"), "{shown}");
    // The command itself is shown, once.
    assert_eq!(shown.matches("hunter2-out").count(), 1, "{shown}");
}

#[tokio::test]
async fn a_file_gives_its_first_line() {
    for octets in [
        &b"hunter2"[..],
        b"hunter2\n",
        b"hunter2\r\n",
        b"hunter2\nsecond",
    ] {
        let secret = of_file(octets, 0o600).await.unwrap();
        assert_eq!(secret.reveal(), "hunter2");
    }
    // What is no line end is the password's.
    assert_eq!(
        of_file(b" a\tb \n", 0o600).await.unwrap().reveal(),
        " a\tb "
    );
}

#[tokio::test]
async fn a_file_that_others_may_read_is_refused_with_the_command_that_closes_it() {
    for mode in [0o644, 0o604, 0o640] {
        let error = of_file(b"hunter2", mode).await.unwrap_err().to_string();
        assert!(error.contains("others can read it: chmod 600 /"), "{error}");
        assert!(!error.contains("hunter2"), "{error}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_file_that_nothing_comes_out_of_does_not_hold_the_account_up() {
    let dir = tempfile::tempdir().unwrap();
    let pipe = dir.path().join("password");
    rustix::fs::mknodat(
        rustix::fs::CWD,
        &pipe,
        rustix::fs::FileType::Fifo,
        rustix::fs::Mode::RWXU,
        0,
    )
    .unwrap();
    let source = PasswordSource::File(pipe.clone());
    let asked = tokio::spawn(async move { obtain(&source).await });
    // The paused clock does not move while a thread reads: it is moved.
    tokio::task::yield_now().await;
    tokio::time::advance(PATIENCE + MARGIN).await;
    let error = asked.await.unwrap().unwrap_err().to_string();
    assert!(error.contains("nothing came out of it"), "{error}");
    // The thread that reads it ends with this.
    drop(std::fs::OpenOptions::new().write(true).open(pipe));
}

#[tokio::test]
async fn nothing_is_not_a_password() {
    assert!(ask("true").await.is_err());
    assert!(ask("echo").await.is_err());
    assert!(of_file(b"", 0o600).await.is_err());
    assert!(of_file(b"\nhunter2", 0o600).await.is_err());
    assert!(of_file(b"\xff\xfe", 0o600).await.is_err());
    let missing = PasswordSource::Env("POSTRIDER_NO_SUCH_VARIABLE".to_owned());
    assert!(obtain(&missing).await.is_err());
    let missing = PasswordSource::File("/nonexistent/password".into());
    assert!(obtain(&missing).await.is_err());
    let error = obtain(&PasswordSource::Absent).await.unwrap_err();
    assert!(
        error.to_string().contains("the account has no `password`"),
        "{error}"
    );
}

#[tokio::test]
async fn a_credential_without_a_service_manager_says_what_is_lacking() {
    let error = obtain(&PasswordSource::Credential("isp".to_owned())).await;
    let error = error.unwrap_err().to_string();
    assert!(error.contains("LoadCredential=isp:FILE"), "{error}");
}

//! Tunnels of the shell: what their stream says, and that nothing of them is left.

use super::*;
use std::path::Path;
use std::time::Instant;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

const LONG: Duration = Duration::from_secs(60);

async fn read(tunnel: &mut Tunnel) -> io::Result<String> {
    let mut text = String::new();
    tunnel.read_to_string(&mut text).await.map(|_| text)
}

/// Waits until a process is gone; a zombie is not.
async fn gone(pid: &str) {
    let process = Path::new("/proc").join(pid.trim());
    let begun = Instant::now();
    while process.exists() {
        assert!(begun.elapsed() < LONG, "{} lives on", process.display());
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

#[tokio::test]
async fn octets_go_both_ways_and_a_good_end_is_an_end() {
    let mut tunnel = Tunnel::open("tr a-z A-Z").unwrap();
    tunnel.write_all(b"hello\n").await.unwrap();
    tunnel.shutdown().await.unwrap();
    assert_eq!(read(&mut tunnel).await.unwrap(), "HELLO\n");
    assert_eq!(
        tunnel.read(&mut [0]).await.unwrap(),
        0,
        "it stays at its end"
    );
}

#[tokio::test]
async fn a_command_that_ends_early_is_told_of() {
    for (command, said) in [
        ("true", "the tunnel `true` ended with exit status 0"),
        (
            "exit 255",
            "the tunnel `exit 255` ended with exit status 255",
        ),
        (
            "echo a; kill -9 $$",
            "the tunnel `echo a; kill -9 $$` ended with signal 9",
        ),
        (
            "printf 'a \\033[2Jbanner\\nNo route\\n' >&2; exit 2",
            "ended with exit status 2: a \\u{1b}[2Jbanner; No route",
        ),
        ("no-such-program-at-all", "exit status 127: sh: "),
    ] {
        let mut tunnel = Tunnel::open(command).unwrap();
        let error = read(&mut tunnel).await.unwrap_err();
        assert!(error.to_string().contains(said), "{error}");
        assert!(stream_hint(&error).is_some());
    }
    assert!(stream_hint(&io::ErrorKind::BrokenPipe.into()).is_none());
}

#[tokio::test]
async fn writing_to_what_has_ended_says_so() {
    let mut tunnel = Tunnel::open("echo gone >&2; exit 7").unwrap();
    let error = loop {
        if let Err(error) = tunnel.write_all(&[0; 1 << 16]).await {
            break error;
        }
    };
    assert!(
        error.to_string().ends_with("exit status 7: gone"),
        "{error}"
    );
}

#[tokio::test]
async fn the_whole_group_ends_with_the_stream() {
    // Children, and one that does not listen to TERM.
    for trap in ["", "trap '' TERM; "] {
        let mut tunnel = Tunnel::open(&format!("{trap}sleep 1000 & echo $!; echo $$; wait; wait"));
        let tunnel = tunnel.as_mut().unwrap();
        let mut pids = [0; 64];
        let mut told = String::new();
        while told.lines().count() < 2 || !told.ends_with('\n') {
            let read = tunnel.read(&mut pids).await.unwrap();
            told.push_str(std::str::from_utf8(&pids[..read]).unwrap());
        }
        let held = std::mem::replace(tunnel, Tunnel::open("true").unwrap());
        drop(held);
        for pid in told.lines() {
            gone(pid).await;
        }
    }
}

#[tokio::test]
async fn one_that_ended_by_itself_leaves_no_zombie() {
    let mut tunnel = Tunnel::open("echo $$; exit 1").unwrap();
    let mut pid = String::new();
    let mut octets = [0; 64];
    let error = loop {
        match tunnel.read(&mut octets).await {
            Ok(read) => pid.push_str(std::str::from_utf8(&octets[..read]).unwrap()),
            Err(error) => break error,
        }
    };
    assert!(error.to_string().contains("exit status 1"), "{error}");
    assert!(
        Path::new("/proc").join(pid.trim()).exists(),
        "its number is not given away yet"
    );
    drop(tunnel);
    gone(&pid).await;
}

#[tokio::test]
async fn the_service_managers_socket_is_ours_alone() {
    let mut tunnel = Tunnel::open("env; exec 1>&-; cat").unwrap();
    let mut text = vec![0; 1 << 16];
    let mut told = String::new();
    while let Ok(read @ 1..) = tunnel.read(&mut text).await {
        told.push_str(&String::from_utf8_lossy(&text[..read]));
    }
    assert!(told.contains("PATH="), "{told}");
    for name in ["NOTIFY_SOCKET=", "WATCHDOG_USEC=", "LISTEN_FDS="] {
        assert!(!told.contains(name), "{told}");
    }
}

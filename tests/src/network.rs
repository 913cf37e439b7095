//! A network of the test's own: a machine for the daemon, another for a server, and a line between them that can
//! be cut, or led another way, and that may be slow and lossy ([`wire`](crate::wire)).
//!
//! Both are network namespaces that live as long as their value. Only root may make them so that a thread of the test can
//! enter one.

use crate::postrider::{Home, inside_of};
use crate::wire::Wire;
use postrider_mailserver::Service;
use rustix::thread::{LinkNameSpaceType, move_into_link_name_space};
use std::fs::File;
use std::io::{BufRead, BufReader};
use std::net::Ipv4Addr;
use std::os::fd::AsFd;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::runtime::Builder;

/// Where the server is, behind its end of the line. There is no route to it at first.
pub const SERVER: Ipv4Addr = Ipv4Addr::new(10, 99, 1, 1);

/// Both ends of the line: the daemon's and the server's.
pub const ENDS: [&str; 2] = ["10.99.0.1", "10.99.0.2"];

/// Two machines and a line.
#[derive(Debug)]
pub struct Network {
    /// Gone before the machines are.
    wire: Option<Wire>,
    daemon: Machine,
    server: Machine,
}

/// A network namespace.
#[derive(Debug)]
struct Machine(Child);

impl Machine {
    fn new() -> Self {
        let mut holder = Command::new("unshare")
            .args(["--net", "sh", "-c", "echo made && exec cat"])
            // The end of its input is the end of the namespace.
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("unshare runs");
        let mut told = String::new();
        let stdout = holder.stdout.take().expect("stdout is piped");
        BufReader::new(stdout).read_line(&mut told).ok();
        assert_eq!(told, "made\n", "no network may be made here: run as root");
        let machine = Self(holder);
        machine.ip("link set lo up");
        machine
    }

    /// The beginning of a command that is run there.
    fn inside(&self) -> Command {
        let mut nsenter = Command::new("nsenter");
        nsenter.args(["--net", "--target", &self.0.id().to_string(), "--"]);
        nsenter
    }

    /// Runs ip(8) there.
    fn ip(&self, arguments: &str) {
        let mut ip = self.inside();
        let output = ip.arg("ip").args(arguments.split(' ')).output();
        let output = output.expect("ip runs: tests/install");
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "ip {arguments}: {said}");
    }

    /// Its name, for a thread that wants to move there.
    fn namespace(&self) -> File {
        File::open(self.namespace_path()).expect("the machine is there")
    }

    fn namespace_path(&self) -> String {
        format!("/proc/{}/ns/net", self.0.id())
    }
}

impl Drop for Machine {
    fn drop(&mut self) {
        drop(self.0.stdin.take());
        self.0.wait().ok();
    }
}

impl Network {
    /// Two machines with a line between them and no route to [`SERVER`].
    ///
    /// # Panics
    /// When no network may be made here.
    #[must_use]
    pub fn make() -> Self {
        let (daemon, server) = (Machine::new(), Machine::new());
        let (line, peer) = ("line", server.0.id());
        daemon.ip(&format!(
            "link add {line} type veth peer name {line} netns {peer}"
        ));
        Self::joined(None, daemon, server)
    }

    /// The same with a route, over a line on which everything takes so long one way.
    ///
    /// # Panics
    /// When no network may be made here.
    #[must_use]
    pub fn slow(delay: Duration) -> Self {
        let (daemon, server) = (Machine::new(), Machine::new());
        let wire = Wire::between(&daemon.namespace_path(), &server.namespace_path(), delay);
        let network = Self::joined(Some(wire), daemon, server);
        network.lead();
        network
    }

    fn joined(wire: Option<Wire>, daemon: Machine, server: Machine) -> Self {
        for (machine, end) in [&daemon, &server].into_iter().zip(ENDS) {
            machine.ip(&format!("addr add {end}/24 dev line"));
            machine.ip("link set line up");
        }
        server.ip(&format!("addr add {SERVER}/32 dev lo"));
        Self {
            wire,
            daemon,
            server,
        }
    }

    /// The line of a slow network.
    ///
    /// # Panics
    /// Where it is none.
    #[must_use]
    pub const fn wire(&self) -> &Wire {
        self.wire.as_ref().expect("a slow network")
    }

    /// Makes the route to [`SERVER`], which tells the kernel's listeners.
    pub fn lead(&self) {
        let [_, gateway] = ENDS;
        self.daemon
            .ip(&format!("route add {SERVER}/32 via {gateway}"));
    }

    /// Takes the route away.
    pub fn mislead(&self) {
        self.daemon.ip(&format!("route del {SERVER}/32"));
    }

    /// Takes the server's address away, so that nothing answers there and nobody is told: packets into the void.
    pub fn vanish(&self) {
        self.server.ip(&format!("addr del {SERVER}/32 dev lo"));
    }

    /// The server is there again, and nobody is told.
    pub fn come_back(&self) {
        self.server.ip(&format!("addr add {SERVER}/32 dev lo"));
    }

    /// The beginning of a command that is run on the server's machine.
    #[must_use]
    pub fn beside_server(&self) -> Command {
        self.server.inside()
    }

    /// The binary with these arguments on the daemon's machine.
    #[must_use]
    pub fn command(&self, home: &Home, arguments: &[&str]) -> Command {
        inside_of(self.daemon.inside(), home, arguments)
    }

    /// Speaks IMAP on the server's machine, at port 143 of [`SERVER`], for as long as the test goes on. How many
    /// connections were made so far.
    ///
    /// # Panics
    /// When that machine cannot be entered.
    #[must_use]
    pub fn serve_imap(&self, service: Service) -> Arc<AtomicUsize> {
        let namespace = self.server.namespace();
        let connections = Arc::new(AtomicUsize::new(0));
        let count = Arc::clone(&connections);
        let (sender, ready) = std::sync::mpsc::channel();
        std::thread::spawn(move || {
            // Sockets that this thread makes from now on are that machine's.
            let kind = Some(LinkNameSpaceType::Network);
            move_into_link_name_space(namespace.as_fd(), kind)
                .expect("root may change its network");
            let runtime = Builder::new_current_thread().enable_all().build();
            runtime.expect("a runtime").block_on(async {
                let listener = TcpListener::bind((SERVER, 143)).await.expect("a free port");
                sender.send(()).expect("the test waits");
                while let Ok((stream, _)) = listener.accept().await {
                    count.fetch_add(1, Ordering::SeqCst);
                    let service = service.clone();
                    tokio::spawn(async move { service.serve_imap(stream).await });
                }
            });
        });
        ready.recv().expect("the server starts");
        connections
    }
}

//! The connections of a line, each a task.

use super::{End, Line, Side};
use std::io;
use std::net::{Ipv4Addr, TcpListener as StdListener};
use std::sync::Arc;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

/// Connects whoever comes until the line ends.
pub(super) fn serve(listener: StdListener, server_port: u16, line: &Arc<Line>) {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_io()
        .build()
        .expect("a runtime");
    runtime.block_on(async {
        let listener = TcpListener::from_std(listener).expect("a socket of ours");
        loop {
            let accepted = tokio::select! {
                accepted = listener.accept() => accepted,
                () = line.end.notified() => return,
            };
            let Ok((client, _)) = accepted else { continue };
            let line = Arc::clone(line);
            line.opened();
            tokio::spawn(async move {
                // Whatever ends a connection, the test sees what it left.
                relay(client, server_port, &line).await.ok();
                line.closed();
            });
        }
    });
}

async fn relay(mut client: TcpStream, server_port: u16, line: &Line) -> io::Result<()> {
    let mut server = TcpStream::connect((Ipv4Addr::LOCALHOST, server_port)).await?;
    client.set_nodelay(true)?;
    server.set_nodelay(true)?;
    let end = until_cut(&mut client, &mut server, line).await;
    if let Ok(Some(end)) = end {
        part(client, end, line).await;
    } else {
        drop(client);
    }
    // Whatever the server was asked for it does now, and then it closes.
    server.shutdown().await?;
    discard(&mut server).await;
    Ok(())
}

/// Carries octets both ways; what becomes of the line when that is over, if anything but its natural end.
async fn until_cut(
    client: &mut TcpStream,
    server: &mut TcpStream,
    line: &Line,
) -> io::Result<Option<End>> {
    let (mut from_client, mut from_server) = ([0; 16_384], [0; 16_384]);
    loop {
        let (side, octets) = tokio::select! {
            read = client.read(&mut from_client) => (Side::Client, from_client.get(..read?)),
            read = server.read(&mut from_server) => (Side::Server, from_server.get(..read?)),
        };
        let octets = octets.unwrap_or_default();
        if octets.is_empty() {
            return Ok(None);
        }
        let (pass, end) = line.admit(side, octets);
        let passing = octets.get(..pass).unwrap_or_default();
        match side {
            Side::Client => server.write_all(passing).await?,
            Side::Server => client.write_all(passing).await?,
        }
        if end.is_some() {
            return Ok(end);
        }
    }
}

/// Ends the client's half.
async fn part(mut client: TcpStream, end: End, line: &Line) {
    match end {
        End::Fin => {
            // What the client still says is read, or the kernel would make a reset of it.
            client.shutdown().await.ok();
            line.is_cut();
            discard(&mut client).await;
        }
        End::Reset => {
            client.set_zero_linger().ok();
            drop(client);
            line.is_cut();
        }
        End::Held => {
            line.is_cut();
            discard(&mut client).await;
        }
    }
}

/// Reads until nothing more comes.
async fn discard(stream: &mut TcpStream) {
    let mut octets = [0; 16_384];
    while stream.read(&mut octets).await.is_ok_and(|read| read > 0) {}
}

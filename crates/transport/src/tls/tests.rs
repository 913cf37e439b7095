//! Against real TLS servers on loopback, with certificates made for the occasion.

mod chains;
mod client;
mod pins;
mod sessions;
mod versions;

use crate::Stream;
use crate::connect::Connector;
use crate::error::TransportError;
use crate::testing::LIMIT;
use crate::tls::error::{Because, TlsError};
use postrider_core::settings::ServerAddress;
use std::io;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

/// What came of a connection, until its first answer: under TLS 1.3 a refusal may come in its place.
async fn talk(connector: &Connector, address: &ServerAddress) -> Result<(), TransportError> {
    let mut stream = connector.connect(address, LIMIT).await?;
    let answer = ping(&mut stream).await;
    match answer {
        Ok(answer) => {
            assert_eq!(answer, b"ping");
            Ok(())
        }
        Err(error) => Err(TransportError::carried_by(error).expect("an error of TLS")),
    }
}

async fn ping(stream: &mut Stream) -> io::Result<Vec<u8>> {
    // A server that refuses us may be gone by now; what it said of that is there to be read.
    let sent = stream.write_all(b"ping").await;
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).await?;
    sent?;
    Ok(answer)
}

fn because(error: &TransportError) -> &Because {
    match error {
        TransportError::Tls(TlsError::Certificate(refused)) => &refused.because,
        other => panic!("not about the certificate: {other:?}"),
    }
}

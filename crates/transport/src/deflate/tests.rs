//! Both directions over narrow pipes, and streams that are none.

use super::*;
use tokio::io::{AsyncReadExt, AsyncWriteExt, duplex};

/// Text that compresses a little, and never repeats itself.
fn text(octets: usize) -> Vec<u8> {
    let lines =
        (0_u64..).map(|n| format!("{:x} said {n}\r\n", n.wrapping_mul(0x9e37_79b9_7f4a_7c15)));
    lines.flat_map(String::into_bytes).take(octets).collect()
}

/// What `octets` are after compression.
fn compressed(octets: &[u8]) -> Vec<u8> {
    let mut compress = Compress::new(Compression::default(), false);
    let mut output = Vec::with_capacity(octets.len() + 1_024);
    compress
        .compress_vec(octets, &mut output, FlushCompress::Sync)
        .unwrap();
    output
}

#[tokio::test]
async fn what_is_written_is_read_whatever_the_pipe() {
    for pipe in [1, 7, 1 << 16] {
        let (ours, theirs) = duplex(pipe);
        let (mut ours, mut theirs) = (Deflate::new(ours, vec![]), Deflate::new(theirs, vec![]));
        let sent = text(100_000);
        let writer = {
            let sent = sent.clone();
            tokio::spawn(async move {
                for piece in sent.chunks(9_999) {
                    ours.write_all(piece).await.unwrap();
                }
                ours.shutdown().await.unwrap();
                ours
            })
        };
        let mut received = Vec::new();
        theirs.read_to_end(&mut received).await.unwrap();
        assert!(received == sent, "{pipe}");
        drop(writer.await.unwrap());
    }
}

#[tokio::test]
async fn a_flushed_line_arrives_and_answers_come_back() {
    let (ours, theirs) = duplex(64);
    let (mut ours, mut theirs) = (Deflate::new(ours, vec![]), Deflate::new(theirs, vec![]));
    for n in 0..3 {
        let (question, answer) = (format!("p{n} NOOP\r\n"), format!("p{n} OK\r\n"));
        ours.write_all(question.as_bytes()).await.unwrap();
        ours.flush().await.unwrap();
        let mut heard = vec![0; question.len()];
        theirs.read_exact(&mut heard).await.unwrap();
        assert_eq!(heard, question.as_bytes());
        theirs.write_all(answer.as_bytes()).await.unwrap();
        theirs.flush().await.unwrap();
        let mut heard = vec![0; answer.len()];
        ours.read_exact(&mut heard).await.unwrap();
        assert_eq!(heard, answer.as_bytes());
    }
}

#[tokio::test]
async fn octets_that_were_read_already_come_first() {
    let whole = compressed(b"* OK hello\r\n");
    for at in 0..=whole.len() {
        let (early, late) = whole.split_at(at);
        let (ours, mut theirs) = duplex(64);
        let mut ours = Deflate::new(ours, early.to_vec());
        theirs.write_all(late).await.unwrap();
        let mut heard = [0; 12];
        ours.read_exact(&mut heard).await.unwrap();
        assert_eq!(&heard, b"* OK hello\r\n", "{at}");
    }
}

#[tokio::test]
async fn r11_a_bomb_is_handed_out_as_the_reader_takes_it() {
    const OCTETS: usize = 64 << 20;
    let bomb = compressed(&vec![0; OCTETS]);
    assert!(bomb.len() < OCTETS / 500);
    let (ours, mut theirs) = duplex(1 << 10);
    tokio::spawn(async move { theirs.write_all(&bomb).await });
    let mut ours = Deflate::new(ours, vec![]);
    let (mut buffer, mut sum) = (vec![1; 4_096], 0);
    loop {
        let octets = ours.read(&mut buffer).await.unwrap();
        assert!(buffer.iter().take(octets).all(|octet| *octet == 0));
        sum += octets;
        assert!(ours.input.capacity() <= INPUT_OCTETS);
        if octets == 0 {
            break;
        }
    }
    assert_eq!(sum, OCTETS);
}

#[tokio::test]
async fn what_is_not_compressed_is_an_error() {
    let (ours, mut theirs) = duplex(64);
    let mut ours = Deflate::new(ours, vec![]);
    // A block of the type that there is not.
    theirs.write_all(b"\x07 OK in the clear\r\n").await.unwrap();
    drop(theirs);
    let error = ours.read_to_end(&mut Vec::new()).await.unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::InvalidData);
}

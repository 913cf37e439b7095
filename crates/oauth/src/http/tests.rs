use super::*;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

/// What comes of asking a server that answers with these octets and hangs up.
async fn asked(answer: Vec<u8>) -> (Result<HttpResponse, OAuthError>, String) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/token?x=1", listener.local_addr().unwrap());
    let serve = async {
        let (mut stream, _) = listener.accept().await.unwrap();
        let mut head = vec![0; 4096];
        let mut got = stream.read(&mut head).await.unwrap();
        while !head[..got].ends_with(b"secret") {
            got += stream.read(&mut head[got..]).await.unwrap();
        }
        // Who was answered enough hangs up.
        drop(stream.write_all(&answer).await);
        drop(stream.shutdown().await);
        String::from_utf8(head[..got].to_vec()).unwrap()
    };
    let request = Request::post(&url).body(b"secret".to_vec()).unwrap();
    let http = Http::default();
    tokio::join!(http.once(request), serve)
}

#[tokio::test]
async fn a_request_is_put_as_servers_want_it_and_its_answer_read_whole() {
    let answer = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n\r\n{}".to_vec();
    let (answered, said) = asked(answer).await;
    assert_eq!(answered.unwrap().into_body(), b"{}");
    assert!(said.starts_with("POST /token?x=1 HTTP/1.1\r\n"), "{said}");
    assert!(said.contains("host: 127.0.0.1:"), "{said}");
}

#[tokio::test]
async fn what_is_no_answer_is_an_error_of_its_own() {
    let status = |status: &str| format!("HTTP/1.1 {status}\r\nContent-Length: 0\r\n\r\n");
    let moved = "HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:1/\r\nContent-Length: 0\r\n\r\n";
    for (answer, status) in [
        (moved.to_owned(), 302),
        (status("503 Busy"), 503),
        (status("429 Slow"), 429),
        (status("404 No"), 404),
    ] {
        let error = asked(answer.into_bytes()).await.0.unwrap_err();
        assert!(
            matches!(error, OAuthError::Status { status: s, .. } if s == status),
            "{error}"
        );
    }
    for answer in [
        "",
        "SSH-2.0-OpenSSH\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n{}",
    ] {
        let error = asked(answer.as_bytes().to_vec()).await.0.unwrap_err();
        assert!(
            matches!(error, OAuthError::Http { .. }),
            "{answer}: {error:?}"
        );
    }
}

#[tokio::test]
async fn an_answer_without_end_is_cut_off() {
    let mut answer = b"HTTP/1.1 200 OK\r\n\r\n".to_vec();
    answer.resize(4 << 20, b'x');
    let error = asked(answer).await.0.unwrap_err();
    assert!(matches!(error, OAuthError::TooLarge { .. }), "{error:?}");
}

#[tokio::test(start_paused = true)]
async fn a_server_that_says_nothing_is_not_waited_for() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/", listener.local_addr().unwrap());
    let request = Request::post(&url).body(Vec::new()).unwrap();
    let error = Http::default().once(request).await.unwrap_err();
    let late = matches!(
        error,
        OAuthError::TimedOut { .. } | OAuthError::Connect(_) | OAuthError::Http { .. }
    );
    assert!(late, "{error:?}");
}

use super::*;
use postrider_core::settings::PasswordSource;
use std::path::Path;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

fn server(dir: &Path, token_url: String) -> AuthorizationServer {
    AuthorizationServer {
        provider: None,
        client_id: "postrider".to_owned(),
        client_secret: None::<PasswordSource>,
        auth_url: None,
        token_url,
        device_url: None,
        scopes: Vec::new(),
        token_file: dir.join("oauth/home.json"),
        ca_file: None,
    }
}

fn given(access: &str, seconds: u64) -> Grant {
    Grant {
        access: Secret::new(access.to_owned()),
        refresh: Some(Secret::new("r1".to_owned())),
        expires_in: Some(Duration::from_secs(seconds)),
    }
}

/// A token endpoint with an answer for each of its requests; what it was asked.
async fn endpoint(listener: TcpListener, answers: Vec<(u16, String)>) -> Vec<String> {
    let mut asked = Vec::new();
    for (status, body) in answers {
        let (mut stream, _) = listener.accept().await.unwrap();
        let mut text = Vec::new();
        while !String::from_utf8_lossy(&text).contains("grant_type=") {
            stream.read_buf(&mut text).await.unwrap();
        }
        let answer = format!(
            "HTTP/1.1 {status} x\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
            body.len()
        );
        stream.write_all(answer.as_bytes()).await.unwrap();
        asked.push(String::from_utf8(text).unwrap());
    }
    asked
}

async fn listen() -> (TcpListener, String) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/token", listener.local_addr().unwrap());
    (listener, url)
}

fn answer(access: &str, refresh: &str) -> (u16, String) {
    let refresh = format!(r#","refresh_token":"{refresh}""#);
    let body = format!(
        r#"{{"access_token":"{access}","token_type":"Bearer","expires_in":3600{refresh}}}"#
    );
    (200, body)
}

#[tokio::test]
async fn a_token_is_used_until_shortly_before_its_end() {
    let at = |age, life: Option<u64>| {
        let tokens = Tokens {
            token_url: String::new(),
            client_id: String::new(),
            access_token: None,
            refresh_token: None,
            given_at: 1_000_000,
            expires_at: life.map(|life| 1_000_000 + life),
            refused: None,
        };
        is_fresh(&tokens, 1_000_000_u64.saturating_add_signed(age))
    };
    assert!(at(0, Some(3600)) && at(3479, Some(3600)));
    assert!(!at(3480, Some(3600)) && !at(9999, Some(3600)));
    assert!(at(7, Some(10)) && !at(8, Some(10)));
    assert!(at(1 << 40, None), "nobody said when it ends");
    assert!(!at(-1, Some(3600)) && !at(-1, None), "the clock went back");
    assert!(!at(0, Some(0)));
}

#[tokio::test]
async fn many_who_want_a_token_ask_once_and_the_rotated_one_is_kept() {
    let dir = tempfile::tempdir().unwrap();
    let (listener, url) = listen().await;
    let server = server(dir.path(), url);
    let keeper = Keeper::new(&server, Http::default());
    keeper.take(&given("a1", 0)).await.unwrap();
    assert_eq!(keeper.look(None).await.unwrap(), Looked::Stale);
    let wanted = async { tokio::join!(keeper.renew(None, None), keeper.renew(None, None)) };
    let (asked, (one, other)) = tokio::join!(endpoint(listener, vec![answer("a2", "r2")]), wanted);
    let (one, other) = (one.unwrap(), other.unwrap());
    assert_eq!((one.access.reveal(), other.access.reveal()), ("a2", "a2"));
    assert_ne!(one.asked, other.asked);
    assert!(asked[0].contains("refresh_token=r1"), "{}", asked[0]);
    let kept = keeper.store.read().await.unwrap().unwrap();
    assert_eq!(kept.refresh_token.unwrap().reveal(), "r2");
    assert_eq!(keeper.look(None).await.unwrap(), Looked::Fresh(one.access));
}

#[tokio::test]
async fn a_token_that_the_mail_server_refuses_is_replaced_once() {
    let dir = tempfile::tempdir().unwrap();
    let (listener, url) = listen().await;
    let server = server(dir.path(), url);
    let keeper = Keeper::new(&server, Http::default());
    keeper.take(&given("a1", 3600)).await.unwrap();
    let refused = Secret::new("a1".to_owned());
    assert_eq!(keeper.look(Some(&refused)).await.unwrap(), Looked::Stale);
    let renewed = keeper.renew(Some(&refused), None);
    let (_, renewed) = tokio::join!(endpoint(listener, vec![answer("a2", "r2")]), renewed);
    assert!(renewed.unwrap().asked);
    // Who was refused with the same token meanwhile finds the new one; nobody listens any more.
    let other = keeper.renew(Some(&refused), None).await.unwrap();
    assert_eq!((other.access.reveal(), other.asked), ("a2", false));
}

#[tokio::test]
async fn r12_what_could_not_be_kept_is_not_asked_for() {
    let dir = tempfile::tempdir().unwrap();
    // Nobody listens there any more: asking is an error of another kind.
    let (_, url) = listen().await;
    let server = server(dir.path(), url);
    let keeper = Keeper::new(&server, Http::default());
    keeper.take(&given("a1", 0)).await.unwrap();
    let in_the_way = server.token_file.with_extension("new");
    std::fs::create_dir(&in_the_way).unwrap();
    let error = keeper.renew(None, None).await.unwrap_err();
    assert!(matches!(error, OAuthError::File { .. }), "{error:?}");
    std::fs::remove_dir(&in_the_way).unwrap();
    let error = keeper.renew(None, None).await.unwrap_err();
    assert!(!matches!(error, OAuthError::File { .. }), "{error:?}");
    let kept = keeper.store.read().await.unwrap().unwrap();
    assert_eq!(kept.refresh_token.unwrap().reveal(), "r1");
}

#[tokio::test]
async fn a_refused_grant_is_not_shown_again_until_somebody_logs_in() {
    let dir = tempfile::tempdir().unwrap();
    let (listener, url) = listen().await;
    let server = server(dir.path(), url);
    let keeper = Keeper::new(&server, Http::default());
    let error = keeper.look(None).await.unwrap_err();
    assert!(
        error.to_string().contains("nobody has logged in yet"),
        "{error}"
    );
    keeper.take(&given("a1", 0)).await.unwrap();
    let no = (
        400,
        r#"{"error":"invalid_grant","error_description":"r1 was revoked"}"#.to_owned(),
    );
    let renewed = keeper.renew(None, None);
    let (_, renewed) = tokio::join!(endpoint(listener, vec![no]), renewed);
    let error = renewed.unwrap_err();
    assert!(
        matches!(error, OAuthError::GrantRefused { .. }),
        "{error:?}"
    );
    assert!(
        error.to_string().contains("<redacted> was revoked"),
        "{error}"
    );
    // Nobody listens: were it asked, it would be unreachable.
    for _ in 0..3 {
        let error = keeper.renew(None, None).await.unwrap_err();
        assert!(matches!(error, OAuthError::NeedsLogin { .. }), "{error:?}");
    }
    keeper.take(&given("a9", 3600)).await.unwrap();
    assert!(matches!(keeper.look(None).await.unwrap(), Looked::Fresh(_)));
}

#[tokio::test]
async fn what_passes_by_itself_destroys_no_token() {
    let dir = tempfile::tempdir().unwrap();
    let (listener, url) = listen().await;
    let server = server(dir.path(), url);
    let keeper = Keeper::new(&server, Http::default());
    keeper.take(&given("a1", 0)).await.unwrap();
    let busy = |status| (status, "busy".to_owned());
    let answers = vec![
        busy(503),
        busy(400),
        (200, "{".to_owned()),
        answer("a2", "r2"),
    ];
    let asks = async {
        for _ in 0..3 {
            let error = keeper.renew(None, None).await.unwrap_err();
            assert!(!error.needs_login(), "{error:?}");
        }
        keeper.renew(None, None).await
    };
    let (asked, renewed) = tokio::join!(endpoint(listener, answers), asks);
    assert_eq!(renewed.unwrap().access.reveal(), "a2");
    assert!(asked.iter().all(|asked| asked.contains("refresh_token=r1")));
}

#[tokio::test]
async fn tokens_are_shown_to_nobody_but_who_gave_them() {
    let dir = tempfile::tempdir().unwrap();
    let theirs = server(dir.path(), "http://127.0.0.1:1/token".to_owned());
    let keeper = Keeper::new(&theirs, Http::default());
    keeper.take(&given("a1", 3600)).await.unwrap();
    let other = server(dir.path(), "http://127.0.0.1:2/token".to_owned());
    let error = Keeper::new(&other, Http::default())
        .look(None)
        .await
        .unwrap_err();
    assert!(error.needs_login(), "{error:?}");
}

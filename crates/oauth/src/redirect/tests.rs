use super::*;
use std::path::PathBuf;

fn server() -> AuthorizationServer {
    AuthorizationServer {
        provider: None,
        client_id: "postrider".to_owned(),
        client_secret: None,
        auth_url: Some("https://login.example.org/authorize?tenant=x".to_owned()),
        token_url: "https://login.example.org/token".to_owned(),
        device_url: None,
        scopes: vec!["mail".to_owned(), "offline_access".to_owned()],
        token_file: PathBuf::from("/nowhere"),
        ca_file: None,
    }
}

async fn begin(server: &AuthorizationServer) -> Redirect {
    Redirect::begin(server, "ada@example.org")
        .await
        .unwrap()
        .unwrap()
}

#[tokio::test]
async fn the_question_binds_the_answer_to_itself() {
    let redirect = begin(&server()).await;
    let url = Url::parse(redirect.url()).unwrap();
    let field = |name: &str| {
        let mut pairs = url.query_pairs();
        pairs
            .find(|(n, _)| n == name)
            .map(|(_, value)| value.into_owned())
    };
    assert_eq!(field("tenant").unwrap(), "x");
    assert_eq!(field("response_type").unwrap(), "code");
    assert_eq!(field("code_challenge_method").unwrap(), "S256");
    assert_eq!(field("code_challenge").unwrap().len(), 43);
    assert_eq!(field("scope").unwrap(), "mail offline_access");
    assert_eq!(field("login_hint").unwrap(), "ada@example.org");
    assert_eq!(field("state").unwrap(), *redirect.state.secret());
    assert!(
        field("redirect_uri")
            .unwrap()
            .starts_with("http://127.0.0.1:")
    );
    assert!(!format!("{redirect:?}").contains(redirect.verifier.secret()));
    let other = begin(&server()).await;
    assert_ne!(other.state.secret(), redirect.state.secret());
    assert_ne!(other.verifier.secret(), redirect.verifier.secret());
}

#[tokio::test]
async fn providers_are_asked_as_they_want_it() {
    let of = |provider| AuthorizationServer {
        provider: Some(provider),
        ..server()
    };
    let google = begin(&of(Provider::Google)).await;
    assert!(
        google.url().contains("access_type=offline"),
        "{}",
        google.url()
    );
    let microsoft = begin(&of(Provider::Microsoft)).await;
    let url = microsoft.url();
    assert!(
        url.contains("redirect_uri=http%3A%2F%2Flocalhost%3A"),
        "{url}"
    );
}

#[tokio::test]
async fn what_is_pasted_is_believed_when_it_answers_our_question() {
    let redirect = begin(&server()).await;
    let state = redirect.state.secret();
    let base = redirect.redirect.as_str();
    let good = format!(" {base}?code=4%2F0Ab&state={state}&scope=mail \n");
    assert_eq!(redirect.pasted(&good).unwrap().reveal(), "4/0Ab");
    let good = format!("code=abc&state={state}");
    assert_eq!(redirect.pasted(&good).unwrap().reveal(), "abc");
    assert_eq!(redirect.pasted("4/0Ab==\n").unwrap().reveal(), "4/0Ab==");
    for wrong in [
        format!("{base}?code=abc&state=other"),
        format!("{base}?code=abc"),
        format!("{base}?state={state}"),
        format!("{base}?code=&state={state}"),
        format!("{base}?code=a%0d%0ab&state={state}"),
        format!("code=abc&state=x&state={state}"),
        base.to_owned(),
        String::new(),
        "two words".to_owned(),
    ] {
        let error = redirect.pasted(&wrong).unwrap_err();
        assert!(
            matches!(error, OAuthError::Redirect { .. }),
            "{wrong}: {error}"
        );
    }
    let no = format!("{base}?error=access_denied&error_description=no+%1b[2J&state={state}");
    let error = redirect.pasted(&no).unwrap_err();
    assert!(matches!(error, OAuthError::NotAllowed { .. }), "{error}");
    assert!(!error.to_string().contains('\u{1b}'), "{error}");
}

/// What a visitor is answered, its first line.
async fn visit(redirect: &Redirect, request: String) -> String {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    let address = redirect.listener.local_addr().unwrap();
    let mut browser = tokio::net::TcpStream::connect(address).await.unwrap();
    browser.write_all(request.as_bytes()).await.unwrap();
    let mut page = String::new();
    browser.read_to_string(&mut page).await.unwrap();
    page.lines().next().unwrap_or_default().to_owned()
}

#[tokio::test]
async fn only_the_browser_that_was_sent_ends_the_wait() {
    let redirect = begin(&server()).await;
    let state = redirect.state.secret().clone();
    let visits = async {
        let get = |target: &str| format!("GET {target} HTTP/1.1\r\nHost: x\r\n\r\n");
        let strangers = [
            (get("/favicon.ico"), "404"),
            (get("/?code=evil&state=guessed"), "400"),
            (get("/?code=evil"), "400"),
            (
                format!("POST /?code=evil&state={state} HTTP/1.1\r\n\r\n"),
                "404",
            ),
        ];
        for (request, status) in strangers {
            let said = visit(&redirect, request.clone()).await;
            assert!(said.contains(status), "{request}: {said}");
        }
        visit(&redirect, get(&format!("/?code=good&state={state}"))).await
    };
    let (code, page) = tokio::join!(redirect.visited(), visits);
    assert_eq!(code.unwrap().reveal(), "good");
    assert_eq!(page, "HTTP/1.1 200 OK");
}

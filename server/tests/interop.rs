//! Clients on independent stacks, the `h2` crate and hyper, against the bundled application: in memory,
//! on virtual time.
#![allow(clippy::unwrap_used)] // a test fails by panicking

use std::future::poll_fn;
use std::time::Duration;

use bytes::Bytes;
use falconry_server::reference::{ReferenceOptions, application};
use falconry_server::{Endpoint, Limits, Server};
use falconry_transport::Stream;
use falconry_transport::memory::{self, Connector, MemoryOptions};
use falconry_transport::tls::{self, ClientOptions, Trust};
use h2::client::{Builder, Connection, ResponseFuture, SendRequest};
use h2::{Reason, RecvStream};
use http::{HeaderMap, HeaderValue, Method, Request, Version};
use http_body_util::{BodyExt, Full};
use hyper_util::rt::TokioIo;
use tokio::sync::oneshot;
use tokio::task::{JoinHandle, LocalSet, spawn_local};
use tokio::time::{Instant, timeout};

/// Longer than any test lets pass.
const WEEK: Duration = Duration::from_secs(7 * 24 * 60 * 60);

/// A running server.
struct Site {
    connector: Connector,
    stop: Option<oneshot::Sender<Instant>>,
}

/// Runs a test against a fresh server, on virtual time, where what waits for ever ends.
fn serve(test: impl AsyncFnOnce(&mut Site)) {
    serve_at(|endpoint| endpoint, test);
}

fn serve_at(endpoint: impl FnOnce(Endpoint) -> Endpoint, test: impl AsyncFnOnce(&mut Site)) {
    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build();
    LocalSet::new().block_on(&runtime.unwrap(), async {
        let (connector, listener) = memory::listener(MemoryOptions::default());
        let server = Server::new(application(ReferenceOptions::default()))
            .limits(Limits::default())
            .listen(endpoint(Endpoint::bound(listener)));
        let (stop, stopped) = oneshot::channel();
        let worker = server.into_worker().unwrap();
        let worker =
            spawn_local(worker.run(async { stopped.await.unwrap_or_else(|_| Instant::now()) }));
        let mut site = Site { connector, stop: Some(stop) };
        timeout(WEEK, test(&mut site)).await.expect("the test stands still");
        drop(site);
        let ended = timeout(WEEK, worker).await.expect("the server never ends");
        ended.unwrap().unwrap();
    });
}

/// How a connection of the `h2` crate ended.
type Ended = JoinHandle<Result<(), h2::Error>>;

impl Site {
    async fn client(&self) -> (SendRequest<Bytes>, Ended) {
        self.client_with(&Builder::new()).await
    }

    async fn client_with(&self, builder: &Builder) -> (SendRequest<Bytes>, Ended) {
        let stream = self.connector.connect().await.unwrap();
        let (client, connection) = builder.handshake(stream).await.unwrap();
        (client, run(connection))
    }

    fn stop(&mut self, grace: Duration) {
        let _ = self.stop.take().unwrap().send(Instant::now() + grace);
    }
}

fn run<S: Stream + 'static>(connection: Connection<S, Bytes>) -> Ended {
    spawn_local(connection)
}

fn request(method: Method, path: &str) -> Request<()> {
    let uri = format!("http://falconry.test{path}");
    Request::builder().method(method).uri(uri).version(Version::HTTP_2).body(()).unwrap()
}

fn get(path: &str) -> Request<()> {
    request(Method::GET, path)
}

/// Sends a request without content.
async fn start(client: &mut SendRequest<Bytes>, request: Request<()>) -> ResponseFuture {
    let mut ready = client.clone().ready().await.unwrap();
    ready.send_request(request, true).unwrap().0
}

/// Reads content to its end, giving credit back.
async fn content(body: &mut RecvStream) -> Result<Vec<u8>, h2::Error> {
    let mut content = Vec::new();
    while let Some(piece) = body.data().await {
        let piece = piece?;
        body.flow_control().release_capacity(piece.len())?;
        content.extend_from_slice(&piece);
    }
    Ok(content)
}

/// A GET: status, fields, content.
async fn fetch(client: &mut SendRequest<Bytes>, path: &str) -> (u16, HeaderMap, Vec<u8>) {
    let response = start(client, get(path)).await.await.unwrap();
    let (head, mut body) = response.into_parts();
    (head.status.as_u16(), head.headers, content(&mut body).await.unwrap())
}

/// Writes content as fast as the windows let it.
async fn upload(stream: &mut h2::SendStream<Bytes>, content: &[u8], trailers: Option<HeaderMap>) {
    let mut rest = Bytes::copy_from_slice(content);
    while !rest.is_empty() {
        stream.reserve_capacity(rest.len());
        let room = poll_fn(|cx| stream.poll_capacity(cx)).await.unwrap().unwrap();
        let piece = rest.split_to(room.min(rest.len()));
        stream.send_data(piece, false).unwrap();
    }
    match trailers {
        Some(trailers) => stream.send_trailers(trailers).unwrap(),
        None => stream.send_data(Bytes::new(), true).unwrap(),
    }
}

fn pattern(len: usize) -> Vec<u8> {
    (0..len).map(|at| (at % 251) as u8).collect()
}

#[test]
fn a_get_is_answered_with_the_servers_fields() {
    serve(async |site| {
        let (mut client, _) = site.client().await;
        let (status, fields, content) = fetch(&mut client, "/plaintext").await;
        assert_eq!((status, &content[..]), (200, &b"Hello, World!"[..]));
        assert_eq!(fields["content-length"], "13");
        assert!(fields.contains_key("date"));
        assert!(!fields.contains_key("connection"));
    });
}

#[test]
fn a_head_has_the_length_and_no_content() {
    serve(async |site| {
        let (mut client, _) = site.client().await;
        let response = start(&mut client, request(Method::HEAD, "/plaintext")).await;
        let (head, mut body) = response.await.unwrap().into_parts();
        assert_eq!(
            (head.status.as_u16(), &head.headers["content-length"]),
            (200, &"13".parse::<HeaderValue>().unwrap())
        );
        assert!(body.is_end_stream() || content(&mut body).await.unwrap().is_empty());
    });
}

#[test]
fn five_hundred_requests_share_a_connection() {
    serve(async |site| {
        let (mut client, _) = site.client().await;
        // From now on it knows how many streams it may have at once.
        assert_eq!(fetch(&mut client, "/plaintext").await.0, 200);
        let mut started = Vec::new();
        for at in 0..500 {
            started.push((at, start(&mut client, get(&format!("/bytes/{at}"))).await));
        }
        for (at, response) in started {
            let mut body = response.await.unwrap().into_body();
            assert_eq!(content(&mut body).await.unwrap().len(), at);
        }
    });
}

#[test]
fn content_beyond_every_window_comes_whole() {
    serve(async |site| {
        let (mut client, _) = site.client().await;
        let (status, fields, content) = fetch(&mut client, "/bytes/3000000").await;
        assert_eq!((status, content.len()), (200, 3_000_000));
        assert_eq!(fields["content-length"], "3000000");
    });
}

#[test]
fn a_window_of_one_octet_is_enough() {
    serve(async |site| {
        let (mut client, _) = site.client_with(Builder::new().initial_window_size(1)).await;
        assert_eq!(fetch(&mut client, "/bytes/300").await.2.len(), 300);
    });
}

#[test]
fn frames_are_as_large_as_the_client_allows_and_no_larger() {
    serve(async |site| {
        let mut builder = Builder::new();
        builder.max_frame_size(16_777_215).initial_window_size(1 << 24);
        let (mut client, _) =
            site.client_with(builder.initial_connection_window_size(1 << 24)).await;
        assert_eq!(fetch(&mut client, "/bytes/1000000").await.2.len(), 1_000_000);
    });
}

#[test]
fn a_client_without_a_table_is_answered() {
    serve(async |site| {
        let (mut client, _) = site.client_with(Builder::new().header_table_size(0)).await;
        for _ in 0..3 {
            assert_eq!(fetch(&mut client, "/json").await.0, 200);
        }
    });
}

#[test]
fn ten_mebibytes_go_up_and_come_back() {
    serve(async |site| {
        let (mut client, _) = site.client().await;
        let sent = pattern(10 << 20);
        let mut ready = client.ready().await.unwrap();
        let (response, mut stream) =
            ready.send_request(request(Method::POST, "/echo"), false).unwrap();
        client = ready;
        let up = upload(&mut stream, &sent, None);
        let down = async {
            let mut body = response.await.unwrap().into_body();
            content(&mut body).await.unwrap()
        };
        let ((), came) = tokio::join!(up, down);
        assert!(came == sent, "{} octets", came.len());
        assert_eq!(fetch(&mut client, "/plaintext").await.0, 200);
    });
}

#[test]
fn trailers_go_up_and_come_back() {
    serve(async |site| {
        let (client, _) = site.client().await;
        let mut request = request(Method::POST, "/echo");
        request.headers_mut().insert("te", HeaderValue::from_static("trailers"));
        let mut ready = client.ready().await.unwrap();
        let (response, mut stream) = ready.send_request(request, false).unwrap();
        let mut trailers = HeaderMap::new();
        trailers.insert("x-sum", HeaderValue::from_static("42"));
        upload(&mut stream, b"abc", Some(trailers)).await;
        let mut body = response.await.unwrap().into_body();
        assert_eq!(content(&mut body).await.unwrap(), b"abc");
        assert_eq!(body.trailers().await.unwrap().unwrap()["x-sum"], "42");
    });
}

#[test]
fn a_reset_takes_its_own_stream_and_no_other() {
    serve(async |site| {
        let (mut client, _) = site.client().await;
        let mut ready = client.clone().ready().await.unwrap();
        let (response, mut stream) = ready.send_request(get("/slow?ms=60000"), false).unwrap();
        stream.send_reset(Reason::CANCEL);
        assert!(response.await.unwrap_err().is_reset());
        assert_eq!(fetch(&mut client, "/plaintext").await.0, 200);
    });
}

#[test]
fn a_download_given_up_leaves_the_connection_window_whole() {
    serve(async |site| {
        let (mut client, _) = site.client().await;
        for _ in 0..5 {
            let mut body =
                start(&mut client, get("/bytes/1000000")).await.await.unwrap().into_body();
            let piece = body.data().await.unwrap().unwrap();
            assert!(!piece.is_empty());
        }
        assert_eq!(fetch(&mut client, "/bytes/500000").await.2.len(), 500_000);
    });
}

#[test]
fn a_response_that_breaks_off_is_reset() {
    serve(async |site| {
        let (mut client, _) = site.client().await;
        let mut body = start(&mut client, get("/broken")).await.await.unwrap().into_body();
        let error = content(&mut body).await.unwrap_err();
        assert_eq!((error.is_remote(), error.reason()), (true, Some(Reason::INTERNAL_ERROR)));
        assert_eq!(fetch(&mut client, "/plaintext").await.0, 200);
    });
}

#[test]
fn a_ping_is_answered_beside_requests() {
    serve(async |site| {
        let stream = site.connector.connect().await.unwrap();
        let (mut client, mut connection) = h2::client::handshake::<_>(stream).await.unwrap();
        let mut pings = connection.ping_pong().unwrap();
        run(connection);
        pings.ping(h2::Ping::opaque()).await.unwrap();
        assert_eq!(fetch(&mut client, "/plaintext").await.0, 200);
    });
}

#[test]
fn a_shutdown_lets_streams_finish_and_takes_no_more() {
    serve(async |site| {
        let (mut client, ended) = site.client().await;
        let response = start(&mut client, get("/slow?ms=3000")).await;
        tokio::time::sleep(Duration::from_secs(1)).await;
        site.stop(Duration::from_secs(30));
        assert_eq!(response.await.unwrap().status(), 200);
        // A GOAWAY that lets everything finish is no error, and no more can be sent.
        assert!(ended.await.unwrap().is_ok());
        assert!(client.ready().await.is_err());
    });
}

#[test]
fn websockets_run_beside_requests() {
    serve(async |site| {
        let (mut client, _) = site.client().await;
        assert_eq!(fetch(&mut client, "/plaintext").await.0, 200);
        assert!(client.is_extended_connect_protocol_enabled());
        let mut request = request(Method::CONNECT, "/websocket");
        request.extensions_mut().insert(h2::ext::Protocol::from_static("websocket"));
        request.headers_mut().insert("sec-websocket-version", HeaderValue::from_static("13"));
        let mut ready = client.clone().ready().await.unwrap();
        let (response, mut stream) = ready.send_request(request, false).unwrap();
        let response = response.await.unwrap();
        assert_eq!(response.status(), 200);
        let mut body = response.into_body();
        // A masked text message "hi" (RFC 6455 §5.2), and the echo of it, which is not masked.
        stream.send_data(Bytes::from_static(b"\x81\x82\0\0\0\0hi"), false).unwrap();
        assert_eq!(body.data().await.unwrap().unwrap(), &b"\x81\x02hi"[..]);
        assert_eq!(fetch(&mut client, "/plaintext").await.0, 200);
        stream.send_reset(Reason::CANCEL);
    });
}

#[test]
fn tls_with_alpn_leads_to_the_same_engine() {
    let config = tls::development_certificate().unwrap().server_config().unwrap();
    let acceptor = config.alpn(&[b"h2", b"http/1.1"]).build().unwrap();
    serve_at(
        |endpoint| endpoint.tls(acceptor),
        async |site| {
            let mut options = ClientOptions::new(Trust::Anyone);
            options.alpn = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
            let connector = tls::Connector::new(options).unwrap();
            let stream = site.connector.connect().await.unwrap();
            let (stream, info) = connector.connect(stream, "localhost").await.unwrap();
            assert_eq!(info.alpn.as_deref(), Some(&b"h2"[..]));
            let (mut client, connection) = h2::client::handshake(stream).await.unwrap();
            run(connection);
            let uri = "https://localhost/bytes/1000000";
            let request = Request::builder().uri(uri).version(Version::HTTP_2).body(()).unwrap();
            let mut body = start(&mut client, request).await.await.unwrap().into_body();
            assert_eq!(content(&mut body).await.unwrap().len(), 1_000_000);
        },
    );
}

#[test]
fn hyper_gets_and_posts() {
    serve(async |site| {
        let stream = TokioIo::new(site.connector.connect().await.unwrap());
        let (mut client, connection) =
            hyper::client::conn::http2::handshake(Local, stream).await.unwrap();
        spawn_local(connection);
        let get = Request::get("http://falconry.test/json").body(Full::default()).unwrap();
        let answer = client.send_request(get).await.unwrap();
        assert_eq!((answer.status().as_u16(), answer.version()), (200, Version::HTTP_2));
        let content = answer.into_body().collect().await.unwrap().to_bytes();
        assert_eq!(content, r#"{"message":"Hello, World!"}"#);

        let sent = Bytes::from(pattern(1_000_000));
        let post =
            Request::post("http://falconry.test/echo").body(Full::new(sent.clone())).unwrap();
        let answer = client.send_request(post).await.unwrap();
        assert_eq!(answer.status(), 200);
        assert!(answer.into_body().collect().await.unwrap().to_bytes() == sent);
    });
}

/// Runs what hyper spawns where the test runs.
#[derive(Clone)]
struct Local;

impl<F: Future<Output: 'static> + 'static> hyper::rt::Executor<F> for Local {
    fn execute(&self, future: F) {
        spawn_local(future);
    }
}

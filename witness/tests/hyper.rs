//! The hyper witness in memory and over sockets, as a client sees it.
#![allow(clippy::unwrap_used)] // a helper that fails fails its test

use std::net::Ipv4Addr;
use std::time::Duration;

use bytes::BytesMut;
use falconry_transport::memory::{self, MemoryOptions, MemoryStream};
use falconry_transport::tls::{ClientOptions, Connector, Trust};
use falconry_transport::{Bound, Endpoint, Scheme, Stream, dial};
use falconry_wire::h2::{FrameType, PREFACE, RawFrame};
use falconry_wire::hpack::{DecodedSection, Decoder, SectionLimits};
use falconry_witness::Witness;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::task::LocalSet;
use tokio::time::timeout;

/// Longer than any test lets pass.
const WEEK: Duration = Duration::from_secs(7 * 24 * 60 * 60);

/// Runs `test` on virtual time with a connection in memory; what waits for ever ends.
fn in_memory(test: impl AsyncFnOnce(MemoryStream)) {
    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_all().start_paused(true).build();
    LocalSet::new().block_on(&runtime.unwrap(), async {
        let (connector, listener) = memory::listener(MemoryOptions::default());
        let listener = Box::new(listener).listen().unwrap();
        tokio::task::spawn_local(Witness::Hyper.serve(listener, None));
        let ended = timeout(WEEK, test(connector.connect().await.unwrap())).await;
        ended.expect("the test stands still");
    });
}

/// The response of HTTP/1.1 to a request on a connection that ends with it.
async fn h1(mut stream: impl Stream, request: &str, content: &str) -> String {
    let head = format!("{request} HTTP/1.1\r\nHost: h\r\nConnection: close\r\n");
    stream.write_all(format!("{head}{content}").as_bytes()).await.unwrap();
    let mut response = Vec::new();
    stream.read_to_end(&mut response).await.unwrap();
    String::from_utf8(response).unwrap()
}

/// What comes back on stream 1 for these frames, until it ends: fields as `name=value`, content as it
/// is, a line each.
async fn h2(mut stream: impl Stream, frames: &[&str]) -> Vec<String> {
    let mut octets = PREFACE.to_vec();
    for line in ["SETTINGS 0", "SETTINGS 0 +ACK"].iter().chain(frames) {
        line.parse::<RawFrame>().unwrap().encode(&mut octets);
    }
    stream.write_all(&octets).await.unwrap();
    let (mut input, mut decoder, mut seen) = (BytesMut::new(), Decoder::new(), Vec::new());
    loop {
        let Some(frame) = RawFrame::take(&mut input) else {
            assert!(stream.read_buf(&mut input).await.unwrap() > 0, "it ended after {seen:?}");
            continue;
        };
        if frame.stream_field != 1 {
            continue;
        }
        match frame.kind {
            FrameType::HEADERS => {
                let mut section = DecodedSection::default();
                decoder.decode(&frame.payload, &SectionLimits::default(), &mut section).unwrap();
                let text = |octets| String::from_utf8_lossy(octets).into_owned();
                seen.extend(
                    section
                        .fields()
                        .iter()
                        .map(|(name, value)| format!("{}={}", text(name), text(value))),
                );
            }
            FrameType::DATA => seen.push(String::from_utf8_lossy(&frame.payload).into_owned()),
            _ => seen.push(frame.to_string()),
        }
        if frame.flags.0 & 1 != 0 {
            return seen;
        }
    }
}

const GET: &str = "HEADERS 1 +END_STREAM +END_HEADERS :method=GET :scheme=http :authority=h";

#[test]
fn http1_and_http2_are_told_apart_by_the_first_octets() {
    in_memory(async |stream| {
        let response = h1(stream, "GET /plaintext", "\r\n").await;
        assert!(response.starts_with("HTTP/1.1 200 OK\r\n"), "{response}");
        assert!(response.ends_with("Hello, World!"), "{response}");
    });
    in_memory(async |stream| {
        let seen = h2(stream, &[&format!("{GET} :path=/plaintext")]).await;
        assert_eq!(seen.first().unwrap(), ":status=200");
        assert!(seen.contains(&"Hello, World!".to_owned()), "{seen:?}");
    });
}

#[test]
fn content_type_and_trailers_come_back_from_the_echo() {
    in_memory(async |stream| {
        let content = "TE: trailers\r\nContent-Type: a/b\r\nTransfer-Encoding: chunked\r\n\r\n\
                       2\r\nhi\r\n0\r\nX-After: 1\r\n\r\n";
        let response = h1(stream, "POST /echo", content).await;
        assert!(response.contains("content-type: a/b\r\n"), "{response}");
        assert!(response.ends_with("2\r\nhi\r\n0\r\nx-after: 1\r\n\r\n"), "{response}");
    });
    in_memory(async |stream| {
        let post =
            "HEADERS 1 +END_HEADERS :method=POST :scheme=http :authority=h :path=/echo te=trailers";
        let trailers = "HEADERS 1 +END_STREAM +END_HEADERS x-after=1";
        let seen = h2(stream, &[post, "DATA 1 \"hi\"", trailers]).await;
        assert_eq!(seen.first().unwrap(), ":status=200");
        assert_eq!(seen[seen.len() - 2..], ["hi", "x-after=1"]);
    });
}

#[test]
fn resources_are_as_the_target_contract_has_them() {
    for (path, status, end) in [
        ("/", "200", "hyper\n"),
        ("/json", "200", "{\"message\":\"Hello, World!\"}"),
        ("/bytes/27", "200", "abcdefghijklmnopqrstuvwxyza"),
        ("/status/418", "418", "status 418, as asked for\n"),
        ("/slow?ms=5000", "200", "waited 5000 ms\n"),
        ("/falconry/no-such-resource", "404", "there is nothing here\n"),
    ] {
        in_memory(async |stream| {
            let seen = h2(stream, &[&format!("{GET} :path={path}")]).await;
            assert_eq!(seen.first().unwrap(), &format!(":status={status}"), "{path}");
            assert!(seen.last().unwrap().ends_with(end), "{path}: {seen:?}");
        });
    }
    for (path, pieces) in [
        ("/stream/2", &["line 1 of 2\n", "line 2 of 2\n"][..]),
        ("/slow?body=2&every=9", &[".", "."]),
    ] {
        in_memory(async |stream| {
            let seen = h2(stream, &[&format!("{GET} :path={path}")]).await;
            let content: Vec<_> = seen.iter().filter(|line| !line.contains('=')).collect();
            assert_eq!(content.iter().filter(|line| !line.is_empty()).count(), pieces.len());
            assert!(pieces.iter().zip(content).all(|(piece, line)| piece == line), "{seen:?}");
        });
    }
}

#[test]
fn other_methods_are_refused_by_status() {
    for (method, path, status) in
        [("DELETE", "/plaintext", "405"), ("BREW", "/", "501"), ("GET", "/echo", "405")]
    {
        in_memory(async |stream| {
            let frame = format!(
                "HEADERS 1 +END_STREAM +END_HEADERS :method={method} :scheme=http :authority=h :path={path}"
            );
            let seen = h2(stream, &[&frame]).await;
            assert_eq!(seen.first().unwrap(), &format!(":status={status}"), "{method}");
        });
    }
}

#[tokio::test]
async fn over_tls_the_protocol_is_the_one_of_alpn() {
    let running = Witness::Hyper.start(Scheme::Https).unwrap();
    let address = running.address();
    assert_eq!(running.url(), format!("https://{}", Endpoint::Tcp(address)));
    let connect = async |protocol: &[u8]| {
        let options =
            ClientOptions { alpn: vec![protocol.to_vec()], ..ClientOptions::new(Trust::Anyone) };
        let target = falconry_transport::Target::Tcp(address.ip().to_string(), address.port());
        let stream = dial(&target).await.unwrap();
        let connector = Connector::new(options).unwrap();
        connector.connect(stream, "localhost").await.unwrap()
    };
    let (stream, info) = connect(b"h2").await;
    assert_eq!(info.alpn.as_deref(), Some(&b"h2"[..]));
    assert_eq!(h2(stream, &[&format!("{GET} :path=/")]).await.first().unwrap(), ":status=200");
    let (stream, info) = connect(b"http/1.1").await;
    assert_eq!(info.alpn.as_deref(), Some(&b"http/1.1"[..]));
    assert!(h1(stream, "GET /", "\r\n").await.starts_with("HTTP/1.1 200"));
}

#[tokio::test]
async fn a_witness_ends_with_its_handle() {
    let running = Witness::Hyper.start(Scheme::Http).unwrap();
    let address = running.address();
    let mut stream = tokio::net::TcpStream::connect(address).await.unwrap();
    // It has another port, so that it cannot meet itself on this one.
    let late = tokio::net::TcpSocket::new_v4().unwrap();
    late.bind((Ipv4Addr::LOCALHOST, 0).into()).unwrap();
    drop(running);
    assert_eq!(stream.read(&mut [0; 1]).await.unwrap_or(0), 0);
    assert!(late.connect(address).await.is_err());
}

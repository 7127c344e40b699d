//! The bundled application, end to end over the in-memory transport with a paused clock.

#![allow(clippy::unwrap_used)] // all of this file is test

use std::future::pending;
use std::time::Duration;

use falconry_server::reference::{ReferenceOptions, application};
use falconry_server::{Endpoint, Server};
use falconry_transport::memory::{self, Connector, MemoryOptions, MemoryStream};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::task::{LocalSet, spawn_local};
use tokio::time::timeout;

/// Longer than any test lets pass.
const WEEK: Duration = Duration::from_secs(7 * 24 * 60 * 60);

/// Runs a test against a fresh server; what waits for ever ends.
fn serve(test: impl AsyncFnOnce(Site)) {
    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build();
    LocalSet::new().block_on(&runtime.unwrap(), async {
        let (connector, listener) = memory::listener(MemoryOptions::default());
        let application = application(ReferenceOptions::default());
        let server = Server::new(application).listen(Endpoint::bound(listener));
        spawn_local(server.into_worker().unwrap().run(pending()));
        timeout(WEEK, test(Site(connector))).await.expect("the test stands still");
    });
}

struct Site(Connector);

impl Site {
    /// Sends a whole request and reads until the server closes.
    async fn send(&self, request: impl AsRef<[u8]>) -> Answer {
        Answer::parse(&self.octets(request).await)
    }

    async fn octets(&self, request: impl AsRef<[u8]>) -> Vec<u8> {
        let mut stream = self.connect(request).await;
        let mut octets = Vec::new();
        // A response that was cut short may end in a reset; what came before is what counts.
        let _ = stream.read_to_end(&mut octets).await;
        octets
    }

    async fn connect(&self, request: impl AsRef<[u8]>) -> MemoryStream {
        let mut stream = self.0.connect().await.unwrap();
        stream.write_all(request.as_ref()).await.unwrap();
        stream.flush().await.unwrap();
        stream
    }

    async fn get(&self, path: &str, fields: &str) -> Answer {
        self.send(request("GET", path, fields, "")).await
    }
}

/// A request with these field lines, each ended by CRLF, and that content.
fn request(method: &str, path: &str, fields: &str, content: &str) -> String {
    let length = match content.len() {
        0 => String::new(),
        length => format!("Content-Length: {length}\r\n"),
    };
    format!(
        "{method} {path} HTTP/1.1\r\nHost: falconry.test\r\nConnection: close\r\n{fields}{length}\r\n{content}"
    )
}

#[derive(Debug)]
struct Answer {
    status: u16,
    head: String,
    /// As sent: chunked content with its framing.
    content: Vec<u8>,
}

impl Answer {
    fn parse(octets: &[u8]) -> Self {
        let end = octets.windows(4).position(|window| window == b"\r\n\r\n");
        let end = end.unwrap_or_else(|| panic!("no head: {}", octets.escape_ascii()));
        let head = String::from_utf8(octets[..end + 2].to_vec()).unwrap();
        let status = head[9..12].parse().unwrap();
        Self { status, head, content: octets[end + 4..].to_vec() }
    }

    fn field(&self, name: &str) -> Option<&str> {
        let mut lines = self.head.lines().skip(1).filter_map(|line| line.split_once(": "));
        lines.find(|(found, _)| found.eq_ignore_ascii_case(name)).map(|(_, value)| value)
    }

    fn text(&self) -> &str {
        std::str::from_utf8(&self.content).unwrap()
    }

    /// The chunks' data, and what follows the last chunk: the trailer section.
    fn chunks(&self) -> (Vec<Vec<u8>>, String) {
        let (mut chunks, mut rest) = (Vec::new(), &self.content[..]);
        loop {
            let end = rest.windows(2).position(|window| window == b"\r\n").expect("a chunk");
            let size = std::str::from_utf8(&rest[..end]).unwrap();
            let size = usize::from_str_radix(size, 16).unwrap();
            rest = &rest[end + 2..];
            if size == 0 {
                return (chunks, String::from_utf8(rest.to_vec()).unwrap());
            }
            chunks.push(rest[..size].to_vec());
            rest = &rest[size + 2..];
        }
    }

    #[track_caller]
    fn expect(self, status: u16) -> Self {
        assert_eq!(self.status, status, "{}{}", self.head, self.content.escape_ascii());
        self
    }

    #[track_caller]
    fn expect_field(self, name: &str, value: &str) -> Self {
        assert_eq!(self.field(name), Some(value), "{name} in {}", self.head);
        self
    }

    #[track_caller]
    fn expect_no_field(self, name: &str) -> Self {
        assert_eq!(self.field(name), None, "{}", self.head);
        self
    }

    #[track_caller]
    fn expect_text(self, text: &str) -> Self {
        assert_eq!(self.text(), text);
        self
    }
}

#[test]
fn plaintext_and_json_are_those_of_techempower() {
    serve(async |site| {
        site.get("/plaintext", "")
            .await
            .expect(200)
            .expect_field("Content-Type", "text/plain")
            .expect_field("Content-Length", "13")
            .expect_text("Hello, World!");
        site.get("/json", "")
            .await
            .expect(200)
            .expect_field("Content-Type", "application/json")
            .expect_text("{\"message\":\"Hello, World!\"}");
        for method in ["POST", "PUT", "DELETE", "PATCH", "TRACE"] {
            site.send(request(method, "/plaintext", "", ""))
                .await
                .expect(405)
                .expect_field("Allow", "GET, HEAD, OPTIONS");
        }
        site.get("/falconry/no-such-resource", "").await.expect(404);
    });
}

#[test]
fn head_has_the_fields_of_get_and_no_content() {
    serve(async |site| {
        for path in [
            "/",
            "/plaintext",
            "/json",
            "/bytes/10",
            "/bytes/100000",
            "/stream/3",
            "/stream/0",
            "/status/200",
            "/status/404",
            "/status/304",
            "/slow?ms=1",
            "/slow?body=3&every=1",
            "/file",
            "/trailers",
            "/upgrade",
            "/websocket",
            "/redirect/302?to=/",
            "/auth",
            "/negotiate",
            "/falconry/no-such-resource",
        ] {
            let get = site.get(path, "").await;
            let head = site.send(request("HEAD", path, "", "")).await;
            assert_eq!(head.content.escape_ascii().to_string(), "", "{path}");
            let fields = |answer: &Answer| {
                answer
                    .head
                    .lines()
                    .filter(|line| !line.starts_with("Date"))
                    .collect::<Vec<_>>()
                    .join("\n")
            };
            assert_eq!(fields(&head), fields(&get), "{path}");
        }
    });
}

#[test]
fn options_are_answered_for_a_resource_and_for_the_server() {
    serve(async |site| {
        for (target, allow) in [
            ("*", "GET, HEAD, POST, PUT, DELETE, OPTIONS"),
            ("/plaintext", "GET, HEAD, OPTIONS"),
            ("/store/a", "POST, DELETE, PUT, GET, HEAD, OPTIONS"),
        ] {
            let answer = site.send(request("OPTIONS", target, "", "")).await;
            answer.expect(204).expect_field("Allow", allow).expect_text("");
        }
    });
}

#[test]
fn content_has_a_type() {
    serve(async |site| {
        for path in [
            "/",
            "/bytes/1",
            "/stream/1",
            "/status/500",
            "/headers",
            "/slow?ms=1",
            "/slow?ms=x",
            "/broken",
        ] {
            assert!(site.get(path, "").await.field("Content-Type").is_some(), "{path}");
        }
    });
}

#[test]
fn root_has_validators_and_answers_304() {
    serve(async |site| {
        let root = site.get("/", "").await.expect(200);
        let (etag, date) = (root.field("ETag").unwrap(), root.field("Last-Modified").unwrap());
        for fields in [
            format!("If-None-Match: {etag}\r\n"),
            format!("If-None-Match: \"x\", W/{etag}\r\n"),
            format!("If-Modified-Since: {date}\r\n"),
        ] {
            site.get("/", &fields)
                .await
                .expect(304)
                .expect_field("ETag", etag)
                .expect_no_field("Content-Type")
                .expect_no_field("Content-Length")
                .expect_no_field("Last-Modified")
                .expect_text("");
        }
        site.get("/", "If-Match: \"x\"\r\n").await.expect(412);
        site.get("/", "Range: bytes=0-1\r\n").await.expect(200).expect_no_field("Accept-Ranges");
    });
}

#[test]
fn echo_gives_back_content_and_type() {
    serve(async |site| {
        for method in ["POST", "PUT"] {
            site.send(request(method, "/echo", "Content-Type: x/y\r\n", "a\0\u{ff}b"))
                .await
                .expect(200)
                .expect_field("Content-Type", "x/y")
                .expect_text("a\0\u{ff}b");
        }
        site.send(request("POST", "/echo", "", ""))
            .await
            .expect(200)
            .expect_field("Content-Length", "0");
        site.get("/echo", "").await.expect(405).expect_field("Allow", "PUT, POST, OPTIONS");
    });
}

#[test]
fn echo_streams_large_content() {
    serve(async |site| {
        let content = "0123456789abcdef".repeat(64 * 1024);
        let mut stream = site.0.connect().await.unwrap();
        let whole = request("POST", "/echo", "", &content);
        let (mut reading, mut writing) = tokio::io::split(&mut stream);
        let write = async {
            writing.write_all(whole.as_bytes()).await.unwrap();
            writing.flush().await.unwrap();
        };
        let mut octets = Vec::new();
        let read = async { reading.read_to_end(&mut octets).await.unwrap() };
        tokio::join!(write, read);
        let answer = Answer::parse(&octets).expect(200);
        assert!(answer.content == content.as_bytes(), "{}", answer.head);
    });
}

#[test]
fn echo_gives_back_trailers_to_who_wants_them() {
    serve(async |site| {
        let chunked = |te: &str| {
            format!(
                "POST /echo HTTP/1.1\r\nHost: a\r\nConnection: close, TE\r\n{te}Transfer-Encoding: chunked\r\n\r\n\
                 5\r\nhello\r\n0\r\nX-A: 1\r\nX-B: 2\r\nAuthorization: z\r\n\r\n"
            )
        };
        let answer = site.send(chunked("TE: trailers\r\n")).await.expect(200);
        let answer = answer.expect_field("Trailer", "X-A, X-B");
        let (chunks, trailers) = answer.chunks();
        assert_eq!(chunks.concat(), b"hello");
        assert_eq!(trailers, "X-A: 1\r\nX-B: 2\r\n\r\n");
        site.send(chunked("")).await.expect(200).expect_no_field("Trailer").expect_text("hello");
    });
}

#[test]
fn echo_answers_broken_content_with_a_status() {
    serve(async |site| {
        let broken = "POST /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nx\r\nhello\r\n0\r\n\r\n";
        site.send(broken).await.expect(400);
    });
}

#[test]
fn bytes_have_the_length_asked_for() {
    serve(async |site| {
        for count in [0_usize, 1, 26, 27, 65_520, 65_521, 200_000] {
            let answer = site.get(&format!("/bytes/{count}"), "").await.expect(200);
            let answer = answer.expect_field("Content-Length", &count.to_string());
            let expected: Vec<u8> = (b'a'..=b'z').cycle().take(count).collect();
            assert!(answer.content == expected, "{count}");
        }
        site.send(request("HEAD", "/bytes/999999999999", "", ""))
            .await
            .expect(200)
            .expect_field("Content-Length", "999999999999");
        site.get("/bytes/x", "").await.expect(404);
        site.get("/bytes/99999999999999999999", "").await.expect(404);
    });
}

#[test]
fn stream_has_a_chunk_for_each_line() {
    serve(async |site| {
        let answer = site.get("/stream/3", "").await.expect(200);
        let answer =
            answer.expect_field("Transfer-Encoding", "chunked").expect_no_field("Content-Length");
        let (chunks, _) = answer.chunks();
        assert_eq!(chunks, [b"line 1 of 3\n", b"line 2 of 3\n", b"line 3 of 3\n"]);
        site.send("GET /stream/1 HTTP/1.0\r\n\r\n")
            .await
            .expect(200)
            .expect_no_field("Transfer-Encoding")
            .expect_no_field("Content-Length")
            .expect_text("line 1 of 1\n");
    });
}

#[test]
fn statuses_bring_what_they_demand() {
    serve(async |site| {
        for (status, field) in [
            (201, "Location"),
            (206, "Content-Range"),
            (301, "Location"),
            (308, "Location"),
            (401, "WWW-Authenticate"),
            (405, "Allow"),
            (407, "Proxy-Authenticate"),
            (416, "Content-Range"),
            (426, "Upgrade"),
        ] {
            let answer = site.get(&format!("/status/{status}"), "").await.expect(status);
            assert!(answer.field(field).is_some(), "{}", answer.head);
        }
        for status in [204, 205, 304] {
            site.get(&format!("/status/{status}"), "").await.expect(status).expect_text("");
        }
        for status in [200, 299, 404, 418, 500, 503, 599] {
            let answer = site.get(&format!("/status/{status}"), "").await.expect(status);
            assert_eq!(answer.text(), format!("status {status}, as asked for\n"));
        }
        for wrong in ["100", "101", "199", "600", "999", "0200", "20", "abc", ""] {
            site.get(&format!("/status/{wrong}"), "").await.expect(400);
        }
    });
}

#[test]
fn headers_show_the_request_as_seen() {
    serve(async |site| {
        let mut octets =
            b"GET /headers?a=b HTTP/1.1\r\nhOST: x:1\r\nConnection: close\r\nX-L: ".to_vec();
        octets.extend_from_slice(b"\xe4\r\nX-L: \xc3\xa4\r\n\r\n");
        let answer = site.send(octets).await.expect(200);
        let seen: serde_json::Value = serde_json::from_slice(&answer.content).unwrap();
        assert_eq!(
            seen,
            serde_json::json!({
                "method": "GET",
                "target": "/headers?a=b",
                "version": "HTTP/1.1",
                "scheme": "http",
                "authority": "x:1",
                "path": "/headers",
                "query": "a=b",
                "fields": [["hOST", "x:1"], ["Connection", "close"], ["X-L", "ä"], ["X-L", "ä"]],
            })
        );
    });
}

#[test]
fn slow_waits_and_dribbles() {
    serve(async |site| {
        let start = tokio::time::Instant::now();
        site.get("/slow?ms=20000", "").await.expect(200);
        assert!(start.elapsed().as_secs() >= 20);
        let start = tokio::time::Instant::now();
        site.get("/slow?body=5&every=2000", "").await.expect(200).expect_text(".....");
        assert!(start.elapsed().as_secs() >= 10);
        for wrong in
            ["ms=-1", "ms=x", "ms=99999999", "body=99999999999&every=1", "body=2&every=999999"]
        {
            site.get(&format!("/slow?{wrong}"), "").await.expect(400);
        }
    });
}

#[test]
fn file_serves_ranges() {
    serve(async |site| {
        let file = site.get("/file", "").await.expect(200).expect_field("Accept-Ranges", "bytes");
        let (whole, etag) = (file.text().to_owned(), file.field("ETag").unwrap().to_owned());
        let date = file.field("Last-Modified").unwrap().to_owned();
        assert_eq!(whole.len(), 1024);

        let one = site.get("/file", "Range: bytes=64-67\r\n").await.expect(206);
        one.expect_field("Content-Range", "bytes 64-67/1024")
            .expect_field("ETag", &etag)
            .expect_text("0064");
        let last = site.get("/file", "Range: bytes=-2\r\n").await.expect(206);
        last.expect_field("Content-Range", "bytes 1022-1023/1024").expect_text(&whole[1022..]);

        let two = site.get("/file", "Range: bytes=64-67,0-3\r\n").await.expect(206);
        let two = two.expect_no_field("Content-Range");
        let boundary = two.field("Content-Type").unwrap().split_once("boundary=").unwrap().1;
        let parts: Vec<_> = two.text().split(&format!("--{boundary}")).collect();
        let part = |range, content| {
            format!(
                "\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Range: bytes {range}/1024\r\n\r\n{content}\r\n"
            )
        };
        assert_eq!(parts, ["", &part("64-67", "0064"), &part("0-3", "0000"), "--\r\n"]);

        site.get("/file", "Range: bytes=1024-\r\n")
            .await
            .expect(416)
            .expect_field("Content-Range", "bytes */1024");
        for ignored in ["bytes=4-0", "lines=0-1", "bytes=0-1,x"] {
            site.get("/file", &format!("Range: {ignored}\r\n"))
                .await
                .expect(200)
                .expect_text(&whole);
        }
        site.send(request("HEAD", "/file", "Range: bytes=0-1\r\n", ""))
            .await
            .expect(200)
            .expect_field("Content-Length", "1024");

        for (validator, status) in [
            (etag.as_str(), 206),
            (&format!("W/{etag}"), 200),
            ("\"x\"", 200),
            (&date, 206),
            ("Sun, 06 Nov 1994 08:49:37 GMT", 200),
        ] {
            let fields = format!("Range: bytes=0-1\r\nIf-Range: {validator}\r\n");
            site.get("/file", &fields).await.expect(status);
        }
        // Preconditions come first.
        site.get("/file", &format!("Range: bytes=0-1\r\nIf-None-Match: {etag}\r\n"))
            .await
            .expect(304)
            .expect_field("Cache-Control", "max-age=60");
    });
}

#[test]
fn store_keeps_what_is_put() {
    serve(async |site| {
        site.get("/store/a", "").await.expect(404);
        site.get("/store/a", "If-Match: *\r\n").await.expect(404);
        let fields = "Content-Type: x/y\r\nContent-Language: de\r\nX-Other: 1\r\n";
        let put = site.send(request("PUT", "/store/a", fields, "one")).await.expect(201);
        let etag = put.field("ETag").unwrap();
        site.get("/store/a", "")
            .await
            .expect(200)
            .expect_field("ETag", etag)
            .expect_field("Content-Type", "x/y")
            .expect_field("Content-Language", "de")
            .expect_no_field("X-Other")
            .expect_text("one");
        let again = site.send(request("PUT", "/store/%61", "", "two")).await.expect(204);
        assert_ne!(again.field("ETag"), Some(etag));
        site.get("/store/a", "")
            .await
            .expect(200)
            .expect_field("Content-Type", "application/octet-stream")
            .expect_text("two");
        site.send(request("DELETE", "/store/a", "", "")).await.expect(204).expect_text("");
        site.send(request("DELETE", "/store/a", "", "")).await.expect(404);
        site.get("/store/a", "").await.expect(404);
    });
}

#[test]
fn store_evaluates_preconditions_before_it_changes_anything() {
    serve(async |site| {
        site.send(request("PUT", "/store/a", "If-Match: *\r\n", "x")).await.expect(412);
        site.get("/store/a", "").await.expect(404);
        let put =
            site.send(request("PUT", "/store/a", "If-None-Match: *\r\n", "one")).await.expect(201);
        let etag = put.field("ETag").unwrap();
        let weak = format!("If-Match: W/{etag}\r\n");
        for fields in [
            "If-None-Match: *\r\n",
            "If-Match: \"x\"\r\n",
            "If-Unmodified-Since: Sun, 06 Nov 1994 08:49:37 GMT\r\n",
            &weak,
        ] {
            site.send(request("PUT", "/store/a", fields, "two")).await.expect(412);
            site.send(request("DELETE", "/store/a", fields, "")).await.expect(412);
        }
        site.get("/store/a", "").await.expect(200).expect_text("one");
        let fields = format!("If-Match: \"x\", {etag}\r\n");
        site.send(request("PUT", "/store/a", &fields, "two")).await.expect(204);
        site.send(request("DELETE", "/store/a", &fields, "")).await.expect(412);
    });
}

#[test]
fn store_refuses_before_the_content_is_sent() {
    serve(async |site| {
        let waiting = "Expect: 100-continue\r\nContent-Length: 3\r\n";
        let refused = format!("{waiting}If-Match: *\r\n");
        site.send(request("PUT", "/store/a", &refused, "")).await.expect(412);
        let mut stream = site.connect(request("PUT", "/store/a", waiting, "")).await;
        let mut interim = [0; 25];
        stream.read_exact(&mut interim).await.unwrap();
        assert_eq!(&interim, b"HTTP/1.1 100 Continue\r\n\r\n");
        stream.write_all(b"abc").await.unwrap();
        let mut octets = Vec::new();
        stream.read_to_end(&mut octets).await.unwrap();
        Answer::parse(&octets).expect(201);
    });
}

#[test]
fn store_refuses_parts_and_too_much() {
    serve(async |site| {
        let part = "Content-Range: bytes 0-2/9\r\n";
        site.send(request("PUT", "/store/a", part, "abc")).await.expect(400);
        let large = "Content-Length: 9999999\r\nExpect: 100-continue\r\n";
        site.send(request("PUT", "/store/a", large, "")).await.expect(413);
        site.get("/store/a", "").await.expect(404);
    });
}

#[test]
fn store_creates_by_post() {
    serve(async |site| {
        let posted =
            site.send(request("POST", "/store/", "Content-Type: x/y\r\n", "new")).await.expect(201);
        let location = posted.field("Location").unwrap();
        site.get(location, "")
            .await
            .expect(200)
            .expect_field("ETag", posted.field("ETag").unwrap())
            .expect_field("Content-Type", "x/y")
            .expect_text("new");
        let other = site.send(request("POST", "/store/", "", "new")).await.expect(201);
        assert_ne!(other.field("Location"), Some(location));
        site.send(request("POST", location, "", "x")).await.expect(405);
        site.get("/store/", "").await.expect(405).expect_field("Allow", "POST, OPTIONS");
    });
}

#[test]
fn trailers_are_announced_and_sent_to_who_wants_them() {
    serve(async |site| {
        let fields = "TE: trailers\r\n";
        let answer = site.get("/trailers", fields).await.expect(200);
        let answer = answer.expect_field("Trailer", "X-Checksum, Server-Timing");
        let (_, trailers) = answer.chunks();
        assert!(
            trailers.starts_with("X-Checksum: ")
                && trailers.ends_with("Server-Timing: content;dur=0\r\n\r\n")
        );
        let answer = site.get("/trailers", "").await.expect(200).expect_no_field("Trailer");
        assert_eq!(answer.chunks().1, "\r\n");
        site.send("GET /trailers HTTP/1.0\r\nTE: trailers\r\n\r\n")
            .await
            .expect(200)
            .expect_no_field("Trailer");
    });
}

#[test]
fn early_hints_come_first_and_not_to_http_10() {
    serve(async |site| {
        let octets = site.octets(request("GET", "/early-hints", "", "")).await;
        let hint = Answer::parse(&octets)
            .expect(103)
            .expect_field("Link", "</file>; rel=preload; as=fetch");
        Answer::parse(&hint.content).expect(200).expect_text("the hint came earlier\n");
        site.send("GET /early-hints HTTP/1.0\r\n\r\n").await.expect(200);
    });
}

const OFFER: &str =
    "GET /upgrade HTTP/1.1\r\nHost: a\r\nConnection: upgrade\r\nUpgrade: h2c, ECHO\r\n\r\n";

#[test]
fn upgrade_echoes_every_octet() {
    serve(async |site| {
        let mut stream = site.connect(format!("{OFFER}early")).await;
        let mut octets = Vec::new();
        while !octets.ends_with(b"early") {
            octets.push(stream.read_u8().await.unwrap());
        }
        let answer = Answer::parse(&octets).expect(101);
        answer
            .expect_field("Upgrade", "echo")
            .expect_field("Connection", "upgrade")
            .expect_text("early");
        stream.write_all(b"GET / HTTP/1.1\r\n\r\n\0\xff").await.unwrap();
        stream.flush().await.unwrap();
        let mut echoed = [0; 20];
        stream.read_exact(&mut echoed).await.unwrap();
        assert_eq!(&echoed, b"GET / HTTP/1.1\r\n\r\n\0\xff");
    });
}

#[test]
fn upgrade_reads_the_content_first() {
    serve(async |site| {
        let fields = "Expect: 100-continue\r\nContent-Length: 5\r\n";
        let offer = OFFER.replace("GET", "POST").replace("Host", &format!("{fields}Host"));
        let mut stream = site.connect(offer).await;
        let mut interim = [0; 25];
        stream.read_exact(&mut interim).await.unwrap();
        assert_eq!(&interim, b"HTTP/1.1 100 Continue\r\n\r\n");
        stream.write_all(b"helloecho").await.unwrap();
        stream.shutdown().await.unwrap();
        let mut octets = Vec::new();
        stream.read_to_end(&mut octets).await.unwrap();
        Answer::parse(&octets).expect(101).expect_text("echo");
    });
}

#[test]
fn upgrade_switches_only_to_what_was_offered() {
    serve(async |site| {
        for fields in ["", "Upgrade: h2c\r\n", "Upgrade: websocket\r\n"] {
            let lines = format!(
                "GET /upgrade HTTP/1.1\r\nHost: a\r\nConnection: close, upgrade\r\n{fields}\r\n"
            );
            site.send(lines).await.expect(426).expect_field("Upgrade", "echo");
        }
        // Not listed in Connection.
        site.get("/upgrade", "Upgrade: echo\r\n").await.expect(426);
        site.send("GET /upgrade HTTP/1.0\r\nConnection: upgrade\r\nUpgrade: echo\r\n\r\n")
            .await
            .expect(426);
    });
}

fn handshake(version: &str, key: &str) -> String {
    format!(
        "GET /websocket HTTP/1.1\r\nHost: a\r\nConnection: keep-alive, Upgrade\r\nUpgrade: WebSocket\r\n\
         Sec-WebSocket-Version: {version}\r\nSec-WebSocket-Key: {key}\r\n\r\n"
    )
}

#[test]
fn websocket_opens_echoes_and_closes() {
    serve(async |site| {
        let mut octets = handshake("13", "dGhlIHNhbXBsZSBub25jZQ==").into_bytes();
        octets.extend_from_slice(b"\x81\x82\0\0\0\0hi"); // a text, masked with zeros
        octets.extend_from_slice(b"\x89\x81\0\0\0\0p"); // a ping
        octets.extend_from_slice(b"\x88\x82\0\0\0\0\x03\xe8"); // a close
        let octets = site.octets(octets).await;
        let answer = Answer::parse(&octets).expect(101).expect_field("Upgrade", "websocket");
        let answer = answer.expect_field("Sec-WebSocket-Accept", "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
        assert_eq!(answer.content, b"\x81\x02hi\x8a\x01p\x88\x02\x03\xe8");
    });
}

#[test]
fn websocket_tells_what_breaks_the_protocol() {
    serve(async |site| {
        let mut octets = handshake("13", "dGhlIHNhbXBsZSBub25jZQ==").into_bytes();
        octets.extend_from_slice(b"\x81\x02hi"); // not masked
        let octets = site.octets(octets).await;
        assert_eq!(Answer::parse(&octets).expect(101).content, b"\x88\x02\x03\xea");
    });
}

#[test]
fn websocket_refuses_other_handshakes() {
    serve(async |site| {
        let close = |text: String| text.replace("keep-alive", "close");
        site.send(close(handshake("8", "dGhlIHNhbXBsZSBub25jZQ==")))
            .await
            .expect(426)
            .expect_field("Sec-WebSocket-Version", "13")
            .expect_field("Upgrade", "websocket");
        site.send(close(handshake("13", "short"))).await.expect(400);
        let head = handshake("13", "dGhlIHNhbXBsZSBub25jZQ==").replace("GET", "HEAD");
        site.send(close(head)).await.expect(426);
        site.get("/websocket", "").await.expect(426).expect_field("Upgrade", "websocket");
    });
}

#[test]
fn redirects_go_where_they_are_told() {
    serve(async |site| {
        for status in [300, 301, 302, 303, 307, 308] {
            site.get(&format!("/redirect/{status}?to=%2Ffile%3Fa=b"), "")
                .await
                .expect(status)
                .expect_field("Location", "/file?a=b");
        }
        for wrong in
            ["304?to=/", "200?to=/", "302", "302?to=", "302?to=%0d%0aX-A:%20b", "302?to=/%00"]
        {
            site.get(&format!("/redirect/{wrong}"), "").await.expect(400).expect_no_field("X-A");
        }
    });
}

#[test]
fn auth_wants_falcon_and_peregrine() {
    serve(async |site| {
        site.get("/auth", "Authorization: Basic ZmFsY29uOnBlcmVncmluZQ==\r\n").await.expect(200);
        site.send(request("POST", "/auth", "", "x")).await.expect(401);
        for fields in [
            "",
            "Authorization: Basic eDp5\r\n",
            "Authorization: Basic\r\n",
            "Authorization: Bearer x\r\n",
        ] {
            site.get("/auth", fields)
                .await
                .expect(401)
                .expect_field("WWW-Authenticate", "Basic realm=\"falconry\", charset=\"UTF-8\"");
        }
    });
}

#[test]
fn negotiation_picks_what_is_wanted_most() {
    serve(async |site| {
        for (fields, content_type, language, coding) in [
            ("", "text/plain; charset=utf-8", "en", None),
            ("Accept: text/html\r\n", "text/html; charset=utf-8", "en", None),
            ("Accept: text/*;q=0.5, application/json\r\n", "application/json", "en", None),
            ("Accept-Language: de-CH, de;q=0.5\r\n", "text/plain; charset=utf-8", "de", None),
            ("Accept-Encoding: gzip\r\n", "text/plain; charset=utf-8", "en", Some("gzip")),
            ("Accept-Encoding: br\r\n", "text/plain; charset=utf-8", "en", None),
        ] {
            let answer = site.get("/negotiate", fields).await.expect(200);
            assert_eq!(answer.field("Content-Type"), Some(content_type), "{fields}");
            assert_eq!(answer.field("Content-Language"), Some(language), "{fields}");
            assert_eq!(answer.field("Content-Encoding"), coding, "{fields}");
            answer.expect_field("Vary", "Accept, Accept-Language, Accept-Encoding");
        }
        for fields in [
            "Accept: image/png\r\n",
            "Accept-Language: fr\r\n",
            "Accept-Encoding: identity;q=0\r\n",
        ] {
            site.get("/negotiate", fields)
                .await
                .expect(406)
                .expect_field("Vary", "Accept, Accept-Language, Accept-Encoding");
        }
        let etag = site.get("/negotiate", "").await.field("ETag").unwrap().to_owned();
        let conditional = format!("If-None-Match: {etag}\r\n");
        site.get("/negotiate", &conditional)
            .await
            .expect(304)
            .expect_field("Vary", "Accept, Accept-Language, Accept-Encoding");
        site.get("/negotiate", &format!("{conditional}Accept-Encoding: gzip\r\n"))
            .await
            .expect(200);
    });
}

#[test]
fn broken_does_not_look_whole() {
    serve(async |site| {
        let answer =
            site.get("/broken", "").await.expect(200).expect_field("Transfer-Encoding", "chunked");
        assert!(answer.text().ends_with("the first half, and there \r\n"), "{}", answer.text());
    });
}

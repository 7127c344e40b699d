//! Every phase and its causes, over sockets of this machine and in memory.
#![allow(clippy::unwrap_used)] // a test fails by panicking

use std::net::Ipv4Addr;
use std::path::PathBuf;

use falconry_transport::memory::MemoryOptions;
use falconry_transport::tls::{
    DevelopmentCertificate, ServerConfig, TlsVersion, development_certificate,
};
use falconry_transport::{Target as Reached, accept, memory};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpSocket, TcpStream};

use super::*;

/// A directory of its own for each test, gone at its end.
struct Directory(PathBuf);

impl Directory {
    fn new(test: &str) -> Self {
        let path =
            std::env::temp_dir().join(format!("falconry-connect-{test}-{}", std::process::id()));
        std::fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    fn file(&self, name: &str, content: &str) -> PathBuf {
        let path = self.0.join(name);
        std::fs::write(&path, content).unwrap();
        path
    }
}

impl Drop for Directory {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

fn connector(url: &str, protocol: Protocol, settings: &Settings) -> Connector {
    Connector::new(&url.parse().unwrap(), protocol, settings).unwrap()
}

fn insecure() -> Settings {
    Settings { trust: Trust::Anyone, ..Settings::default() }
}

/// A socket on a port of its own, on which nobody listens, nor can while it is there.
fn unused_port() -> (TcpSocket, u16) {
    let socket = TcpSocket::new_v4().unwrap();
    socket.bind((Ipv4Addr::LOCALHOST, 0).into()).unwrap();
    let port = socket.local_addr().unwrap().port();
    (socket, port)
}

async fn listener() -> (TcpListener, u16) {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    let port = listener.local_addr().unwrap().port();
    (listener, port)
}

/// Accepts for ever and keeps what it accepted; its port.
async fn accepting() -> u16 {
    let (listener, port) = listener().await;
    tokio::spawn(async move {
        let mut kept = Vec::new();
        while let Ok((stream, _)) = listener.accept().await {
            kept.push(stream);
        }
    });
    port
}

/// Answers each connection's first octets by some of its own, then closes; its port.
async fn answering(octets: &'static [u8]) -> u16 {
    let (listener, port) = listener().await;
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let _ = stream.read(&mut [0; 4096]).await;
            let _ = stream.write_all(octets).await;
            let _ = stream.shutdown().await;
            // All that still comes is read, so that no reset overtakes the answer.
            let _ = stream.read_to_end(&mut Vec::new()).await;
        }
    });
    port
}

/// Shakes hands with everybody, and sends an octet behind it; its port.
async fn tls_server(config: ServerConfig) -> u16 {
    let acceptor = config.build().unwrap();
    let (listener, port) = listener().await;
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let acceptor = acceptor.clone();
            tokio::spawn(async move {
                if let Ok((mut stream, _)) = tls::accept(stream, &acceptor).await {
                    let _ = stream.write_all(b"x").await;
                    let _ = stream.read_to_end(&mut Vec::new()).await;
                }
            });
        }
    });
    port
}

fn certificate() -> (DevelopmentCertificate, ServerConfig) {
    let certificate = development_certificate().unwrap();
    let config = certificate.server_config().unwrap().alpn(&[b"h2", b"http/1.1"]);
    (certificate, config)
}

/// A certificate for `localhost` and its key, as PEM text.
fn self_signed(alter: impl FnOnce(&mut rcgen::CertificateParams)) -> (String, String) {
    let key = rcgen::KeyPair::generate_for(&rcgen::PKCS_ECDSA_P256_SHA256).unwrap();
    let mut params = rcgen::CertificateParams::new(vec!["localhost".to_owned()]).unwrap();
    alter(&mut params);
    (params.self_signed(&key).unwrap().pem(), key.serialize_pem())
}

async fn failure(connector: &Connector) -> String {
    match connector.open().await {
        Ok(_) => "none".into(),
        Err(failure) => failure.name(),
    }
}

#[tokio::test]
async fn an_address_is_connected_to_without_a_lookup() {
    let port = accepting().await;
    let connector =
        connector(&format!("http://127.0.0.1:{port}"), Protocol::H2, &Settings::default());
    let link = connector.open().await.unwrap();
    assert_eq!((link.opened.resolve, link.opened.tls, link.tls), (None, None, None));
    assert!(link.opened.connect > 0);
}

#[tokio::test]
async fn a_port_nobody_listens_on_refuses() {
    let (_held, port) = unused_port();
    let url = format!("http://127.0.0.1:{port}");
    let connector = connector(&url, Protocol::H1, &Settings::default());
    assert_eq!(failure(&connector).await, "connect.ECONNREFUSED");
}

#[tokio::test]
async fn a_name_is_looked_up_once_and_again_after_a_failure() {
    let port = accepting().await;
    let url = format!("http://localhost:{port}");
    let first = connector(&url, Protocol::H1, &Settings::default());
    let (one, two) = tokio::join!(first.open(), first.open());
    let lookups = [one.unwrap(), two.unwrap()].map(|link| link.opened.resolve.is_some());
    assert!(lookups[0] ^ lookups[1], "{lookups:?}");
    assert_eq!(first.clone().open().await.unwrap().opened.resolve, None);

    let (_held, port) = unused_port();
    let gone = connector(&format!("localhost:{port}"), Protocol::H1, &Settings::default());
    let Place::Name(name) = &gone.0.places[0] else { panic!("{gone:?}") };
    assert!(name.addresses().await.unwrap().1.is_some());
    // A machine without IPv6 has not the address that `localhost` may stand for, too.
    let failure = failure(&gone).await;
    assert!(["connect.ECONNREFUSED", "connect.EADDRNOTAVAIL"].contains(&&*failure), "{failure}");
    assert!(name.addresses().await.unwrap().1.is_some(), "looked up again");
}

#[tokio::test]
async fn a_name_that_does_not_exist_fails_in_its_own_phase() {
    // RFC 6761 §6.4: nobody has it. Without a network it is the name server that fails, now or after a long wait.
    let connector = connector("http://nobody.invalid:80", Protocol::H1, &Settings::default());
    let failure = failure(&connector).await;
    let known = ["resolve.name-not-found", "resolve.name-server", "resolve.timeout"];
    assert!(known.contains(&&*failure), "{failure}");
}

#[tokio::test]
async fn both_protocols_are_chosen_by_alpn_and_phases_are_timed() {
    let directory = Directory::new("alpn");
    let (certificate, config) = certificate();
    let port = tls_server(config).await;
    let trust = Trust::File(directory.file("ca.pem", &certificate.certificate_pem));
    let settings = Settings { trust, ..Settings::default() };
    for (protocol, alpn) in [(Protocol::H1, &b"http/1.1"[..]), (Protocol::H2, b"h2")] {
        let connector = connector(&format!("https://localhost:{port}"), protocol, &settings);
        let link = connector.open().await.unwrap();
        assert!(link.opened.resolve.is_some() && link.opened.tls > Some(0));
        let info = link.tls.unwrap();
        assert_eq!(info.alpn.as_deref(), Some(alpn));
        assert_eq!(info.server_name.as_deref(), Some("localhost"));
    }
}

#[tokio::test]
async fn a_server_that_chooses_another_protocol_is_refused() {
    let development = development_certificate().unwrap();
    let silent = tls_server(development.server_config().unwrap()).await;
    let silent = format!("https://127.0.0.1:{silent}");
    assert_eq!(failure(&connector(&silent, Protocol::H2, &insecure())).await, "tls.alpn");
    assert_eq!(failure(&connector(&silent, Protocol::H1, &insecure())).await, "none");

    let old = tls_server(development.server_config().unwrap().alpn(&[b"http/1.1"])).await;
    let old = connector(&format!("https://127.0.0.1:{old}"), Protocol::H2, &insecure());
    assert_eq!(failure(&old).await, "tls.alert.no_application_protocol");

    let both = tls_server(certificate().1).await;
    let alpn = Some(vec![b"h2".to_vec(), b"http/1.1".to_vec()]);
    let settings = Settings { alpn, ..insecure() };
    let both = connector(&format!("https://127.0.0.1:{both}"), Protocol::H1, &settings);
    assert_eq!(failure(&both).await, "tls.alpn");
}

#[tokio::test]
async fn certificates_are_judged() {
    let directory = Directory::new("trust");
    let ((good, config), (namesake, _)) = (certificate(), certificate());
    let url = format!("https://localhost:{}", tls_server(config).await);
    let (stranger, _) = self_signed(|_| {});
    for (pem, name) in [
        (stranger, "tls.certificate.unknown-issuer"),
        // An earlier certificate of the same server: the name of its issuer is known, the key is another.
        (namesake.certificate_pem, "tls.certificate.bad-signature"),
    ] {
        let trust = Trust::File(directory.file("other.pem", &pem));
        let settings = Settings { trust, ..Settings::default() };
        let failure = connector(&url, Protocol::H1, &settings).open().await.err().unwrap();
        assert_eq!(failure.name(), name);
        assert!(failure.to_string().contains("--cacert"), "{failure}");
    }

    let good = Trust::File(directory.file("good.pem", &good.certificate_pem));
    let named = Some("example.org".to_owned());
    let other = Settings { trust: good.clone(), server_name: named, ..Settings::default() };
    assert_eq!(failure(&connector(&url, Protocol::H1, &other)).await, "tls.certificate.wrong-name");
    let nameless = Settings { trust: good, send_server_name: false, ..Settings::default() };
    let link = connector(&url, Protocol::H1, &nameless).open().await.unwrap();
    assert_eq!(link.tls.unwrap().server_name, None);

    // A machine without any authorities is told so at once.
    match Connector::new(&url.parse().unwrap(), Protocol::H1, &Settings::default()) {
        Ok(connector) => assert_eq!(failure(&connector).await, "tls.certificate.unknown-issuer"),
        Err(error) => assert!(error.contains("--cacert"), "{error}"),
    }
    assert_eq!(failure(&connector(&url, Protocol::H1, &insecure())).await, "none");
}

#[tokio::test]
async fn an_expired_certificate_is_refused() {
    let directory = Directory::new("expired");
    let (pem, key) = self_signed(|params| {
        params.not_before = rcgen::date_time_ymd(2001, 1, 1);
        params.not_after = rcgen::date_time_ymd(2002, 1, 1);
    });
    let config = ServerConfig::from_pem(pem.as_bytes(), key.as_bytes()).unwrap();
    let port = tls_server(config).await;
    let trust = Trust::File(directory.file("ca.pem", &pem));
    let settings = Settings { trust, ..Settings::default() };
    let connector = connector(&format!("https://localhost:{port}"), Protocol::H1, &settings);
    assert_eq!(failure(&connector).await, "tls.certificate.expired");
}

#[tokio::test]
async fn what_is_no_handshake_is_told_apart() {
    for (octets, name) in [
        (&b"HTTP/1.1 400 Bad Request\r\n\r\n"[..], "tls.not-tls"),
        (b"", "tls.closed"),
        // RFC 8446 §6: a fatal alert, handshake_failure, in a record of its own.
        (&[0x15, 0x03, 0x03, 0x00, 0x02, 0x02, 0x28], "tls.alert.handshake_failure"),
        (&[0x15, 0x03, 0x03, 0x00, 0x02, 0x02, 0x46], "tls.alert.protocol_version"),
        // A handshake message that is no ServerHello.
        (&[0x16, 0x03, 0x03, 0x00, 0x04, 0x0e, 0x00, 0x00, 0x00], "tls.tls-protocol"),
    ] {
        let url = format!("https://127.0.0.1:{}", answering(octets).await);
        assert_eq!(failure(&connector(&url, Protocol::H1, &insecure())).await, name);
    }
}

#[tokio::test]
async fn a_reset_in_the_handshake_is_the_systems_error() {
    let (listener, port) = listener().await;
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let _ = stream.read(&mut [0; 16]).await;
            Stream::set_reset_on_close(&mut stream);
        }
    });
    let connector = connector(&format!("https://127.0.0.1:{port}"), Protocol::H1, &insecure());
    assert_eq!(failure(&connector).await, "tls.ECONNRESET");
}

#[tokio::test]
async fn a_client_certificate_is_shown_where_one_is_asked_for() {
    let directory = Directory::new("client");
    let (pem, key) = self_signed(|params| {
        params.extended_key_usages = vec![rcgen::ExtendedKeyUsagePurpose::ClientAuth];
    });
    let config = certificate().1.client_authorities(pem.clone().into_bytes());
    let url = format!("https://127.0.0.1:{}", tls_server(config).await);

    let chain = directory.file("client.pem", &pem);
    let key = directory.file("client.key", &key);
    let settings = Settings { identity: Some((chain.clone(), key)), ..insecure() };
    let mut link = connector(&url, Protocol::H1, &settings).open().await.unwrap();
    assert_eq!(link.stream.read_u8().await.unwrap(), b'x');

    // TLS 1.3: the server judges behind our handshake.
    let mut link = connector(&url, Protocol::H1, &insecure()).open().await.unwrap();
    let failure = Failure::new(Phase::FirstByte, link.stream.read_u8().await.unwrap_err());
    assert_eq!(failure.name(), "first-byte.alert.certificate_required");
    assert!(failure.to_string().contains("--cert"), "{failure}");

    let old = Settings { versions: vec![TlsVersion::Tls12], ..insecure() };
    let failure = connector(&url, Protocol::H1, &old).open().await.err().unwrap();
    assert!(matches!(failure, Failure { phase: Phase::Tls, cause: Cause::Alert(_) }), "{failure}");

    let swapped = Settings { identity: Some((chain.clone(), chain)), ..insecure() };
    let error = Connector::new(&url.parse().unwrap(), Protocol::H1, &swapped).unwrap_err();
    assert!(error.contains("client.pem") && error.contains("no private key"), "{error}");
}

#[tokio::test]
async fn connections_take_turns_over_the_places_that_replace_the_urls() {
    let ((one, one_port), (two, two_port)) = (listener().await, listener().await);
    let places = [one_port, two_port].map(|port| connect_to(&format!("127.0.0.1:{port}")).unwrap());
    let settings = Settings { connect_to: places.into(), ..Settings::default() };
    let connector = connector("http://nobody.invalid:80", Protocol::H1, &settings);
    for _ in 0..2 {
        for listener in [&one, &two] {
            // Another worker's clone takes part.
            let _link = connector.clone().open().await.unwrap();
            listener.accept().await.unwrap();
        }
    }
}

#[cfg(unix)]
#[tokio::test]
async fn a_unix_socket_is_a_place_with_and_without_tls() {
    let directory = Directory::new("unix");
    let path = directory.0.join("socket");
    let bound = falconry_transport::ListenAddress {
        scheme: Scheme::Http,
        place: falconry_transport::Place::Unix(path.clone()),
    };
    let url = format!("unix:{}", path.display());
    let plain = connector(&url, Protocol::H1, &Settings::default());
    assert_eq!(failure(&plain).await, "connect.ENOENT");

    let mut listener = bound.bind_group(1).unwrap().remove(0).listen().unwrap();
    let mut errors = accept::AcceptErrors::new();
    assert_eq!(plain.open().await.unwrap().opened.resolve, None);
    accept::next(&mut *listener, &mut errors).await;

    let (certificate, config) = certificate();
    let trust = Trust::File(directory.file("ca.pem", &certificate.certificate_pem));
    let settings = Settings { trust, connect_to: vec![Reached::Unix(path)], ..Settings::default() };
    let secure = connector("https://localhost/", Protocol::H2, &settings);
    let acceptor = config.build().unwrap();
    let server = async {
        let stream = accept::next(&mut *listener, &mut errors).await.open().unwrap().stream;
        tls::accept(stream, &acceptor).await.unwrap().1
    };
    let (link, info) = tokio::join!(secure.open(), server);
    assert_eq!(link.unwrap().tls, Some(info));
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn source_addresses_are_taken_in_turn() {
    let (listener, port) = listener().await;
    let url = format!("http://127.0.0.1:{port}");
    let from = |sources: &[&str]| {
        let sources = sources.iter().map(|source| source.parse().unwrap()).collect();
        connector(&url, Protocol::H1, &Settings { sources, ..Settings::default() })
    };
    let two = from(&["127.0.0.2", "::1", "127.0.0.3"]);
    for last in [2, 3, 2] {
        let _link = two.open().await.unwrap();
        let (_, peer) = listener.accept().await.unwrap();
        assert_eq!(peer.ip(), Ipv4Addr::new(127, 0, 0, last));
    }
    // RFC 5737 §3: an address for documents, which no machine has.
    assert_eq!(failure(&from(&["192.0.2.1"])).await, "connect.EADDRNOTAVAIL");
    let failure = from(&["::1"]).open().await.err().unwrap();
    assert!(matches!(failure, Failure { phase: Phase::Connect, cause: Cause::Os(_) }), "{failure}");
}

#[tokio::test]
async fn a_listener_in_memory_is_a_place() {
    let (memory, mut listener) = memory::listener(MemoryOptions::default());
    let connector = Connector::memory(memory);
    let mut link = connector.open().await.unwrap();
    let mut errors = accept::AcceptErrors::new();
    let mut theirs = accept::next(&mut listener, &mut errors).await.open().unwrap().stream;
    theirs.write_all(b"x").await.unwrap();
    assert_eq!(link.stream.read_u8().await.unwrap(), b'x');
    drop(listener);
    assert_eq!(failure(&connector).await, "connect.ECONNREFUSED");
}

#[tokio::test(start_paused = true)]
async fn the_timeout_names_the_phase_in_which_it_fired() {
    let (memory, _listener) = memory::listener(MemoryOptions { backlog: 1, ..Default::default() });
    let limit = Duration::from_secs(3);
    let target: Target = "https://localhost".parse().unwrap();
    let connector = Connector(Arc::new(Inner {
        places: vec![Place::Memory(memory)],
        sources: Vec::new(),
        turn: AtomicUsize::new(0),
        tls: Some(Tls::new(&target, Protocol::H1, &insecure()).unwrap()),
        timeout: Some(limit),
        announced: Announced::default(),
    }));
    for name in ["tls.timeout", "connect.timeout"] {
        let begin = Instant::now();
        assert_eq!(failure(&connector).await, name);
        assert_eq!(begin.elapsed(), limit);
    }
}

#[tokio::test]
async fn the_key_log_has_the_secrets_of_each_connection() {
    let directory = Directory::new("keys");
    let path = directory.0.join("keys");
    let url = format!("https://127.0.0.1:{}", tls_server(certificate().1).await);
    let settings = Settings { key_log: Some(path.clone()), ..insecure() };
    let connector = connector(&url, Protocol::H2, &settings);
    for connections in [1, 2] {
        connector.open().await.unwrap();
        let log = std::fs::read_to_string(&path).unwrap();
        let of_clients = log.lines().filter(|line| line.starts_with("CLIENT_TRAFFIC_SECRET_0 "));
        assert_eq!(of_clients.count(), connections);
    }
}

#[tokio::test]
async fn sessions_are_resumed_only_when_asked_for() {
    let url = format!("https://127.0.0.1:{}", tls_server(certificate().1).await);
    for resume in [false, true] {
        let connector = connector(&url, Protocol::H1, &Settings { resume, ..insecure() });
        let mut resumed = Vec::new();
        for _ in 0..2 {
            let mut link = connector.open().await.unwrap();
            // The ticket comes in front of it.
            link.stream.read_u8().await.unwrap();
            resumed.push(link.tls.unwrap().resumed);
        }
        assert_eq!(resumed, [false, resume]);
    }
}

#[test]
fn settings_that_cannot_work_are_told_before_the_run() {
    let target: Target = "https://localhost".parse().unwrap();
    let missing = Some("/nowhere/key.pem".into());
    for (settings, word) in [
        (
            Settings { trust: Trust::File("/nowhere/ca.pem".into()), ..Settings::default() },
            "/nowhere/ca.pem",
        ),
        (Settings { server_name: Some("a b".into()), ..insecure() }, "`a b`"),
        (Settings { versions: Vec::new(), ..insecure() }, "versions"),
        (Settings { key_log: missing, ..insecure() }, "/nowhere/key.pem"),
    ] {
        let error = Connector::new(&target, Protocol::H1, &settings).unwrap_err();
        assert!(error.contains(word), "{error}");
        // They are about TLS, of which there is none.
        Connector::new(&"h:80".parse().unwrap(), Protocol::H1, &settings).unwrap();
    }
}

#[tokio::test]
async fn nobody_connects_to_himself() {
    // Port by port until the system gives a client the very port that it connects to would take thousands of
    // attempts; so the socket is bound to it.
    let (socket, _) = unused_port();
    let address = socket.local_addr().unwrap();
    let stream: TcpStream = socket.connect(address).await.unwrap();
    assert_eq!(stream.local_addr().unwrap(), stream.peer_addr().unwrap());
    assert!(place::is_own(&stream, address).unwrap());
}

//! TLS 1.2 and 1.3 over any [`Stream`], by rustls with the `ring` provider.
//!
//! [`ServerConfig`] makes an [`Acceptor`], [`accept`] does the handshake; [`Connector`] is the
//! client side for the tools. Tickets make resumption stateless; there is no early data (0-RTT),
//! because it can be replayed.
//!
//! rustls keeps buffers of its own for each connection; blocks are rented on top of those, once
//! there are octets for the application.

mod client;
mod identity;
mod key_log;
mod server;

pub use client::{ClientOptions, Connector, Trust, is_server_name};
pub use identity::{Identity, TlsConfigError};
pub use server::{
    Acceptor, DEFAULT_HANDSHAKE_TIMEOUT, DevelopmentCertificate, ServerConfig, accept,
    development_certificate,
};

use std::fmt;
use std::io::{self, Read};
use std::pin::Pin;
use std::task::{Context, Poll, ready};

pub use rustls::{AlertDescription, CertificateError};
use rustls::{HandshakeKind, InvalidMessage, ProtocolVersion};
use tokio::io::{AsyncBufRead, AsyncRead, AsyncWrite, ReadBuf};

use crate::Stream;

/// Version of TLS.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub enum TlsVersion {
    /// TLS 1.2 (RFC 5246).
    Tls12,
    /// TLS 1.3 (RFC 8446).
    Tls13,
}

impl fmt::Display for TlsVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Tls12 => "TLS 1.2",
            Self::Tls13 => "TLS 1.3",
        })
    }
}

/// What a handshake agreed on.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct TlsInfo {
    /// The version in use.
    pub version: TlsVersion,
    /// The cipher suite's registered name, `TLS13_AES_128_GCM_SHA256` say.
    pub cipher: &'static str,
    /// The protocol chosen by ALPN (RFC 7301); none if either side did not offer any.
    pub alpn: Option<Vec<u8>>,
    /// The name the client asked for (SNI), in lower case; none if it did not, as for IP addresses.
    pub server_name: Option<String>,
    /// Whether a ticket of an earlier connection shortened the handshake.
    pub resumed: bool,
}

impl TlsInfo {
    fn of(session: &rustls::CommonState, server_name: Option<&str>) -> Result<Self, TlsError> {
        let version = match session.protocol_version() {
            Some(ProtocolVersion::TLSv1_2) => TlsVersion::Tls12,
            Some(ProtocolVersion::TLSv1_3) => TlsVersion::Tls13,
            _ => return Err(TlsError::Protocol(rustls::Error::HandshakeNotComplete)),
        };
        let cipher = session.negotiated_cipher_suite().map(|suite| suite.suite().as_str());
        Ok(Self {
            version,
            cipher: cipher.flatten().unwrap_or("unknown"),
            alpn: session.alpn_protocol().map(Into::into),
            server_name: server_name.map(str::to_ascii_lowercase),
            resumed: session.handshake_kind() == Some(HandshakeKind::Resumed),
        })
    }
}

/// Why a handshake failed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TlsError {
    /// It took too long.
    #[error("the TLS handshake took too long")]
    Timeout,
    /// The peer speaks something else: plain HTTP to a TLS port, or the other way round.
    #[error("the peer does not speak TLS")]
    NotTls,
    /// The peer ended the connection before the handshake was done.
    #[error("the peer closed the connection during the TLS handshake")]
    Closed,
    /// The peer refused with an alert.
    #[error("the peer refused the TLS handshake: alert {0:?}")]
    Alert(AlertDescription),
    /// We refused the peer's certificate.
    #[error("refused the certificate: {0}")]
    Certificate(CertificateError),
    /// We refused the peer's certificate because it is that of an authority (RFC 5280 §4.2.1.9), whoever vouches for it.
    #[error(
        "refused the certificate: it is that of an authority (CA:TRUE), not of a server or client"
    )]
    AuthorityCertificate,
    /// We refused what the peer offered or sent; it was told by an alert.
    #[error("refused the TLS handshake: {0}")]
    Protocol(rustls::Error),
    /// What the client was told to connect to is no name a certificate could hold.
    #[error("{0:?} is neither a host name nor an IP address")]
    ServerName(String),
    /// The connection below failed.
    #[error("the connection failed during the TLS handshake: {0}")]
    Io(io::Error),
}

impl From<io::Error> for TlsError {
    fn from(error: io::Error) -> Self {
        if error.kind() == io::ErrorKind::UnexpectedEof {
            return Self::Closed;
        }
        match error.downcast::<rustls::Error>() {
            Ok(rustls::Error::InvalidMessage(InvalidMessage::InvalidContentType)) => Self::NotTls,
            Ok(rustls::Error::AlertReceived(alert)) => Self::Alert(alert),
            Ok(rustls::Error::InvalidCertificate(error)) if is_of_authority(&error) => {
                Self::AuthorityCertificate
            }
            Ok(rustls::Error::InvalidCertificate(error)) => Self::Certificate(error),
            Ok(error) => Self::Protocol(error),
            Err(error) => Self::Io(error),
        }
    }
}

/// Whether a certificate was refused because it says CA:TRUE. rustls has no variant for that and hands on the verifier's
/// error, whose text is a name.
fn is_of_authority(error: &CertificateError) -> bool {
    matches!(error, CertificateError::Other(error) if error.to_string() == "CaUsedAsEndEntity")
}

/// A TLS connection over `S`, after the handshake.
///
/// Reading gives [`io::ErrorKind::UnexpectedEof`] when the connection below ends without a
/// `close_notify` alert, which may be an attacker's truncation; shutting down sends ours.
/// Dropping it without a shutdown sends none.
#[derive(Debug)]
pub struct TlsStream<S>(tokio_rustls::TlsStream<S>);

impl<S> TlsStream<S> {
    /// The stream below.
    pub fn get_ref(&self) -> &S {
        self.0.get_ref().0
    }

    /// Reads what is decrypted already.
    fn read_decrypted(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        match &mut self.0 {
            tokio_rustls::TlsStream::Client(stream) => stream.get_mut().1.reader().read(buf),
            tokio_rustls::TlsStream::Server(stream) => stream.get_mut().1.reader().read(buf),
        }
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncRead for TlsStream<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if buf.remaining() == 0 {
            return Poll::Ready(Ok(()));
        }
        // Not the inner `poll_read`: that one may keep an error to itself until the next read, and
        // `poll_readable` would not see it.
        let at_end = ready!(Pin::new(&mut self.0).poll_fill_buf(cx))?.is_empty();
        if !at_end {
            let read = self.read_decrypted(buf.initialize_unfilled())?;
            buf.advance(read);
        }
        Poll::Ready(Ok(()))
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncWrite for TlsStream<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.0).poll_write(cx, buf)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.0).poll_write_vectored(cx, bufs)
    }

    fn is_write_vectored(&self) -> bool {
        self.0.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_shutdown(cx)
    }
}

impl<S: Stream> Stream for TlsStream<S> {
    fn poll_readable(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        // Decrypts into rustls's own buffers what has come in; records without octets for the
        // application, tickets for instance, wake nobody.
        Pin::new(&mut self.0).poll_fill_buf(cx).map_ok(|_| ())
    }

    fn set_reset_on_close(&mut self) {
        self.0.get_mut().0.set_reset_on_close();
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::time::timeout;

    use super::*;
    use crate::memory::{MemoryOptions, MemoryStream, pair};

    struct Fixture {
        acceptor: Acceptor,
        certificate_pem: String,
    }

    fn fixture() -> Fixture {
        let certificate = development_certificate().unwrap();
        let config = certificate.server_config().unwrap().alpn(&[b"h2", b"http/1.1"]);
        Fixture { acceptor: config.build().unwrap(), certificate_pem: certificate.certificate_pem }
    }

    impl Fixture {
        fn options(&self) -> ClientOptions {
            ClientOptions::new(Trust::Authorities(self.certificate_pem.clone().into_bytes()))
        }

        fn connector(&self) -> Connector {
            Connector::new(self.options()).unwrap()
        }

        async fn shake(
            &self,
            connector: &Connector,
            host: &str,
        ) -> (
            Result<(TlsStream<MemoryStream>, TlsInfo), TlsError>,
            Result<(TlsStream<MemoryStream>, TlsInfo), TlsError>,
        ) {
            let (client, server) = pair(MemoryOptions::default());
            tokio::join!(connector.connect(client, host), accept(server, &self.acceptor))
        }

        async fn connected(&self) -> (TlsStream<MemoryStream>, TlsStream<MemoryStream>) {
            let (client, server) = self.shake(&self.connector(), "localhost").await;
            (client.unwrap().0, server.unwrap().0)
        }
    }

    #[tokio::test]
    async fn both_versions_are_spoken_and_both_sides_agree() {
        let fixture = fixture();
        for version in [TlsVersion::Tls12, TlsVersion::Tls13] {
            let mut options = fixture.options();
            options.versions = vec![version];
            options.alpn = vec![b"http/1.1".to_vec(), b"h2".to_vec()];
            let connector = Connector::new(options).unwrap();
            let (client, server) = fixture.shake(&connector, "LocalHost").await;
            let ((mut client, client_info), (mut server, server_info)) =
                (client.unwrap(), server.unwrap());
            assert_eq!(client_info, server_info);
            assert_eq!(server_info.version, version);
            assert_eq!(server_info.alpn.as_deref(), Some(&b"h2"[..]), "the server's order counts");
            assert_eq!(server_info.server_name.as_deref(), Some("localhost"));
            assert!(server_info.cipher.starts_with("TLS"), "{}", server_info.cipher);
            client.write_all(b"ping").await.unwrap();
            let mut octets = [0; 4];
            server.read_exact(&mut octets).await.unwrap();
            assert_eq!(&octets, b"ping");
        }
    }

    #[tokio::test]
    async fn the_development_certificate_holds_for_the_loopback_names() {
        let fixture = fixture();
        for host in ["localhost", "127.0.0.1", "::1"] {
            let (client, server) = fixture.shake(&fixture.connector(), host).await;
            client.unwrap();
            let sni = server.unwrap().1.server_name;
            assert_eq!(sni.as_deref(), (host == "localhost").then_some("localhost"));
        }
        let (client, server) = fixture.shake(&fixture.connector(), "example.com").await;
        assert!(matches!(client, Err(TlsError::Certificate(_))), "{client:?}");
        assert!(matches!(server, Err(TlsError::Alert(_))), "{server:?}");
    }

    #[tokio::test]
    async fn an_unknown_certificate_is_refused_unless_anyone_is_trusted() {
        let (fixture, stranger) = (fixture(), fixture());
        let (client, server) = fixture.shake(&stranger.connector(), "localhost").await;
        assert!(matches!(client, Err(TlsError::Certificate(_))), "{client:?}");
        assert!(matches!(server, Err(TlsError::Alert(_))), "{server:?}");
        let anyone = Connector::new(ClientOptions::new(Trust::Anyone)).unwrap();
        let (client, server) = fixture.shake(&anyone, "example.com").await;
        assert!(client.is_ok() && server.is_ok());
    }

    #[tokio::test]
    async fn a_server_that_shows_an_authoritys_certificate_is_refused_by_that_name() {
        let key = rcgen::KeyPair::generate_for(&rcgen::PKCS_ECDSA_P256_SHA256).unwrap();
        let mut params = rcgen::CertificateParams::new(vec!["localhost".to_owned()]).unwrap();
        params.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
        let certificate_pem = params.self_signed(&key).unwrap().pem();
        let config =
            ServerConfig::from_pem(certificate_pem.as_bytes(), key.serialize_pem().as_bytes());
        let fixture = Fixture { acceptor: config.unwrap().build().unwrap(), certificate_pem };
        let (client, _) = fixture.shake(&fixture.connector(), "localhost").await;
        assert!(matches!(client, Err(TlsError::AuthorityCertificate)), "{client:?}");
    }

    #[tokio::test]
    async fn a_second_connection_resumes_the_first() {
        let fixture = fixture();
        for version in [TlsVersion::Tls12, TlsVersion::Tls13] {
            let mut options = fixture.options();
            options.versions = vec![version];
            let connector = Connector::new(options).unwrap();
            for resumed in [false, true] {
                let (client, server) = fixture.shake(&connector, "localhost").await;
                let ((mut client, _), (mut server, info)) = (client.unwrap(), server.unwrap());
                assert_eq!(info.resumed, resumed, "{version}");
                // TLS 1.3 tickets come with the first octets.
                server.write_all(b"x").await.unwrap();
                client.read_u8().await.unwrap();
            }
        }
    }

    #[tokio::test]
    async fn without_resumption_every_handshake_is_a_full_one() {
        let fixture = fixture();
        let mut options = fixture.options();
        options.resume = false;
        let connector = Connector::new(options).unwrap();
        for _ in 0..2 {
            let (client, server) = fixture.shake(&connector, "localhost").await;
            let ((mut client, _), (mut server, info)) = (client.unwrap(), server.unwrap());
            assert!(!info.resumed);
            server.write_all(b"x").await.unwrap();
            client.read_u8().await.unwrap();
        }
    }

    #[tokio::test]
    async fn a_client_shows_its_certificate_where_one_is_asked_for() {
        let server = development_certificate().unwrap();
        let key = rcgen::KeyPair::generate_for(&rcgen::PKCS_ECDSA_P256_SHA256).unwrap();
        let mut params = rcgen::CertificateParams::new(vec!["client".to_owned()]).unwrap();
        params.extended_key_usages = vec![rcgen::ExtendedKeyUsagePurpose::ClientAuth];
        let certificate = params.self_signed(&key).unwrap().pem();
        let config = server.server_config().unwrap();
        let fixture = Fixture {
            acceptor: config.client_authorities(certificate.clone().into_bytes()).build().unwrap(),
            certificate_pem: server.certificate_pem,
        };
        let (_, refused) = fixture.shake(&fixture.connector(), "localhost").await;
        assert!(matches!(refused, Err(TlsError::Protocol(_))), "{refused:?}");
        let mut options = fixture.options();
        let key = key.serialize_pem();
        options.identity =
            Some(Identity::from_pem(certificate.as_bytes(), key.as_bytes()).unwrap());
        let (client, server) = fixture.shake(&Connector::new(options).unwrap(), "localhost").await;
        assert!(client.is_ok() && server.is_ok(), "{client:?} {server:?}");
    }

    #[tokio::test]
    async fn a_key_log_has_lines_of_the_known_labels() {
        let fixture = fixture();
        let path = std::env::temp_dir().join(format!("falconry-keys-{}", std::process::id()));
        let mut options = fixture.options();
        options.key_log = Some(path.clone());
        let connector = Connector::new(options).unwrap();
        let (client, _server) = fixture.shake(&connector, "localhost").await;
        client.unwrap();
        let log = std::fs::read_to_string(&path).unwrap();
        std::fs::remove_file(&path).unwrap();
        for line in log.lines() {
            let words: Vec<_> = line.split(' ').collect();
            let hex = |word: &str| word.bytes().all(|octet| octet.is_ascii_hexdigit());
            assert!(matches!(words[..], [_, r, s] if r.len() == 64 && hex(r) && hex(s)), "{line}");
        }
        assert!(log.lines().any(|line| line.starts_with("CLIENT_TRAFFIC_SECRET_0 ")), "{log}");

        let mut options = fixture.options();
        options.key_log = Some(std::env::temp_dir());
        let error = Connector::new(options).unwrap_err();
        assert!(matches!(error, TlsConfigError::KeyLog { .. }), "{error}");
    }

    #[tokio::test]
    async fn a_client_without_a_common_protocol_is_refused() {
        let fixture = fixture();
        let mut options = fixture.options();
        options.alpn = vec![b"spdy/3".to_vec()];
        let connector = Connector::new(options).unwrap();
        let (client, server) = fixture.shake(&connector, "localhost").await;
        assert!(
            matches!(client, Err(TlsError::Alert(AlertDescription::NoApplicationProtocol))),
            "{client:?}"
        );
        assert!(matches!(server, Err(TlsError::Protocol(_))), "{server:?}");
    }

    #[tokio::test(start_paused = true)]
    async fn plain_http_silence_and_a_close_are_told_apart() {
        let fixture = fixture();
        let (mut client, server) = pair(MemoryOptions::default());
        client.write_all(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n").await.unwrap();
        let result = accept(server, &fixture.acceptor).await;
        assert!(matches!(result, Err(TlsError::NotTls)), "{result:?}");

        let (_client, server) = pair(MemoryOptions::default());
        let result = accept(server, &fixture.acceptor).await;
        assert!(matches!(result, Err(TlsError::Timeout)), "{result:?}");

        let (mut client, server) = pair(MemoryOptions::default());
        client.shutdown().await.unwrap();
        let result = accept(server, &fixture.acceptor).await;
        assert!(matches!(result, Err(TlsError::Closed)), "{result:?}");

        let (mut client, server) = pair(MemoryOptions::default());
        client.set_reset_on_close();
        drop(client);
        let result = accept(server, &fixture.acceptor).await;
        assert!(matches!(result, Err(TlsError::Io(_))), "{result:?}");
    }

    #[tokio::test(start_paused = true)]
    async fn a_stream_with_decrypted_octets_is_readable() {
        let second = Duration::from_secs(1);
        let (mut client, mut server) = fixture().connected().await;
        timeout(second, crate::readable(&mut server)).await.unwrap_err();
        // One record, of which the first read takes a part: the rest is in rustls alone.
        client.write_all(b"0123456789").await.unwrap();
        timeout(second, crate::readable(&mut server)).await.unwrap().unwrap();
        assert_eq!(server.read_u8().await.unwrap(), b'0');
        timeout(second, crate::readable(&mut server)).await.unwrap().unwrap();
        server.read_exact(&mut [0; 9]).await.unwrap();
        timeout(second, crate::readable(&mut server)).await.unwrap_err();
    }

    #[tokio::test]
    async fn a_shutdown_is_an_end_and_a_bare_close_is_a_truncation() {
        let fixture = fixture();
        let (mut client, mut server) = fixture.connected().await;
        client.write_all(b"x").await.unwrap();
        client.shutdown().await.unwrap();
        let mut octets = Vec::new();
        server.read_to_end(&mut octets).await.unwrap();
        assert_eq!(octets, b"x");
        server.write_all(b"y").await.unwrap();
        assert_eq!(client.read_u8().await.unwrap(), b'y', "the other direction is open");

        let (client, mut server) = fixture.connected().await;
        drop(client);
        let error = server.read_u8().await.unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::UnexpectedEof);

        let (mut client, mut server) = fixture.connected().await;
        client.set_reset_on_close();
        drop(client);
        let error = crate::readable(&mut server).await.unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::ConnectionReset);
    }

    #[tokio::test]
    async fn large_content_passes_a_narrow_connection() {
        let fixture = fixture();
        let (client, server) = pair(MemoryOptions { capacity: 1000, backlog: 1 });
        let connector = fixture.connector();
        let (client, server) =
            tokio::join!(connector.connect(client, "localhost"), accept(server, &fixture.acceptor));
        let (mut client, mut server) = (client.unwrap().0, server.unwrap().0);
        let content: Vec<u8> = (0..100_000u32).map(|n| n as u8).collect();
        let mut received = Vec::new();
        let send = async {
            client.write_all(&content).await.unwrap();
            client.shutdown().await.unwrap();
        };
        let (_, result) = tokio::join!(send, server.read_to_end(&mut received));
        result.unwrap();
        assert!(received == content);
    }

    /// A stream that counts the calls that a socket would make to the system.
    struct Counting<S> {
        inner: S,
        reads: usize,
        writes: usize,
    }

    impl<S: AsyncRead + Unpin> AsyncRead for Counting<S> {
        fn poll_read(
            mut self: Pin<&mut Self>,
            cx: &mut Context<'_>,
            buf: &mut ReadBuf<'_>,
        ) -> Poll<io::Result<()>> {
            ready!(Pin::new(&mut self.inner).poll_read(cx, buf))?;
            self.reads += 1;
            Poll::Ready(Ok(()))
        }
    }

    impl<S: AsyncWrite + Unpin> AsyncWrite for Counting<S> {
        fn poll_write(
            mut self: Pin<&mut Self>,
            cx: &mut Context<'_>,
            buf: &[u8],
        ) -> Poll<io::Result<usize>> {
            self.writes += 1;
            Pin::new(&mut self.inner).poll_write(cx, buf)
        }

        fn poll_write_vectored(
            mut self: Pin<&mut Self>,
            cx: &mut Context<'_>,
            bufs: &[io::IoSlice<'_>],
        ) -> Poll<io::Result<usize>> {
            self.writes += 1;
            Pin::new(&mut self.inner).poll_write_vectored(cx, bufs)
        }

        fn is_write_vectored(&self) -> bool {
            self.inner.is_write_vectored()
        }

        fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
            Pin::new(&mut self.inner).poll_flush(cx)
        }

        fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
            Pin::new(&mut self.inner).poll_shutdown(cx)
        }
    }

    impl<S: Stream> Stream for Counting<S> {
        fn poll_readable(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
            self.inner.poll_readable(cx)
        }

        fn set_reset_on_close(&mut self) {
            self.inner.set_reset_on_close();
        }
    }

    #[tokio::test]
    async fn a_write_is_one_write_below_and_a_small_answer_one_read() {
        let fixture = fixture();
        let (client, server) = pair(MemoryOptions { capacity: 1 << 20, backlog: 1 });
        let connector = fixture.connector();
        let counting = Counting { inner: client, reads: 0, writes: 0 };
        let (client, server) = tokio::join!(
            connector.connect(counting, "localhost"),
            accept(server, &fixture.acceptor)
        );
        let (mut client, mut server) = (client.unwrap().0, server.unwrap().0);
        // The tickets are read with the first octets.
        server.write_all(b"x").await.unwrap();
        client.read_u8().await.unwrap();
        // Up to four records of 16 KiB.
        for size in [1, 100, 16 << 10, 60 << 10] {
            let before = client.get_ref().writes;
            let written = client.write(&vec![0; size]).await.unwrap();
            client.flush().await.unwrap();
            assert_eq!((written, client.get_ref().writes - before), (size, 1));
        }
        let before = client.get_ref().reads;
        server.write_all(&[0; 1000]).await.unwrap();
        crate::readable(&mut client).await.unwrap();
        assert_eq!(client.read(&mut [0; 2000]).await.unwrap(), 1000);
        assert_eq!(client.get_ref().reads - before, 1);
    }

    #[tokio::test]
    async fn a_name_no_certificate_could_hold_is_refused() {
        let (client, _server) = pair(MemoryOptions::default());
        let result = fixture().connector().connect(client, "a b").await;
        assert!(matches!(result, Err(TlsError::ServerName(_))), "{result:?}");
    }
}

//! The client's side, for the tools.

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;

use rustls::client::Resumption;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, ring, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{DigitallySignedStruct, RootCertStore, SignatureScheme};
use tokio_rustls::TlsConnector;

use super::identity::{authorities, refused};
use super::key_log::KeyLogFile;
use super::{Identity, TlsConfigError, TlsError, TlsInfo, TlsStream, TlsVersion};
use crate::Stream;

/// Which server certificates a client takes.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Trust {
    /// Any: for tools that test a server of one's own. Whoever sits in between can read along.
    Anyone,
    /// Those signed by one of these certificates, given as PEM text, or being one of them.
    Authorities(Vec<u8>),
    /// Those signed by an authority that the system trusts.
    System,
}

/// Options of a [`Connector`].
#[derive(Clone, Debug)]
pub struct ClientOptions {
    /// Which certificates to take.
    pub trust: Trust,
    /// Protocols to offer by ALPN (RFC 7301), the most preferred first; none offers nothing.
    pub alpn: Vec<Vec<u8>>,
    /// Whether to send the server's name (SNI) if it is not an IP address.
    pub send_server_name: bool,
    /// The versions to offer.
    pub versions: Vec<TlsVersion>,
    /// Whether to resume sessions by tickets (RFC 8446 §2.2), never with early data.
    pub resume: bool,
    /// What to show a server that asks for a certificate.
    pub identity: Option<Identity>,
    /// A file that the secrets of all connections are appended to, as `SSLKEYLOGFILE` of browsers, so that
    /// an analyser can read along.
    pub key_log: Option<PathBuf>,
}

impl ClientOptions {
    /// The usual: no ALPN, the server's name sent, both versions, sessions resumed.
    pub fn new(trust: Trust) -> Self {
        Self {
            trust,
            alpn: Vec::new(),
            send_server_name: true,
            versions: vec![TlsVersion::Tls13, TlsVersion::Tls12],
            resume: true,
            identity: None,
            key_log: None,
        }
    }
}

/// Makes TLS connections. Cheap to clone; clones share the tickets to resume with.
#[derive(Clone)]
pub struct Connector(TlsConnector);

impl Connector {
    /// Makes a connector.
    ///
    /// # Errors
    /// [`TlsConfigError`] when the authorities' text holds no usable certificate, the system trusts nobody, no
    /// version is offered, the identity's key is not its certificate's, or the key log cannot be opened.
    pub fn new(options: ClientOptions) -> Result<Self, TlsConfigError> {
        let provider = Arc::new(ring::default_provider());
        let versions: Vec<_> = options
            .versions
            .iter()
            .map(|version| match version {
                TlsVersion::Tls12 => &rustls::version::TLS12,
                TlsVersion::Tls13 => &rustls::version::TLS13,
            })
            .collect();
        let builder = rustls::ClientConfig::builder_with_provider(Arc::clone(&provider))
            .with_protocol_versions(&versions)
            .map_err(|error| TlsConfigError::Refused {
                source_name: "the list of TLS versions".into(),
                message: error.to_string(),
            })?;
        let builder = match options.trust {
            Trust::Anyone => builder
                .dangerous()
                .with_custom_certificate_verifier(Arc::new(AnyCertificate(provider))),
            Trust::Authorities(text) => builder
                .with_root_certificates(authorities(&text, "the list of trusted certificates")?),
            Trust::System => builder.with_root_certificates(system_authorities()?),
        };
        let mut config = match options.identity {
            None => builder.with_no_client_auth(),
            Some(Identity { chain, key, source }) => builder
                .with_client_auth_cert(chain, key)
                .map_err(|error| refused(&source, error))?,
        };
        if !options.resume {
            config.resumption = Resumption::disabled();
        }
        if let Some(path) = &options.key_log {
            config.key_log = Arc::new(KeyLogFile::open(path)?);
        }
        config.alpn_protocols = options.alpn;
        config.enable_sni = options.send_server_name;
        Ok(Self(TlsConnector::from(Arc::new(config))))
    }

    /// Does the client's side of a handshake with the server called `host`: a name or an IP
    /// address, without brackets. No time limit: wrap it in one.
    ///
    /// # Errors
    /// [`TlsError`].
    pub async fn connect<S: Stream>(
        &self,
        stream: S,
        host: &str,
    ) -> Result<(TlsStream<S>, TlsInfo), TlsError> {
        let name = ServerName::try_from(host.to_owned())
            .map_err(|_| TlsError::ServerName(host.to_owned()))?;
        let sent = match &name {
            ServerName::DnsName(name) if self.0.config().enable_sni => Some(name.to_owned()),
            _ => None,
        };
        let stream = self.0.connect(name, stream).await?;
        let info = TlsInfo::of(stream.get_ref().1, sent.as_ref().map(|name| name.as_ref()))?;
        Ok((TlsStream(stream.into()), info))
    }
}

impl fmt::Debug for Connector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Connector").finish_non_exhaustive()
    }
}

/// Whether a certificate could hold this name of a server: a host name or an IP address, without brackets.
pub fn is_server_name(name: &str) -> bool {
    ServerName::try_from(name).is_ok()
}

/// What the system trusts. Damaged certificates among them are passed over.
fn system_authorities() -> Result<RootCertStore, TlsConfigError> {
    let found = rustls_native_certs::load_native_certs();
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(found.certs);
    if roots.is_empty() {
        return Err(TlsConfigError::NoSystemAuthorities);
    }
    Ok(roots)
}

/// Takes every certificate, but still has the server prove that it holds the key.
#[derive(Debug)]
struct AnyCertificate(Arc<CryptoProvider>);

impl ServerCertVerifier for AnyCertificate {
    fn verify_server_cert(
        &self,
        _end_entity: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        _server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        _now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let algorithms = &self.0.signature_verification_algorithms;
        verify_tls12_signature(message, certificate, signature, algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let algorithms = &self.0.signature_verification_algorithms;
        verify_tls13_signature(message, certificate, signature, algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}

//! The server's side: certificates, configuration, handshake.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use rcgen::{
    CertificateParams, DistinguishedName, DnType, ExtendedKeyUsagePurpose, IsCa, KeyPair,
    KeyUsagePurpose, SanType,
};
use rustls::crypto::ring;
use rustls::server::{NoServerSessionStorage, WebPkiClientVerifier};
use tokio_rustls::TlsAcceptor;

use super::identity::{authorities, refused};
use super::{Identity, TlsConfigError, TlsError, TlsInfo, TlsStream};
use crate::Stream;

/// How long a handshake may take: 10 s, as in Kestrel. Several round trips on a bad link, and short
/// for somebody who holds connections open without a word.
pub const DEFAULT_HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(10);

/// Days a development certificate is valid: long enough for a sprint, short enough that one
/// trusted by a browser and forgotten does no harm.
const DEVELOPMENT_DAYS: u32 = 30;

const DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// What a TLS server needs: certificate chain, key, protocols. Makes an [`Acceptor`].
pub struct ServerConfig {
    identity: Identity,
    alpn: Vec<Vec<u8>>,
    handshake_timeout: Duration,
    /// PEM text of those who sign for clients.
    client_authorities: Option<Vec<u8>>,
}

impl ServerConfig {
    /// A configuration with that identity.
    pub fn new(identity: Identity) -> Self {
        Self {
            identity,
            alpn: Vec::new(),
            handshake_timeout: DEFAULT_HANDSHAKE_TIMEOUT,
            client_authorities: None,
        }
    }

    /// Reads the identity from files; see [`Identity::from_pem_files`].
    ///
    /// # Errors
    /// [`TlsConfigError`], which names the file and its fault.
    pub fn from_pem_files(chain: &Path, key: &Path) -> Result<Self, TlsConfigError> {
        Identity::from_pem_files(chain, key).map(Self::new)
    }

    /// Takes the identity as PEM text; see [`Identity::from_pem`].
    ///
    /// # Errors
    /// As [`from_pem_files`](Self::from_pem_files), but no file is named.
    pub fn from_pem(chain: &[u8], key: &[u8]) -> Result<Self, TlsConfigError> {
        Identity::from_pem(chain, key).map(Self::new)
    }

    /// Sets the protocols to choose from by ALPN (RFC 7301 §3.2), the most preferred first; `h2`
    /// and `http/1.1` for instance. A client that offers only others is refused with an alert.
    pub fn alpn(mut self, protocols: &[&[u8]]) -> Self {
        self.alpn = protocols.iter().map(|protocol| protocol.to_vec()).collect();
        self
    }

    /// Sets how long a handshake may take. Default [`DEFAULT_HANDSHAKE_TIMEOUT`].
    pub fn handshake_timeout(mut self, timeout: Duration) -> Self {
        self.handshake_timeout = timeout;
        self
    }

    /// Takes only clients with a certificate that one of these (PEM text) has signed, or that is one
    /// of them. Default: clients need none.
    pub fn client_authorities(mut self, pem: Vec<u8>) -> Self {
        self.client_authorities = Some(pem);
        self
    }

    /// Checks everything and makes the acceptor.
    ///
    /// # Errors
    /// [`TlsConfigError::Refused`] when the key is of an unknown kind or is not the certificate's, or
    /// when the text of the clients' authorities holds no usable certificate.
    pub fn build(self) -> Result<Acceptor, TlsConfigError> {
        let Identity { chain, key, source } = self.identity;
        let refused = |error| refused(&source, error);
        let provider = Arc::new(ring::default_provider());
        let builder = rustls::ServerConfig::builder_with_provider(Arc::clone(&provider))
            .with_protocol_versions(&[&rustls::version::TLS13, &rustls::version::TLS12])
            .map_err(refused)?;
        let builder = match &self.client_authorities {
            None => builder.with_no_client_auth(),
            Some(text) => {
                const SOURCE: &str = "the list of the clients' authorities";
                let roots = Arc::new(authorities(text, SOURCE)?);
                let verifier = WebPkiClientVerifier::builder_with_provider(roots, provider).build();
                builder.with_client_cert_verifier(verifier.map_err(|error| {
                    TlsConfigError::Refused {
                        source_name: SOURCE.into(),
                        message: error.to_string(),
                    }
                })?)
            }
        };
        let mut config = builder.with_single_cert(chain, key).map_err(refused)?;
        config.alpn_protocols = self.alpn;
        config.max_early_data_size = 0;
        // Tickets alone: what a client resumes from is kept by the client.
        config.session_storage = Arc::new(NoServerSessionStorage {});
        config.ticketer = ring::Ticketer::new().map_err(refused)?;
        Ok(Acceptor {
            inner: TlsAcceptor::from(Arc::new(config)),
            handshake_timeout: self.handshake_timeout,
        })
    }
}

impl fmt::Debug for ServerConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ServerConfig").field("identity", &self.identity).finish_non_exhaustive()
    }
}

/// A certificate signed by itself, for development only.
#[derive(Clone)]
pub struct DevelopmentCertificate {
    /// The certificate, for a user's list of trusted ones.
    pub certificate_pem: String,
    /// The private key; keep it as such.
    pub key_pem: String,
}

impl DevelopmentCertificate {
    /// A configuration with this certificate.
    ///
    /// # Errors
    /// As [`ServerConfig::from_pem`].
    pub fn server_config(&self) -> Result<ServerConfig, TlsConfigError> {
        ServerConfig::from_pem(self.certificate_pem.as_bytes(), self.key_pem.as_bytes())
    }
}

impl fmt::Debug for DevelopmentCertificate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DevelopmentCertificate").finish_non_exhaustive()
    }
}

/// Makes a new certificate for `localhost`, `127.0.0.1` and `::1`: ECDSA P-256, valid from
/// yesterday (clocks differ) for 30 days, not able to sign others.
///
/// # Errors
/// [`TlsConfigError::Refused`] when the system gives no random numbers.
pub fn development_certificate() -> Result<DevelopmentCertificate, TlsConfigError> {
    let refused = |error: rcgen::Error| TlsConfigError::Refused {
        source_name: "the development certificate".into(),
        message: error.to_string(),
    };
    let since_1970 = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    let now = rcgen::date_time_ymd(1970, 1, 1) + since_1970;
    let mut params = CertificateParams::new(vec!["localhost".to_owned()]).map_err(refused)?;
    params.subject_alt_names.push(SanType::IpAddress(IpAddr::V4(Ipv4Addr::LOCALHOST)));
    params.subject_alt_names.push(SanType::IpAddress(IpAddr::V6(Ipv6Addr::LOCALHOST)));
    params.distinguished_name = DistinguishedName::new();
    params.distinguished_name.push(DnType::CommonName, "falconry development certificate");
    params.not_before = now - DAY;
    params.not_after = now + DAY * DEVELOPMENT_DAYS;
    params.is_ca = IsCa::ExplicitNoCa;
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    let key = KeyPair::generate_for(&rcgen::PKCS_ECDSA_P256_SHA256).map_err(refused)?;
    let certificate = params.self_signed(&key).map_err(refused)?;
    Ok(DevelopmentCertificate { certificate_pem: certificate.pem(), key_pem: key.serialize_pem() })
}

/// Accepts TLS handshakes. Cheap to clone; all workers share one, so that any of them resumes
/// what another began.
#[derive(Clone)]
pub struct Acceptor {
    inner: TlsAcceptor,
    handshake_timeout: Duration,
}

impl fmt::Debug for Acceptor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Acceptor")
            .field("handshake_timeout", &self.handshake_timeout)
            .finish_non_exhaustive()
    }
}

/// Does the server's side of a handshake.
///
/// # Errors
/// [`TlsError`]; the peer has then been sent an alert where one is due, as far as it takes it.
pub async fn accept<S: Stream>(
    stream: S,
    acceptor: &Acceptor,
) -> Result<(TlsStream<S>, TlsInfo), TlsError> {
    let handshake = acceptor.inner.accept(stream);
    let stream = tokio::time::timeout(acceptor.handshake_timeout, handshake)
        .await
        .map_err(|_| TlsError::Timeout)??;
    let session = stream.get_ref().1;
    let info = TlsInfo::of(session, session.server_name())?;
    Ok((TlsStream(stream.into()), info))
}

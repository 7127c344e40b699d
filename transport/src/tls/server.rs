//! The server's side: certificates, configuration, handshake.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use rcgen::{
    CertificateParams, DistinguishedName, DnType, ExtendedKeyUsagePurpose, IsCa, KeyPair,
    KeyUsagePurpose, SanType,
};
use rustls::crypto::ring;
use rustls::pki_types::pem::{self, PemObject};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::NoServerSessionStorage;
use tokio_rustls::TlsAcceptor;

use super::{TlsError, TlsInfo, TlsStream};
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
    chain: Vec<CertificateDer<'static>>,
    key: PrivateKeyDer<'static>,
    /// Where both came from, for the error about a pair that does not match.
    source: String,
    alpn: Vec<Vec<u8>>,
    handshake_timeout: Duration,
}

impl ServerConfig {
    /// Reads a certificate chain, the server's own first, and its private key (PKCS #8, PKCS #1 or
    /// SEC 1, not encrypted) from PEM files; both may be in one file.
    ///
    /// # Errors
    /// [`TlsConfigError`], which names the file and its fault.
    pub fn from_pem_files(chain: &Path, key: &Path) -> Result<Self, TlsConfigError> {
        let read = |path: &Path| {
            std::fs::read(path).map_err(|error| TlsConfigError::Read {
                path: path.into(),
                message: error.to_string(),
            })
        };
        let (chain_pem, key_pem) = (read(chain)?, read(key)?);
        Self::new(&chain_pem, &chain.display().to_string(), &key_pem, &key.display().to_string())
    }

    /// Takes certificate chain and private key as PEM text.
    ///
    /// # Errors
    /// As [`from_pem_files`](Self::from_pem_files), but no file is named.
    pub fn from_pem(chain: &[u8], key: &[u8]) -> Result<Self, TlsConfigError> {
        Self::new(chain, "the certificate's PEM text", key, "the key's PEM text")
    }

    fn new(
        chain_pem: &[u8],
        chain_source: &str,
        key_pem: &[u8],
        key_source: &str,
    ) -> Result<Self, TlsConfigError> {
        let chain = parse_certificates(chain_pem, chain_source)?;
        let key = PrivateKeyDer::from_pem_slice(key_pem).map_err(|error| match error {
            pem::Error::NoItemsFound if is_encrypted(key_pem) => {
                TlsConfigError::EncryptedKey { source_name: key_source.into() }
            }
            pem::Error::NoItemsFound => TlsConfigError::NoKey { source_name: key_source.into() },
            error => {
                TlsConfigError::Pem { source_name: key_source.into(), message: error.to_string() }
            }
        })?;
        Ok(Self {
            chain,
            key,
            source: format!("{chain_source} and {key_source}"),
            alpn: Vec::new(),
            handshake_timeout: DEFAULT_HANDSHAKE_TIMEOUT,
        })
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

    /// Checks everything and makes the acceptor.
    ///
    /// # Errors
    /// [`TlsConfigError::Refused`] when the key is of an unknown kind or is not the certificate's.
    pub fn build(self) -> Result<Acceptor, TlsConfigError> {
        let refused = |error: rustls::Error| TlsConfigError::Refused {
            source_name: self.source.clone(),
            message: match error {
                rustls::Error::InconsistentKeys(_) => "the key is not the certificate's".into(),
                other => other.to_string(),
            },
        };
        let mut config =
            rustls::ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
                .with_protocol_versions(&[&rustls::version::TLS13, &rustls::version::TLS12])
                .map_err(refused)?
                .with_no_client_auth()
                .with_single_cert(self.chain, self.key)
                .map_err(refused)?;
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
        f.debug_struct("ServerConfig").field("source", &self.source).finish_non_exhaustive()
    }
}

/// Reads all certificates of a PEM text; there must be one.
pub(super) fn parse_certificates(
    text: &[u8],
    source_name: &str,
) -> Result<Vec<CertificateDer<'static>>, TlsConfigError> {
    let certificates = CertificateDer::pem_slice_iter(text).collect::<Result<Vec<_>, _>>();
    match certificates {
        Ok(certificates) if certificates.is_empty() => {
            Err(TlsConfigError::NoCertificate { source_name: source_name.into() })
        }
        Ok(certificates) => Ok(certificates),
        Err(error) => {
            Err(TlsConfigError::Pem { source_name: source_name.into(), message: error.to_string() })
        }
    }
}

fn is_encrypted(key_pem: &[u8]) -> bool {
    let label = b"-----BEGIN ENCRYPTED PRIVATE KEY-----";
    key_pem.windows(label.len()).any(|window| window == label)
}

/// What is wrong with certificates or keys. `source_name` is the file, or what stands for it.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum TlsConfigError {
    /// A file cannot be read.
    #[error("failed to read {}: {message}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// What the system says.
        message: String,
    },
    /// The text is not PEM.
    #[error("{source_name} is damaged: {message}")]
    Pem {
        /// Where it came from.
        source_name: String,
        /// What is wrong.
        message: String,
    },
    /// No certificate in the text.
    #[error("{source_name} holds no certificate; it should have a BEGIN CERTIFICATE line")]
    NoCertificate {
        /// Where it came from.
        source_name: String,
    },
    /// No private key in the text.
    #[error("{source_name} holds no private key; it should have a BEGIN PRIVATE KEY line")]
    NoKey {
        /// Where it came from.
        source_name: String,
    },
    /// The private key needs a pass phrase.
    #[error("the private key in {source_name} is encrypted; decrypt it with `openssl pkey`, say")]
    EncryptedKey {
        /// Where it came from.
        source_name: String,
    },
    /// Certificate or key is read, but cannot be used.
    #[error("{source_name} cannot be used: {message}")]
    Refused {
        /// Where it came from.
        source_name: String,
        /// Why.
        message: String,
    },
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_files_name_and_fault_are_told() {
        let directory = std::env::temp_dir().join(format!("falconry-tls-{}", std::process::id()));
        std::fs::create_dir_all(&directory).unwrap();
        let good = development_certificate().unwrap();
        let other = development_certificate().unwrap();
        let file = |name: &str, content: &str| {
            let path = directory.join(name);
            std::fs::write(&path, content).unwrap();
            path
        };
        let chain = file("chain.pem", &good.certificate_pem);
        let key = file("key.pem", &good.key_pem);
        let both = file("both.pem", &format!("{}{}", good.key_pem, good.certificate_pem));
        let theirs = file("theirs.pem", &other.key_pem);
        let empty = file("empty.pem", "nothing here\n");
        let encrypted = file(
            "encrypted.pem",
            "-----BEGIN ENCRYPTED PRIVATE KEY-----\nAAAA\n-----END ENCRYPTED PRIVATE KEY-----\n",
        );
        let cut = file("cut.pem", "-----BEGIN CERTIFICATE-----\nAAAA\n");
        let garbage =
            file("garbage.pem", "-----BEGIN CERTIFICATE-----\n!!\n-----END CERTIFICATE-----\n");
        let missing = directory.join("missing.pem");

        let build = |chain, key| ServerConfig::from_pem_files(chain, key)?.build();
        build(&chain, &key).unwrap();
        build(&both, &both).unwrap();
        for (chain, key, named, says) in [
            (&missing, &key, "missing.pem", "failed to read"),
            (&empty, &key, "empty.pem", "no certificate"),
            (&key, &key, "key.pem", "no certificate"),
            (&cut, &key, "cut.pem", "damaged"),
            (&garbage, &key, "garbage.pem", "damaged"),
            (&chain, &empty, "empty.pem", "no private key"),
            (&chain, &chain, "chain.pem", "no private key"),
            (&chain, &encrypted, "encrypted.pem", "is encrypted"),
            (&chain, &theirs, "theirs.pem", "not the certificate's"),
        ] {
            let error = build(chain, key).unwrap_err().to_string();
            assert!(error.contains(named) && error.contains(says), "{error}");
        }
        std::fs::remove_dir_all(directory).unwrap();
    }
}

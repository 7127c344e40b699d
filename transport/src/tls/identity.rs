//! Certificates and keys as PEM text (RFC 7468), and what can be wrong with them.

use std::fmt;
use std::path::{Path, PathBuf};

use rustls::RootCertStore;
use rustls::pki_types::pem::{self, PemObject};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};

/// A certificate chain and its private key: what a server shows, and a client that is asked.
pub struct Identity {
    pub(super) chain: Vec<CertificateDer<'static>>,
    pub(super) key: PrivateKeyDer<'static>,
    /// Where both came from, for the error about a pair that does not match.
    pub(super) source: String,
}

impl Identity {
    /// Reads a certificate chain, the owner's own first, and its private key (PKCS #8, PKCS #1 or
    /// SEC 1, not encrypted) from PEM files; both may be in one file.
    ///
    /// # Errors
    /// [`TlsConfigError`], which names the file and its fault.
    pub fn from_pem_files(chain: &Path, key: &Path) -> Result<Self, TlsConfigError> {
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
        Ok(Self { chain, key, source: format!("{chain_source} and {key_source}") })
    }
}

impl Clone for Identity {
    fn clone(&self) -> Self {
        Self { chain: self.chain.clone(), key: self.key.clone_key(), source: self.source.clone() }
    }
}

/// Without the key.
impl fmt::Debug for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Identity").field("source", &self.source).finish_non_exhaustive()
    }
}

/// Reads a file.
pub(super) fn read(path: &Path) -> Result<Vec<u8>, TlsConfigError> {
    std::fs::read(path)
        .map_err(|error| TlsConfigError::Read { path: path.into(), message: error.to_string() })
}

/// What rustls says about an identity.
pub(super) fn refused(source: &str, error: rustls::Error) -> TlsConfigError {
    TlsConfigError::Refused {
        source_name: source.into(),
        message: match error {
            rustls::Error::InconsistentKeys(_) => "the key is not the certificate's".into(),
            other => other.to_string(),
        },
    }
}

/// Reads the certificates of those who may sign for others.
pub(super) fn authorities(text: &[u8], source: &str) -> Result<RootCertStore, TlsConfigError> {
    let mut roots = RootCertStore::empty();
    for certificate in parse_certificates(text, source)? {
        roots.add(certificate).map_err(|error| refused(source, error))?;
    }
    Ok(roots)
}

/// Reads all certificates of a PEM text; there must be one.
fn parse_certificates(
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
    /// The key log cannot be opened for writing.
    #[error("failed to open the key log {}: {message}", path.display())]
    KeyLog {
        /// The file.
        path: PathBuf,
        /// What the system says.
        message: String,
    },
    /// The system has no list of trusted certificates, or an empty one.
    #[error(
        "this system trusts no certificates; install its ca-certificates, or name some yourself"
    )]
    NoSystemAuthorities,
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

#[cfg(test)]
mod tests {
    use crate::tls::{ServerConfig, development_certificate};

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

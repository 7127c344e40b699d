//! What can be wrong with a server's certificate.

use falconry_transport::tls::CertificateError;

/// Why the server's certificate was refused (RFC 5280 §6).
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd, thiserror::Error)]
pub enum CertificateFault {
    /// Nobody we trust has signed it.
    #[error("nobody who is trusted has signed it")]
    UnknownIssuer,
    /// It is made out for other names.
    #[error("it is made out for another name")]
    WrongName,
    /// Its time is over.
    #[error("it has expired")]
    Expired,
    /// Its time has not come.
    #[error("it is not valid yet")]
    NotValidYet,
    /// Its authority has taken it back.
    #[error("it is revoked")]
    Revoked,
    /// It is not for servers.
    #[error("it is not made for servers")]
    WrongPurpose,
    /// It is that of an authority.
    #[error("it is that of an authority (CA:TRUE), not of a server")]
    Authority,
    /// A signature does not hold, or is of a kind we do not know.
    #[error("its signature does not hold")]
    BadSignature,
    /// It cannot be read.
    #[error("it is damaged")]
    BadEncoding,
    /// Anything else.
    #[error("it breaks a rule")]
    Other,
}

impl CertificateFault {
    /// All of them.
    pub const ALL: &'static [Self] = &[
        Self::UnknownIssuer,
        Self::WrongName,
        Self::Expired,
        Self::NotValidYet,
        Self::Revoked,
        Self::WrongPurpose,
        Self::Authority,
        Self::BadSignature,
        Self::BadEncoding,
        Self::Other,
    ];

    /// The name in files.
    pub const fn name(self) -> &'static str {
        match self {
            Self::UnknownIssuer => "unknown-issuer",
            Self::WrongName => "wrong-name",
            Self::Expired => "expired",
            Self::NotValidYet => "not-valid-yet",
            Self::Revoked => "revoked",
            Self::WrongPurpose => "wrong-purpose",
            Self::Authority => "authority",
            Self::BadSignature => "bad-signature",
            Self::BadEncoding => "bad-encoding",
            Self::Other => "other",
        }
    }
}

impl From<CertificateError> for CertificateFault {
    fn from(error: CertificateError) -> Self {
        use CertificateError as Theirs;
        match error {
            Theirs::UnknownIssuer => Self::UnknownIssuer,
            Theirs::NotValidForName | Theirs::NotValidForNameContext { .. } => Self::WrongName,
            Theirs::Expired | Theirs::ExpiredContext { .. } => Self::Expired,
            Theirs::NotValidYet | Theirs::NotValidYetContext { .. } => Self::NotValidYet,
            Theirs::Revoked => Self::Revoked,
            Theirs::InvalidPurpose | Theirs::InvalidPurposeContext { .. } => Self::WrongPurpose,
            Theirs::BadSignature
            | Theirs::UnsupportedSignatureAlgorithmContext { .. }
            | Theirs::UnsupportedSignatureAlgorithmForPublicKeyContext { .. } => Self::BadSignature,
            Theirs::BadEncoding => Self::BadEncoding,
            _ => Self::Other,
        }
    }
}

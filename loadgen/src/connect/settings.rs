//! What the command line says about connections, beside the URL.

use std::net::IpAddr;
use std::path::PathBuf;
use std::time::Duration;

use falconry_transport::tls::{self, ClientOptions, Identity, TlsConfigError, TlsVersion};
use falconry_transport::{Origin, Target as Place};

use crate::protocol::{Announced, Protocol};

/// Which server certificates are taken.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub enum Trust {
    /// Those that an authority of the system vouches for, whatever the target: a load test that takes any certificate
    /// without being told would not notice that it talks to somebody else.
    #[default]
    System,
    /// Those that one of the certificates in this PEM file vouches for, and these themselves: `--cacert`.
    File(PathBuf),
    /// Any: `--insecure`. The handshake costs a little less, since no chain is verified.
    Anyone,
}

/// How connections are opened.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Where to connect to instead of the URL's host and port, in turn; see [`connect_to`]. Host and TLS name stay the
    /// URL's. Default none.
    pub connect_to: Vec<Place>,
    /// Addresses of this machine to connect from, in turn. Each has local ports of its own (28232 on Linux as a rule).
    /// Default none: the system chooses.
    pub sources: Vec<IpAddr>,
    /// How long opening may take, from the name to the end of the handshake. Default 10 s: long enough for a SYN
    /// that has to be sent again three times.
    pub timeout: Option<Duration>,
    /// The name to ask for by TLS and to find in the certificate. Default the URL's host.
    pub server_name: Option<String>,
    /// Whether to send that name (SNI, RFC 6066 §3). Addresses are never sent. Default true.
    pub send_server_name: bool,
    /// What to offer by ALPN. Default what the protocol is called: `http/1.1` or `h2`.
    pub alpn: Option<Vec<Vec<u8>>>,
    /// Which certificates to take. Default those that the system trusts.
    pub trust: Trust,
    /// PEM files of the client's certificate chain and its key. Default none.
    pub identity: Option<(PathBuf, PathBuf)>,
    /// The TLS versions to offer. Default both.
    pub versions: Vec<TlsVersion>,
    /// Whether connections resume the sessions of earlier ones. Default false: a new connection stands for a new
    /// client, which shakes hands in full. There is never early data.
    pub resume: bool,
    /// A file that the secrets of TLS are appended to. Default none.
    pub key_log: Option<PathBuf>,
    /// What connections announce once they are open. Default that of the protocols.
    pub announced: Announced,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            connect_to: Vec::new(),
            sources: Vec::new(),
            timeout: Some(Duration::from_secs(10)),
            server_name: None,
            send_server_name: true,
            alpn: None,
            trust: Trust::System,
            identity: None,
            versions: vec![TlsVersion::Tls13, TlsVersion::Tls12],
            resume: false,
            key_log: None,
            announced: Announced::default(),
        }
    }
}

impl Settings {
    pub(super) fn tls_options(&self, protocol: Protocol) -> Result<ClientOptions, String> {
        let trust = match &self.trust {
            Trust::System => tls::Trust::System,
            Trust::Anyone => tls::Trust::Anyone,
            Trust::File(path) => {
                let text = std::fs::read(path);
                tls::Trust::Authorities(text.map_err(|error| {
                    format!("failed to read the certificates to trust, {}: {error}", path.display())
                })?)
            }
        };
        let identity = match &self.identity {
            None => None,
            Some((chain, key)) => {
                Some(Identity::from_pem_files(chain, key).map_err(|error| mend(&error))?)
            }
        };
        Ok(ClientOptions {
            trust,
            alpn: self.alpn.clone().unwrap_or_else(|| vec![alpn(protocol).to_vec()]),
            send_server_name: self.send_server_name,
            versions: self.versions.clone(),
            resume: self.resume,
            identity,
            key_log: self.key_log.clone(),
        })
    }
}

/// The name of a protocol in ALPN (RFC 7301 §6, RFC 9113 §3.1).
const fn alpn(protocol: Protocol) -> &'static [u8] {
    match protocol {
        Protocol::H1 => b"http/1.1",
        Protocol::H2 => b"h2",
    }
}

/// A fault of the TLS settings as a sentence that names the option which mends it.
pub(super) fn mend(error: &TlsConfigError) -> String {
    match error {
        TlsConfigError::NoSystemAuthorities => {
            "this system trusts no certificates; name those to trust by --cacert, or take any by --insecure".into()
        }
        error => error.to_string(),
    }
}

/// Reads a place for [`Settings::connect_to`]: `HOST:PORT` or `unix:PATH`.
///
/// # Errors
/// What is wrong with it and how to mend it, in a sentence.
pub fn connect_to(text: &str) -> Result<Place, String> {
    let (origin, behind) = match text.contains("://") {
        true => return Err(format!("`{text}` is a URL; write HOST:PORT or unix:PATH")),
        false => Origin::split(text).map_err(|error| error.to_string())?,
    };
    if !behind.is_empty() {
        return Err(format!("a place ends with the port; drop `{behind}`"));
    }
    Ok(origin.place().clone())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_read() {
        assert!(matches!(connect_to("[::1]:80"), Ok(Place::Tcp(host, 80)) if host == "::1"));
        #[cfg(unix)]
        assert!(matches!(connect_to("unix:/a"), Ok(Place::Unix(path)) if path.ends_with("a")));
        for (text, word) in
            [("http://h:80", "HOST:PORT"), ("h:80/", "drop `/`"), ("h", "no port"), ("h:x", "port")]
        {
            let error = connect_to(text).unwrap_err();
            assert!(error.contains(word), "{text}: {error}");
        }
    }
}

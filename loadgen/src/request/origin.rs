//! Where requests go: scheme and authority (RFC 9110 §4.2, §4.3.1).

use falconry_transport::Origin;
use falconry_wire::authority::Authority;

/// Takes a URL apart: its origin, and its target in origin-form.
///
/// # Errors
/// What is wrong with it, and how to mend it.
pub(super) fn split(url: &str) -> Result<(Origin, String), String> {
    if url.starts_with("unix:") {
        return Err(format!("`{url}` is no URL; give the socket as the target, and paths here"));
    }
    let (origin, target) = Origin::split(url).map_err(|error| error.to_string())?;
    let slash = if target.starts_with('/') { "" } else { "/" };
    Ok((origin, format!("{slash}{target}")))
}

/// Whether requests for both are the same: scheme, host and port. Names are the same in any case.
pub(super) fn is_same(one: &Origin, other: &Origin) -> bool {
    one.scheme() == other.scheme() && one.authority().eq_ignore_ascii_case(other.authority())
}

/// Checks what goes into Host.
///
/// # Errors
/// What is wrong with it, and how to mend it.
pub(super) fn check_authority(authority: &str) -> Result<(), String> {
    match Authority::parse(authority.as_bytes()) {
        // RFC 9110 §4.2.1: an http URI with an empty host is invalid.
        Some(authority) if !authority.host.is_empty() => Ok(()),
        _ => Err(format!(
            "`{authority}` is no host with or without a port; write it like `localhost:8080` or `[::1]:8080`"
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls_come_apart() {
        for (url, origin, target) in [
            ("http://a", "http://a", "/"),
            ("HTTPS://A:8443/b/c?d=e", "https://A:8443", "/b/c?d=e"),
            ("http://[::1]:80?x", "http://[::1]", "/?x"),
            ("http://a:/", "http://a", "/"),
        ] {
            let (read, behind) = split(url).unwrap();
            assert_eq!((read.to_string().as_str(), behind.as_str()), (origin, target));
        }
    }

    #[test]
    fn what_is_no_url_of_ours_is_refused() {
        for (url, word) in [
            ("a/b", "no port"),
            ("ftp://a/", "no scheme"),
            ("http://u:p@a/", "no user name"),
            ("http:///x", "no host"),
            ("http://a b/", "no host"),
            ("http://a:99999/", "no port"),
            ("unix:/x://y", "as the target"),
        ] {
            let message = split(url).unwrap_err();
            assert!(message.contains(word), "{url}: {message}");
        }
    }

    #[test]
    fn spelling_makes_no_other_origin() {
        let origin = |url| split(url).unwrap().0;
        assert!(is_same(&origin("http://a"), &origin("http://A:80/x")));
        assert!(is_same(&origin("https://a:443"), &origin("https://a")));
        for other in ["https://a:80", "http://b", "http://a:81"] {
            assert!(!is_same(&origin("http://a"), &origin(other)), "{other}");
        }
    }
}

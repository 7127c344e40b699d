//! The limit of descriptors.

/// Descriptors beside the connections: standard streams, files of reports, the runtimes' and pacers' own, and one in
/// transit for each thread.
const OTHERS: u64 = 64;

/// Raises this process's soft limit of descriptors as far as `connections` need it.
///
/// # Errors
/// The arithmetic and how to mend it, in a sentence, when the hard limit is too low.
pub fn raise_descriptor_limit(connections: u64) -> Result<(), String> {
    #[cfg(unix)]
    {
        use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
        let limit = getrlimit(Resource::Nofile);
        // `None` is no limit.
        let (soft, hard) = (limit.current.unwrap_or(u64::MAX), limit.maximum.unwrap_or(u64::MAX));
        if let Some(raised) = raised(connections, soft, hard)? {
            setrlimit(Resource::Nofile, Rlimit { current: Some(raised), maximum: limit.maximum })
                .map_err(|error| {
                format!("failed to raise the limit of descriptors from {soft} to {raised}: {error}")
            })?;
        }
    }
    #[cfg(not(unix))]
    let _ = connections;
    Ok(())
}

/// What the soft limit has to become; `None` if it is enough.
fn raised(connections: u64, soft: u64, hard: u64) -> Result<Option<u64>, String> {
    let needed = connections.saturating_add(OTHERS);
    if needed <= soft {
        return Ok(None);
    }
    if needed > hard {
        return Err(format!(
            "{connections} connections need {needed} descriptors ({OTHERS} for all else), and this process may have \
             {hard}; open at most {} connections, or raise the hard limit (`ulimit -Hn {needed}` as root)",
            hard.saturating_sub(OTHERS)
        ));
    }
    Ok(Some(needed))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_soft_limit_rises_to_what_is_needed_and_no_further() {
        assert_eq!(raised(100, 1024, 4096), Ok(None));
        assert_eq!(raised(960, 1024, 4096), Ok(None));
        assert_eq!(raised(961, 1024, 4096), Ok(Some(1025)));
        assert_eq!(raised(4032, 1024, 4096), Ok(Some(4096)));
        let error = raised(4033, 1024, 4096).unwrap_err();
        assert!(error.contains("4033 connections need 4097 descriptors"), "{error}");
        assert!(error.contains("at most 4032 connections"), "{error}");
        assert!(raised(u64::MAX, 1024, 4096).is_err());
        assert_eq!(raise_descriptor_limit(1), Ok(()));
    }
}

//! Validators of the target's own (RFC 9110 §8.8), which other topics put into their conditions.

use std::time::{Duration, SystemTime};

use crate::probe::{Miss, Probe};
use crate::transcript::Response;

/// What GET of a resource gave, and its entity tag.
pub(super) struct Tagged {
    pub response: Response,
    /// As it stands in ETag.
    pub tag: String,
}

/// A resource's date of modification, and the server's time.
pub(super) struct Dated {
    /// Last-Modified.
    pub modified: SystemTime,
    /// Date.
    pub now: SystemTime,
}

impl Tagged {
    /// GET of `path`; a skip where the answer has no entity tag.
    pub(super) async fn get(probe: &Probe, path: &str) -> Result<Self, Miss> {
        let response = probe.get(path).await?;
        response.expect_status(&[200])?;
        let tag = response.text("ETag").ok_or_else(|| Miss::skip(format!("{path} has no ETag")))?;
        Ok(Self { response, tag })
    }

    /// As [`Self::get`]; a skip where the entity tag is weak.
    pub(super) async fn get_strong(probe: &Probe, path: &str) -> Result<Self, Miss> {
        let tagged = Self::get(probe, path).await?;
        if tagged.is_weak() {
            return Err(Miss::skip(format!("the ETag of {path} is weak")));
        }
        Ok(tagged)
    }

    /// Whether it is marked as weak (RFC 9110 §8.8.3).
    pub(super) fn is_weak(&self) -> bool {
        self.tag.starts_with("W/")
    }

    /// The tag without its mark of weakness.
    pub(super) fn opaque(&self) -> &str {
        self.tag.strip_prefix("W/").unwrap_or(&self.tag)
    }
}

impl Dated {
    /// GET of `path`; a skip where the answer has no date of modification, or no time to compare it with.
    pub(super) async fn get(probe: &Probe, path: &str) -> Result<Self, Miss> {
        let response = probe.get(path).await?;
        response.expect_status(&[200])?;
        let date = |name: &str| {
            response.text(name).and_then(|value| httpdate::parse_http_date(&value).ok())
        };
        let modified = date("Last-Modified")
            .ok_or_else(|| Miss::skip(format!("{path} has no Last-Modified")))?;
        let now = date("Date").ok_or_else(|| Miss::skip(format!("{path} has no Date")))?;
        Ok(Self { modified, now })
    }

    /// Last-Modified as a date is sent today.
    pub(super) fn fixdate(&self) -> String {
        httpdate::fmt_http_date(self.modified)
    }

    /// A day before the last modification.
    pub(super) fn day_before(&self) -> String {
        let before = self.modified.checked_sub(DAY).unwrap_or(SystemTime::UNIX_EPOCH);
        httpdate::fmt_http_date(before)
    }
}

const DAY: Duration = Duration::from_secs(24 * 60 * 60);

//! What cases in code expect of a response; each gives the sentence that explains its miss.

use std::fmt::Debug;

use super::miss::Miss;
use crate::transcript::Response;

impl Response {
    /// Its status is one of `accepted`.
    pub fn expect_status(&self, accepted: &[u16]) -> Result<(), Miss> {
        if accepted.contains(&self.status) {
            return Ok(());
        }
        let accepted: Vec<_> = accepted.iter().map(u16::to_string).collect();
        Err(Miss::new(format!("expected {}, got {}", accepted.join(" or "), self.status)))
    }

    /// Its status is of a class: 2 for 2xx.
    pub fn expect_class(&self, class: u16) -> Result<(), Miss> {
        if self.status / 100 == class {
            return Ok(());
        }
        Err(Miss::new(format!("expected {class}xx, got {}", self.status)))
    }

    /// It is a whole message, framed without a fault.
    pub fn expect_whole(&self) -> Result<(), Miss> {
        match &self.fault {
            None => Ok(()),
            Some(fault) => Err(Miss::new(format!("expected a whole {}, got {fault}", self.status))),
        }
    }

    /// It has a field of that name: its value as text.
    pub fn expect_field(&self, name: &str) -> Result<String, Miss> {
        self.text(name).ok_or_else(|| {
            Miss::new(format!("expected {name} in the {} response, got none", self.status))
        })
    }

    /// It has no field of that name.
    pub fn expect_absent(&self, name: &str) -> Result<(), Miss> {
        match self.text(name) {
            None => Ok(()),
            Some(value) => Err(Miss::new(format!(
                "expected no {name} in the {} response, got {value:?}",
                self.status
            ))),
        }
    }

    /// Its field of that name has exactly that value.
    pub fn expect_value(&self, name: &str, value: &str) -> Result<(), Miss> {
        expect_equal(name, value, self.expect_field(name)?.as_str())
    }

    /// Its list-based field of that name has that member, whatever its case.
    pub fn expect_member(&self, name: &str, member: &str) -> Result<(), Miss> {
        if self.has_member(name, member) {
            return Ok(());
        }
        let value = self.text(name).unwrap_or_else(|| "no such field".into());
        Err(Miss::new(format!("expected {member} in {name}, got {value:?}")))
    }

    /// Its content is exactly that.
    pub fn expect_content(&self, content: impl AsRef<[u8]>) -> Result<(), Miss> {
        let content = content.as_ref();
        if self.content == content {
            return Ok(());
        }
        let at =
            content.iter().zip(&self.content).take_while(|(left, right)| left == right).count();
        Err(Miss::new(format!(
            "expected content of {} octets, got {} octets that differ from octet {at} on",
            content.len(),
            self.content.len()
        )))
    }
}

impl Response {
    /// This answer to HEAD has the fields that `get` has (RFC 9110 §9.3.2), but for those that a server
    /// may leave out because only making the content would tell.
    ///
    /// # Errors
    /// It has not.
    pub fn expect_fields_of(&self, get: &Self) -> Result<(), Miss> {
        let left_out = ["content-length", "transfer-encoding", "vary", "trailer"];
        let names = |response: &Self| {
            let mut names: Vec<_> =
                response.fields.iter().map(|(name, _)| name.to_ascii_lowercase()).collect();
            names.retain(|name| !left_out.contains(&name.as_str()));
            names.sort();
            names.dedup();
            names
        };
        expect_equal("fields of HEAD", &names(get), &names(self))?;
        for name in ["Content-Type", "ETag", "Last-Modified", "Cache-Control"] {
            expect_equal(&format!("{name} of HEAD"), &get.text(name), &self.text(name))?;
        }
        Ok(())
    }
}

/// `got` equals `expected`; `what` names the thing in the sentence.
pub fn expect_equal<T: Debug + PartialEq + ?Sized>(
    what: &str,
    expected: &T,
    got: &T,
) -> Result<(), Miss> {
    if expected == got {
        return Ok(());
    }
    Err(Miss::new(format!("expected {what} {expected:?}, got {got:?}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_miss_says_what_was_expected_and_what_was_got() {
        let response = Response { status: 200, content: b"help".to_vec(), ..Response::default() };
        let misses = [
            response.expect_status(&[304, 412]).unwrap_err(),
            response.expect_field("ETag").unwrap_err(),
            response.expect_content("hello").unwrap_err(),
        ];
        assert_eq!(
            misses.map(|miss| miss.what),
            [
                "expected 304 or 412, got 200",
                "expected ETag in the 200 response, got none",
                "expected content of 5 octets, got 4 octets that differ from octet 3 on",
            ]
        );
    }
}

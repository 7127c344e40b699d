//! Upgrade of the connection to another protocol (RFC 9110 §7.8).

use falconry_wire::field::{FieldName, Fields};

/// Whether the client offers to switch to `protocol`, in any version of it.
///
/// RFC 9110 §7.8: an Upgrade that Connection does not list came from another hop and counts for
/// nothing. Protocol names are compared whatever their case.
pub fn offers(fields: Fields<'_>, protocol: &str) -> bool {
    let listed = |name, wanted: &[u8]| {
        fields.list(name).any(|member| {
            member
                .split(|octet| *octet == b'/')
                .next()
                .is_some_and(|n| n.eq_ignore_ascii_case(wanted))
        })
    };
    listed(FieldName::Connection, b"upgrade") && listed(FieldName::Upgrade, protocol.as_bytes())
}

#[cfg(test)]
mod tests {
    use falconry_wire::field::FieldSection;

    use super::*;

    #[test]
    fn offers_must_be_meant_for_this_hop() {
        for (connection, upgrade, expected) in [
            ("Upgrade", "echo", true),
            ("keep-alive, UPGRADE", "h2c, ECHO", true),
            ("upgrade", "echo/1", true),
            ("upgrade", "h2c", false),
            ("upgrade", "echoes", false),
            ("keep-alive", "echo", false),
        ] {
            let mut section = FieldSection::default();
            section.push(FieldName::Connection, connection.as_bytes()).unwrap();
            section.push(FieldName::Upgrade, upgrade.as_bytes()).unwrap();
            assert_eq!(offers(section.view(), "echo"), expected, "{connection} {upgrade}");
        }
    }
}

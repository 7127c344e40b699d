//! TLS alerts by their registered names (RFC 8446 §6, the registry of TLS alerts).

/// The registered alerts.
static TABLE: &[(u8, &str)] = &[
    (0, "close_notify"),
    (10, "unexpected_message"),
    (20, "bad_record_mac"),
    (21, "decryption_failed"),
    (22, "record_overflow"),
    (30, "decompression_failure"),
    (40, "handshake_failure"),
    (41, "no_certificate"),
    (42, "bad_certificate"),
    (43, "unsupported_certificate"),
    (44, "certificate_revoked"),
    (45, "certificate_expired"),
    (46, "certificate_unknown"),
    (47, "illegal_parameter"),
    (48, "unknown_ca"),
    (49, "access_denied"),
    (50, "decode_error"),
    (51, "decrypt_error"),
    (52, "too_many_cids_requested"),
    (60, "export_restriction"),
    (70, "protocol_version"),
    (71, "insufficient_security"),
    (80, "internal_error"),
    (86, "inappropriate_fallback"),
    (90, "user_canceled"),
    (100, "no_renegotiation"),
    (109, "missing_extension"),
    (110, "unsupported_extension"),
    (111, "certificate_unobtainable"),
    (112, "unrecognized_name"),
    (113, "bad_certificate_status_response"),
    (114, "bad_certificate_hash_value"),
    (115, "unknown_psk_identity"),
    (116, "certificate_required"),
    (117, "general_error"),
    (120, "no_application_protocol"),
    (121, "ech_required"),
];

/// The alert of a server that wants a client certificate and got none (RFC 8446 §6.2).
pub(super) const CERTIFICATE_REQUIRED: u8 = 116;

/// The registered name of an alert; `None` if it has none here.
pub fn name(number: u8) -> Option<&'static str> {
    TABLE.iter().find(|(known, _)| *known == number).map(|(_, name)| *name)
}

/// The number of a registered name.
pub fn number(name: &str) -> Option<u8> {
    TABLE.iter().find(|(_, known)| *known == name).map(|(number, _)| *number)
}

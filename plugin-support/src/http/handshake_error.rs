//! Explains a failed TLS handshake to the operator.

use rustls::{AlertDescription, Error, InvalidMessage, PeerIncompatible};

/// The sentence and the hint for a TLS handshake that failed for another reason than the server's certificate.
pub(super) fn explain_handshake(error: &Error) -> (&'static str, Option<&'static str>) {
    match error {
        Error::AlertReceived(alert) => explain_alert(*alert),
        Error::PeerIncompatible(reason) => explain_incompatible(reason),
        Error::InvalidMessage(
            InvalidMessage::InvalidContentType
            | InvalidMessage::UnknownProtocolVersion
            | InvalidMessage::MessageTooLarge
            | InvalidMessage::InvalidEmptyPayload,
        ) => (
            "the server's response is of another protocol",
            Some("check the port: the service must use TLS there"),
        ),
        Error::InvalidMessage(_) | Error::PeerSentOversizedRecord => (
            "the server sent a malformed message",
            Some("check the port: the service must use TLS there"),
        ),
        Error::InappropriateMessage { .. }
        | Error::InappropriateHandshakeMessage { .. }
        | Error::PeerMisbehaved(_) => ("the server violated the protocol", None),
        Error::NoCertificatesPresented => ("the server sent no certificate", None),
        Error::UnsupportedNameType => {
            ("a certificate for this kind of name cannot be verified", None)
        }
        Error::DecryptError => ("the server's message cannot be decrypted", None),
        Error::EncryptError => ("the message cannot be encrypted", None),
        Error::InvalidCertificate(_) => ("the server's certificate was rejected", None),
        Error::InvalidEncryptedClientHello(_) => ("the encrypted client hello is not valid", None),
        Error::InvalidCertRevocationList(_) => {
            ("a list of revoked certificates is not valid", None)
        }
        Error::FailedToGetCurrentTime => ("the current time is not known", None),
        Error::FailedToGetRandomBytes => ("the system has no random numbers", None),
        Error::NoApplicationProtocol => {
            ("the server supports no common application protocol", None)
        }
        _ => ("the handshake failed", None),
    }
}

const NEEDS_CLIENT_CERTIFICATE: &str = "give the endpoint a client certificate";
const VERSIONS: &str = "the server must support TLS 1.2 or 1.3";
const COMMON: &str = "the server must support TLS 1.2 or 1.3 with a key exchange, a cipher and a signature that \
                      are usual today";

fn explain_alert(alert: AlertDescription) -> (&'static str, Option<&'static str>) {
    const NOT_ACCEPTED: Option<&str> = Some("the server does not accept the client certificate");
    match alert {
        AlertDescription::CertificateRequired => {
            ("the server requires a client certificate", Some(NEEDS_CLIENT_CERTIFICATE))
        }
        AlertDescription::UnknownCA => {
            ("the server reports that the certificate's issuer is not trusted", NOT_ACCEPTED)
        }
        AlertDescription::BadCertificate => {
            ("the server reports that the certificate is not valid", NOT_ACCEPTED)
        }
        AlertDescription::CertificateExpired => {
            ("the server reports that the certificate has expired", NOT_ACCEPTED)
        }
        AlertDescription::CertificateRevoked => {
            ("the server reports that the certificate was revoked", NOT_ACCEPTED)
        }
        AlertDescription::CertificateUnknown => {
            ("the server reports a problem with the certificate", NOT_ACCEPTED)
        }
        AlertDescription::UnsupportedCertificate => {
            ("the server does not support the type of the certificate", NOT_ACCEPTED)
        }
        AlertDescription::ProtocolVersion => {
            ("the server supports neither TLS 1.2 nor TLS 1.3", Some(VERSIONS))
        }
        AlertDescription::HandshakeFailure => {
            ("the server accepts none of the offered parameters", Some(COMMON))
        }
        AlertDescription::InsufficientSecurity => {
            ("the server requires other ciphers than the offered ones", Some(COMMON))
        }
        AlertDescription::UnrecognisedName => {
            ("the server has no certificate for this host name", Some("check the host name"))
        }
        AlertDescription::AccessDenied => {
            ("the server denies access", Some("the server may not accept the client certificate"))
        }
        AlertDescription::NoCertificate => {
            ("the server reports that it got no certificate", Some(NEEDS_CLIENT_CERTIFICATE))
        }
        AlertDescription::InternalError => ("the server reports an internal error", None),
        AlertDescription::CloseNotify | AlertDescription::UserCanceled => {
            ("the server ended the handshake", None)
        }
        AlertDescription::NoApplicationProtocol => {
            ("the server supports no common application protocol", None)
        }
        AlertDescription::DecryptError => ("the server cannot verify or decrypt a message", None),
        AlertDescription::UnexpectedMessage
        | AlertDescription::BadRecordMac
        | AlertDescription::RecordOverflow
        | AlertDescription::IllegalParameter
        | AlertDescription::DecodeError
        | AlertDescription::MissingExtension
        | AlertDescription::UnsupportedExtension => ("the server reports an invalid message", None),
        _ => ("the server refused the handshake", None),
    }
}

fn explain_incompatible(reason: &PeerIncompatible) -> (&'static str, Option<&'static str>) {
    match reason {
        PeerIncompatible::ServerDoesNotSupportTls12Or13
        | PeerIncompatible::ServerTlsVersionIsDisabledByOurConfig
        | PeerIncompatible::Tls12NotOffered
        | PeerIncompatible::Tls12NotOfferedOrEnabled => {
            ("the server supports neither TLS 1.2 nor TLS 1.3", Some(VERSIONS))
        }
        PeerIncompatible::NoCertificateRequestSignatureSchemesInCommon => (
            "the server accepts no signature that the key of the client certificate can make",
            Some("use a client certificate with a key of another type"),
        ),
        _ => ("the server's parameters are not supported", Some(COMMON)),
    }
}

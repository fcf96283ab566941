//! `tls-server-end-point` of RFC 5929: a password is proven to the server that has this certificate, and to no other.

use rustls::crypto::hash::Hash;
use rustls::crypto::ring::cipher_suite::{TLS13_AES_128_GCM_SHA256, TLS13_AES_256_GCM_SHA384};
use rustls::SupportedCipherSuite;

/// Object identifiers of signatures with SHA-256, or with hashes that SHA-256 takes the place of (MD5, SHA-1), in DER.
const SHA256: &[&[u8]] = &[
    // RSA with SHA-256, SHA-1, MD5; ECDSA with SHA-256, SHA-1
    b"\x2a\x86\x48\x86\xf7\x0d\x01\x01\x0b",
    b"\x2a\x86\x48\x86\xf7\x0d\x01\x01\x05",
    b"\x2a\x86\x48\x86\xf7\x0d\x01\x01\x04",
    b"\x2a\x86\x48\xce\x3d\x04\x03\x02",
    b"\x2a\x86\x48\xce\x3d\x04\x01",
];
/// The same with SHA-384: RSA, ECDSA.
const SHA384: &[&[u8]] = &[
    b"\x2a\x86\x48\x86\xf7\x0d\x01\x01\x0c",
    b"\x2a\x86\x48\xce\x3d\x04\x03\x03",
];

/// The hash of a certificate. None: it is signed in another way, or is no certificate; there is no binding then.
pub(super) fn end_point(certificate: &[u8]) -> Option<Vec<u8>> {
    let algorithm = signature_algorithm(certificate)?;
    let suite = if SHA256.contains(&algorithm) {
        TLS13_AES_128_GCM_SHA256
    } else if SHA384.contains(&algorithm) {
        TLS13_AES_256_GCM_SHA384
    } else {
        return None;
    };
    let SupportedCipherSuite::Tls13(suite) = suite else {
        return None;
    };
    let hash: &dyn Hash = suite.common.hash_provider;
    Some(hash.hash(certificate).as_ref().to_vec())
}

const SEQUENCE: u8 = 0x30;
const IDENTIFIER: u8 = 0x06;

/// `Certificate ::= SEQUENCE { tbsCertificate, signatureAlgorithm SEQUENCE { algorithm OBJECT IDENTIFIER, … }, … }`
fn signature_algorithm(certificate: &[u8]) -> Option<&[u8]> {
    let (inside, _) = element(certificate, SEQUENCE)?;
    let (_, after) = element(inside, SEQUENCE)?;
    let (algorithm, _) = element(after, SEQUENCE)?;
    element(algorithm, IDENTIFIER).map(|(identifier, _)| identifier)
}

/// The content of the element at the beginning, and what is behind it.
fn element(der: &[u8], tag: u8) -> Option<(&[u8], &[u8])> {
    let (&first, rest) = der.split_first()?;
    let (&short, rest) = rest.split_first()?;
    let (length, rest) = if short < 0x80 {
        (usize::from(short), rest)
    } else {
        // The number of bytes that the length has.
        let (long, rest) = rest.split_at_checked(usize::from(short & 0x7f).min(4))?;
        let length = long
            .iter()
            .fold(0, |sum, byte| sum << 8 | usize::from(*byte));
        (length, rest)
    };
    let content = rest.split_at_checked(length)?;
    (first == tag).then_some(content)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// An element of DER.
    fn der(tag: u8, content: &[u8]) -> Vec<u8> {
        let length = content.len();
        let mut bytes = vec![tag];
        match length {
            0..=127 => bytes.push(length as u8),
            _ => bytes.extend([0x82, (length >> 8) as u8, length as u8]),
        }
        bytes.extend(content);
        bytes
    }

    fn certificate(algorithm: &[u8]) -> Vec<u8> {
        let algorithm = der(SEQUENCE, &der(IDENTIFIER, algorithm));
        let parts = [der(SEQUENCE, &[7; 700]), algorithm, der(0x03, &[0; 256])];
        der(SEQUENCE, &parts.concat())
    }

    #[test]
    fn the_signature_says_which_hash_it_is() {
        let length = |algorithm| end_point(&certificate(algorithm)).map(|hash| hash.len());
        assert!(SHA256.iter().all(|algorithm| length(algorithm) == Some(32)));
        assert!(SHA384.iter().all(|algorithm| length(algorithm) == Some(48)));
        // Ed25519 has no hash to take.
        assert_eq!(length(b"\x2b\x65\x70"), None);
    }

    #[test]
    fn what_is_cut_has_no_binding() {
        let whole = certificate(SHA256[0]);
        assert_eq!(signature_algorithm(&whole), Some(SHA256[0]));
        for end in 0..whole.len() {
            assert_eq!(end_point(&whole[..end]), None);
        }
        assert_eq!(end_point(&[0x30, 0x84, 0xff, 0xff, 0xff, 0xff]), None);
    }
}

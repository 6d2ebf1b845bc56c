//! Signatures of offline bundles: over the bytes of the lock, which name every other byte. Keys are files; no clock, no
//! network and no certificate is asked.

use std::fmt;
use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use pem::Pem;
use ring::signature::{ECDSA_P256_SHA256_ASN1, ED25519, Ed25519KeyPair, KeyPair as _, UnparsedPublicKey};

use super::error::SignError;
use crate::driver::whole_file::replace;
use crate::model::bounded;
use crate::model::oci::Digest;

/// What precedes the 32 bytes of an ed25519 key in PKCS#8's first version, which every OpenSSL reads; ring itself writes the
/// second.
const ED25519_PRIVATE: [u8; 16] = [0x30, 0x2e, 2, 1, 0, 0x30, 5, 6, 3, 0x2b, 0x65, 0x70, 4, 0x22, 4, 0x20];

/// What precedes the 32 bytes of an ed25519 public key.
const ED25519_PUBLIC: [u8; 12] = [0x30, 0x2a, 0x30, 5, 6, 3, 0x2b, 0x65, 0x70, 3, 0x21, 0];

/// What precedes the point of a P-256 public key.
const P256_PUBLIC: [u8; 26] = [
    0x30, 0x59, 0x30, 0x13, 6, 7, 0x2a, 0x86, 0x48, 0xce, 0x3d, 2, 1, 6, 8, 0x2a, 0x86, 0x48, 0xce, 0x3d, 3, 1, 7, 3,
    0x42, 0,
];

/// The first line of a signature of ours.
const HEAD: &str = "windlass signature 1";

/// The most bytes of a file with a key.
const KEY_LIMIT: u64 = 64 << 10;

/// A key that checks: ed25519, or ECDSA on P-256 as `cosign` makes it.
#[derive(Clone, PartialEq, Eq)]
pub struct PublicKey {
    /// SubjectPublicKeyInfo.
    der: Vec<u8>,
    kind: Kind,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Ed25519,
    P256,
}

/// A key that signs: ed25519. It cannot be shown.
pub struct SigningKey(Ed25519KeyPair);

/// The result of a signature check.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SignedBy {
    /// There is none.
    Nobody,
    /// By this key, which nobody pinned: it shows that nothing was damaged, not who made it.
    Unpinned(PublicKey),
    /// There is one without a key, and none was given to check it.
    Unchecked,
    /// By the pinned key.
    Pinned(PublicKey),
}

impl fmt::Debug for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.fingerprint())
    }
}

impl PublicKey {
    /// From a PEM file.
    ///
    /// # Errors
    /// It cannot be read, or holds no key of these kinds.
    pub fn read(path: &Path) -> Result<Self, SignError> {
        let pem = read_pem(path, "a PEM file with a public key: ed25519, or ECDSA on P-256")?;
        let wrong = || SignError::Key {
            what: path.display().to_string(),
            expected: "a public key: ed25519, or ECDSA on P-256 (`BEGIN PUBLIC KEY`)",
        };
        if pem.tag() == "PUBLIC KEY" { Self::of(pem.contents()).ok_or_else(wrong) } else { Err(wrong()) }
    }

    /// From the DER bytes of SubjectPublicKeyInfo.
    #[must_use]
    pub fn of(der: &[u8]) -> Option<Self> {
        let kind = match der.len() {
            44 if der.starts_with(&ED25519_PUBLIC) => Kind::Ed25519,
            91 if der.starts_with(&P256_PUBLIC) => Kind::P256,
            _ => return None,
        };
        Some(Self { der: der.to_vec(), kind })
    }

    /// `sha256:…` of the key.
    #[must_use]
    pub fn fingerprint(&self) -> String {
        Digest::of(&self.der).to_string()
    }

    /// As a PEM file.
    #[must_use]
    pub fn pem(&self) -> String {
        pem::encode_config(
            &Pem::new("PUBLIC KEY", self.der.clone()),
            pem::EncodeConfig::new().set_line_ending(pem::LineEnding::LF),
        )
    }

    /// Whether it made this signature of these bytes.
    #[must_use]
    pub fn made(&self, signature: &[u8], message: &[u8]) -> bool {
        match self.kind {
            Kind::Ed25519 => {
                UnparsedPublicKey::new(&ED25519, &self.der[ED25519_PUBLIC.len()..]).verify(message, signature)
            }
            Kind::P256 => UnparsedPublicKey::new(&ECDSA_P256_SHA256_ASN1, &self.der[P256_PUBLIC.len()..])
                .verify(message, signature),
        }
        .is_ok()
    }
}

impl SigningKey {
    /// From a PEM file with PKCS#8, as [`generate`] and `openssl genpkey -algorithm ed25519` write it.
    ///
    /// # Errors
    /// It cannot be read, is encrypted, or is of another kind.
    pub fn read(path: &Path) -> Result<Self, SignError> {
        let expected = "a private ed25519 key in PKCS#8 (`BEGIN PRIVATE KEY`), as created by `windlass bundle keygen`";
        let pem = read_pem(path, expected)?;
        let what = path.display().to_string();
        if pem.tag().contains("ENCRYPTED") {
            return Err(SignError::Encrypted(what));
        }
        let pair = (pem.tag() == "PRIVATE KEY").then(|| Ed25519KeyPair::from_pkcs8_maybe_unchecked(pem.contents()));
        match pair {
            Some(Ok(pair)) => Ok(Self(pair)),
            _ => Err(SignError::Key { what, expected }),
        }
    }

    /// The key that checks.
    #[must_use]
    pub fn public(&self) -> PublicKey {
        let der = [ED25519_PUBLIC.as_slice(), self.0.public_key().as_ref()].concat();
        PublicKey { der, kind: Kind::Ed25519 }
    }

    /// The signature of a lock's bytes as a file: with the key that checks it. Its length is always the same.
    #[must_use]
    pub fn sign(&self, message: &[u8]) -> Vec<u8> {
        file(&self.public(), self.0.sign(message).as_ref())
    }
}

/// Makes a pair of keys: two new files, the private one for its owner alone.
///
/// # Errors
/// A file is there already or cannot be written, or the system has no random bytes.
pub fn generate(private: &Path, public: &Path) -> Result<PublicKey, SignError> {
    let mut der = ED25519_PRIVATE.to_vec();
    der.resize(48, 0);
    getrandom::fill(&mut der[16..]).map_err(SignError::Random)?;
    let key = |_| SignError::Key { what: "the generated key".to_owned(), expected: "an ed25519 key" };
    let pair = Ed25519KeyPair::from_pkcs8_maybe_unchecked(&der).map_err(key)?;
    let found = SigningKey(pair).public();
    let config = pem::EncodeConfig::new().set_line_ending(pem::LineEnding::LF);
    write_new(private, pem::encode_config(&Pem::new("PRIVATE KEY", der), config).as_bytes(), 0o600)?;
    write_new(public, found.pem().as_bytes(), 0o644)?;
    Ok(found)
}

/// A signature with its key as a file.
#[must_use]
pub fn file(key: &PublicKey, signature: &[u8]) -> Vec<u8> {
    format!("{HEAD}\nkey: {}\nsignature: {}\n", STANDARD.encode(&key.der), STANDARD.encode(signature)).into_bytes()
}

/// Writes a signature beside a bundle; one that is there is replaced.
///
/// # Errors
/// The disk's.
pub fn write_beside(path: &Path, signature: &[u8]) -> Result<(), SignError> {
    let io = |source| SignError::Io { what: "write", path: path.to_owned(), source };
    // Everybody may read it, whatever the umask.
    let mode = std::os::unix::fs::PermissionsExt::from_mode(0o644);
    replace(path, signature, 0o644).and_then(|new| new.set_permissions(mode)).map_err(io)
}

/// The signature bytes in a file, and the key that it brings: ours, or the base64 that `cosign sign-blob` prints.
fn parse(bytes: &[u8]) -> Result<(Option<PublicKey>, Vec<u8>), SignError> {
    let shown = || {
        SignError::Form(String::from_utf8_lossy(bytes).chars().take(40).collect::<String>().escape_debug().to_string())
    };
    let text = std::str::from_utf8(bytes).map_err(|_| shown())?;
    let decode = |text: &str| STANDARD.decode(text.trim()).map_err(|_| shown());
    let Some(rest) = text.strip_prefix(HEAD) else {
        let signature = decode(text)?;
        return if (8..=128).contains(&signature.len()) { Ok((None, signature)) } else { Err(shown()) };
    };
    let mut lines = rest.lines();
    let mut field = |name: &str| lines.next().and_then(|line| line.strip_prefix(name)).map(str::to_owned);
    let (Some(_), Some(key), Some(signature), None) = (field(""), field("key: "), field("signature: "), field(""))
    else {
        return Err(shown());
    };
    let (key, signature) = (PublicKey::of(&decode(&key)?).ok_or_else(shown)?, decode(&signature)?);
    // To the byte, so that no changed one is overlooked.
    if file(&key, &signature) == bytes { Ok((Some(key), signature)) } else { Err(shown()) }
}

/// Checks a signature by the key that it brings, which must be there.
///
/// # Errors
/// It does not fit.
pub fn own_key(signature: &[u8], message: &[u8]) -> Result<PublicKey, SignError> {
    match parse(signature)? {
        (Some(key), signature) if key.made(&signature, message) => Ok(key),
        (Some(_), _) => Err(SignError::Broken),
        (None, _) => Err(SignError::Form("a signature without its key".to_owned())),
    }
}

/// Checks a signature, by the pinned key where there is one.
///
/// # Errors
/// It does not fit; with a pinned key also where there is none, or one of another key.
pub fn check(signature: Option<&[u8]>, message: &[u8], pinned: Option<&PublicKey>) -> Result<SignedBy, SignError> {
    let Some(bytes) = signature else {
        return if pinned.is_some() { Err(SignError::Unsigned) } else { Ok(SignedBy::Nobody) };
    };
    let (own, signature) = parse(bytes)?;
    if own.as_ref().is_some_and(|own| !own.made(&signature, message)) {
        return Err(SignError::Broken);
    }
    match (pinned, own) {
        (Some(pinned), _) if pinned.made(&signature, message) => Ok(SignedBy::Pinned(pinned.clone())),
        (Some(pinned), _) => Err(SignError::Other { pinned: pinned.fingerprint() }),
        (None, Some(own)) => Ok(SignedBy::Unpinned(own)),
        (None, None) => Ok(SignedBy::Unchecked),
    }
}

/// A signature that was made elsewhere, brought into our form by the key that it must fit.
///
/// # Errors
/// It does not fit.
pub fn adopt(signature: &[u8], message: &[u8], key: &PublicKey) -> Result<Vec<u8>, SignError> {
    let (_, raw) = parse(signature)?;
    let fits = key.made(&raw, message);
    if fits { Ok(file(key, &raw)) } else { Err(SignError::Other { pinned: key.fingerprint() }) }
}

fn read_pem(path: &Path, expected: &'static str) -> Result<Pem, SignError> {
    let io = |source| SignError::Io { what: "read", path: path.to_owned(), source };
    let bytes = bounded::bytes(path, KEY_LIMIT).map_err(io)?;
    // Its error would quote what may be a secret.
    pem::parse(bytes).map_err(|_| SignError::Key { what: path.display().to_string(), expected })
}

fn write_new(path: &Path, bytes: &[u8], mode: u32) -> Result<(), SignError> {
    let io = |source| SignError::Io { what: "write", path: PathBuf::from(path), source };
    let mut file = std::fs::OpenOptions::new().write(true).create_new(true).mode(mode).open(path).map_err(io)?;
    file.write_all(bytes).and_then(|()| file.sync_all()).map_err(io)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pinned_key_refuses_what_is_unsigned_or_of_another() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        let mine = generate(&at("a.key"), &at("a.pub")).unwrap();
        let other = generate(&at("b.key"), &at("b.pub")).unwrap();
        assert_eq!(PublicKey::read(&at("a.pub")).unwrap(), mine);
        assert!(generate(&at("a.key"), &at("c.pub")).is_err(), "no key is overwritten");
        let key = SigningKey::read(&at("a.key")).unwrap();
        let signed = key.sign(b"lock");
        assert_eq!(signed.len(), SigningKey::read(&at("b.key")).unwrap().sign(b"another").len());
        assert_eq!(check(Some(&signed), b"lock", Some(&mine)).unwrap(), SignedBy::Pinned(mine.clone()));
        assert_eq!(check(Some(&signed), b"lock", None).unwrap(), SignedBy::Unpinned(mine.clone()));
        assert_eq!(check(None, b"lock", None).unwrap(), SignedBy::Nobody);
        assert!(matches!(check(None, b"lock", Some(&mine)), Err(SignError::Unsigned)));
        assert!(matches!(check(Some(&signed), b"lock", Some(&other)), Err(SignError::Other { .. })));
        assert!(matches!(check(Some(&signed), b"other", Some(&mine)), Err(SignError::Broken)));
        for at in 0..signed.len() {
            let mut flipped = signed.clone();
            flipped[at] ^= 1;
            assert!(
                check(Some(&flipped), b"lock", None).is_err_and(|error| !matches!(error, SignError::Unsigned)),
                "byte {at}"
            );
        }
        assert!(SigningKey::read(&at("a.pub")).is_err() && PublicKey::read(&at("a.key")).is_err());
        let error = SigningKey::read(&at("none")).err().unwrap().to_string();
        assert!(error.starts_with("failed to read"), "{error}");
    }

    /// Made by OpenSSL 3: `openssl ecparam -genkey -name prime256v1`, and `openssl dgst -sha256 -sign`, which is what
    /// `cosign sign-blob --key` does.
    #[test]
    fn openssl_and_cosign_keys_are_taken() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name).display().to_string();
        std::fs::write(at("lock"), b"the lock").unwrap();
        let openssl = |args: &[&str]| {
            let ran = std::process::Command::new("openssl").args(args).output().unwrap();
            assert!(ran.status.success(), "{args:?}: {}", String::from_utf8_lossy(&ran.stderr));
        };
        openssl(&["ecparam", "-genkey", "-name", "prime256v1", "-noout", "-out", &at("p256.key")]);
        openssl(&["pkey", "-in", &at("p256.key"), "-pubout", "-out", &at("p256.pub")]);
        openssl(&["dgst", "-sha256", "-sign", &at("p256.key"), "-out", &at("raw"), &at("lock")]);
        let text = format!("{}\n", STANDARD.encode(std::fs::read(at("raw")).unwrap()));
        let key = PublicKey::read(Path::new(&at("p256.pub"))).unwrap();
        let pinned = check(Some(text.as_bytes()), b"the lock", Some(&key)).unwrap();
        assert_eq!(pinned, SignedBy::Pinned(key.clone()));
        assert_eq!(check(Some(text.as_bytes()), b"the lock", None).unwrap(), SignedBy::Unchecked);
        assert!(check(Some(text.as_bytes()), b"the lack", Some(&key)).is_err());
        let adopted = adopt(text.as_bytes(), b"the lock", &key).unwrap();
        assert_eq!(own_key(&adopted, b"the lock").unwrap(), key);
        openssl(&["genpkey", "-algorithm", "ed25519", "-out", &at("ed.key")]);
        openssl(&["pkey", "-in", &at("ed.key"), "-pubout", "-out", &at("ed.pub")]);
        let signer = SigningKey::read(Path::new(&at("ed.key"))).unwrap();
        assert_eq!(signer.public(), PublicKey::read(Path::new(&at("ed.pub"))).unwrap());
        generate(Path::new(&at("our.key")), Path::new(&at("our.pub"))).unwrap();
        openssl(&["pkey", "-in", &at("our.key"), "-pubout", "-out", &at("our.pub2")]);
        assert_eq!(std::fs::read(at("our.pub")).unwrap(), std::fs::read(at("our.pub2")).unwrap());
        openssl(&["genpkey", "-algorithm", "ed25519", "-aes256", "-pass", "pass:x", "-out", &at("enc.key")]);
        let error = SigningKey::read(Path::new(&at("enc.key")));
        assert!(matches!(error, Err(SignError::Encrypted(_))));
        openssl(&["genpkey", "-algorithm", "rsa", "-out", &at("rsa.key")]);
        openssl(&["pkey", "-in", &at("rsa.key"), "-pubout", "-out", &at("rsa.pub")]);
        assert!(matches!(PublicKey::read(Path::new(&at("rsa.pub"))), Err(SignError::Key { .. })));
    }
}

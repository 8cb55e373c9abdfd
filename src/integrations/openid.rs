//! An OpenID provider (OpenID Connect Core 1.0): where it is asked, and whose word its ID tokens are. The authorization
//! code flow with PKCE (RFC 7636), and nothing else.
//!
//! Tokens are read here rather than by a crate: the code flow needs one signature (RFC 7515) checked and six claims
//! compared, for which rustls' own `ring` is there already.

use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use ring::signature::{
    ECDSA_P256_SHA256_FIXED, ED25519, RSA_PKCS1_2048_8192_SHA256, RsaPublicKeyComponents, UnparsedPublicKey,
};
use serde::Deserialize;
use serde_json::Value;
use sha2::{Digest, Sha256};

use super::{Trouble, encoded};

/// As it is called in a sentence.
pub const NAME: &str = "The OpenID provider";
/// Clocks may differ by so much.
const LEEWAY_SECONDS: i64 = 120;

/// What the provider says of itself (OpenID Connect Discovery 1.0, section 3).
#[derive(Debug, Clone, Deserialize)]
pub struct Discovery {
    issuer: String,
    authorization_endpoint: String,
    /// Where a code becomes a token.
    pub token_endpoint: String,
    /// Where its keys are.
    pub jwks_uri: String,
}

/// Where an issuer's discovery document lies.
pub fn discovery_address(issuer: &str) -> String {
    format!("{}/.well-known/openid-configuration", issuer.trim_end_matches('/'))
}

impl Discovery {
    /// Out of the document.
    ///
    /// # Errors
    /// `Rubbish`, also when it is another issuer's, or sends somewhere in the clear what came over https.
    pub fn read(document: Value, issuer: &str) -> Result<Self, Trouble> {
        let found: Self =
            serde_json::from_value(document).map_err(|e| Trouble::Rubbish(NAME, e.to_string()))?;
        if found.issuer.trim_end_matches('/') != issuer.trim_end_matches('/') {
            return Err(Trouble::Rubbish(NAME, format!("it calls itself {}", found.issuer)));
        }
        let places = [&found.authorization_endpoint, &found.token_endpoint, &found.jwks_uri];
        if issuer.starts_with("https:") && places.iter().any(|p| !p.starts_with("https:")) {
            return Err(Trouble::Rubbish(NAME, "an address of it is not https".into()));
        }
        Ok(found)
    }

    /// Where the browser goes to log in.
    pub fn login_address(&self, client_id: &str, return_to: &str, asked: &Asked) -> String {
        let mark = if self.authorization_endpoint.contains('?') { '&' } else { '?' };
        format!(
            "{}{mark}response_type=code&scope=openid%20profile&client_id={}&redirect_uri={}&state={}&nonce={}\
             &code_challenge_method=S256&code_challenge={}",
            self.authorization_endpoint,
            encoded(client_id),
            encoded(return_to),
            encoded(&asked.state),
            encoded(&asked.nonce),
            BASE64_URL_SAFE_NO_PAD.encode(Sha256::digest(asked.verifier.as_bytes())),
        )
    }
}

/// What one login is known by; only the browser that began it has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Asked {
    /// Comes back with the browser.
    pub state: String,
    /// Comes back in the token.
    pub nonce: String,
    /// Proves to the provider that who asked is who comes with the code.
    pub verifier: String,
}

/// The token out of the token endpoint's answer.
///
/// # Errors
/// `Rubbish` when there is none.
pub fn id_token(answer: &Value) -> Result<&str, Trouble> {
    answer["id_token"].as_str().ok_or_else(|| Trouble::Rubbish(NAME, "there is no id_token".into()))
}

/// Whose word a token is checked to be.
#[derive(Debug, Clone, Copy)]
pub struct Expected<'a> {
    /// The provider.
    pub issuer: &'a str,
    /// Us.
    pub client_id: &'a str,
    /// This login.
    pub nonce: &'a str,
    /// Seconds since 1970.
    pub now: i64,
}

/// What the provider says of a person.
#[derive(Debug, Clone)]
pub struct Person {
    /// Who it is there, for ever.
    pub subject: String,
    claims: Value,
}

impl Person {
    /// A claim that is a text.
    pub fn claim(&self, name: &str) -> Option<&str> {
        self.claims[name].as_str().filter(|text| !text.trim().is_empty())
    }
}

/// Why a token is not believed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Doubt {
    /// Not three parts of base64url, or not JSON in them.
    #[error("it is no token")]
    NoToken,
    /// Also `none`, which needs no key at all.
    #[error("its algorithm is not one of RS256, ES256, EdDSA")]
    Algorithm,
    /// The provider may have new keys.
    #[error("none of the provider's keys is the one it names")]
    Key,
    /// Somebody else made it.
    #[error("its signature is not the provider's")]
    Signature,
    /// Another provider's, for another client, of another login, or too old.
    #[error("it is not for this: {0}")]
    Claim(&'static str),
}

#[derive(Deserialize)]
struct Header {
    alg: String,
    kid: Option<String>,
}

/// The person, if the token is this provider's word about this login (OpenID Connect Core 1.0, section 3.1.3.7).
///
/// # Errors
/// [`Doubt`].
pub fn believe(token: &str, keys: &Value, expected: Expected<'_>) -> Result<Person, Doubt> {
    let (signed, signature) = token.rsplit_once('.').ok_or(Doubt::NoToken)?;
    let (header, claims) = signed.split_once('.').ok_or(Doubt::NoToken)?;
    let header: Header = json_of(header)?;
    let signature = bytes_of(signature)?;
    check_signature(&header, keys, signed.as_bytes(), &signature)?;
    let claims: Value = json_of(claims)?;
    check_claims(&claims, expected)?;
    let subject =
        claims["sub"].as_str().filter(|s| !s.is_empty() && s.len() <= 255).ok_or(Doubt::Claim("sub"))?;
    Ok(Person { subject: subject.to_owned(), claims })
}

fn bytes_of(part: &str) -> Result<Vec<u8>, Doubt> {
    BASE64_URL_SAFE_NO_PAD.decode(part).map_err(|_| Doubt::NoToken)
}

fn json_of<T: serde::de::DeserializeOwned>(part: &str) -> Result<T, Doubt> {
    serde_json::from_slice(&bytes_of(part)?).map_err(|_| Doubt::NoToken)
}

/// The algorithm decides which kind of key may have signed; the key never follows what the token says of it.
fn check_signature(header: &Header, keys: &Value, signed: &[u8], signature: &[u8]) -> Result<(), Doubt> {
    let kind = match header.alg.as_str() {
        "RS256" => ("RSA", None),
        "ES256" => ("EC", Some("P-256")),
        "EdDSA" => ("OKP", Some("Ed25519")),
        _ => return Err(Doubt::Algorithm),
    };
    let all = keys["keys"].as_array().map(Vec::as_slice).unwrap_or_default();
    let is_meant = |key: &&Value| {
        let is_kind = (key["kty"].as_str(), key["crv"].as_str()) == (Some(kind.0), kind.1);
        let is_for_signing = key["use"].as_str().is_none_or(|u| u == "sig");
        is_kind && is_for_signing && header.kid.as_deref().is_none_or(|kid| key["kid"].as_str() == Some(kid))
    };
    let meant: Vec<&Value> = all.iter().filter(is_meant).collect();
    if meant.is_empty() {
        return Err(Doubt::Key);
    }
    let is_signed = meant.into_iter().any(|key| verify(kind.0, key, signed, signature).is_some());
    if is_signed { Ok(()) } else { Err(Doubt::Signature) }
}

fn verify(kty: &str, key: &Value, signed: &[u8], signature: &[u8]) -> Option<()> {
    let part = |name: &str| BASE64_URL_SAFE_NO_PAD.decode(key[name].as_str()?).ok();
    match kty {
        "RSA" => {
            let components = RsaPublicKeyComponents { n: part("n")?, e: part("e")? };
            components.verify(&RSA_PKCS1_2048_8192_SHA256, signed, signature).ok()
        }
        "EC" => {
            // An uncompressed point (SEC 1, section 2.3.3).
            let point = [vec![4], part("x")?, part("y")?].concat();
            UnparsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, point).verify(signed, signature).ok()
        }
        _ => UnparsedPublicKey::new(&ED25519, part("x")?).verify(signed, signature).ok(),
    }
}

fn check_claims(claims: &Value, expected: Expected<'_>) -> Result<(), Doubt> {
    let is = |name: &'static str, is_so: bool| if is_so { Ok(()) } else { Err(Doubt::Claim(name)) };
    let issuer = claims["iss"].as_str().map(|i| i.trim_end_matches('/'));
    is("iss", issuer == Some(expected.issuer.trim_end_matches('/')))?;
    let us = Some(expected.client_id);
    let (is_ours, is_shared) = match &claims["aud"] {
        Value::Array(all) => (all.iter().any(|a| a.as_str() == us), all.len() > 1),
        one => (one.as_str() == us, false),
    };
    is("aud", is_ours)?;
    let azp = claims["azp"].as_str();
    is("azp", if is_shared { azp == us } else { azp.is_none() || azp == us })?;
    is("nonce", claims["nonce"].as_str() == Some(expected.nonce))?;
    let at = |name: &str| claims[name].as_f64().map(|seconds| seconds as i64);
    is("exp", at("exp").is_some_and(|exp| exp + LEEWAY_SECONDS > expected.now))?;
    is("iat", at("iat").is_some_and(|iat| iat - LEEWAY_SECONDS <= expected.now))
}

#[cfg(test)]
mod tests {
    use ring::rand::SystemRandom;
    use ring::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair, KeyPair};
    use serde_json::json;

    use super::*;

    const NOW: i64 = 1_800_000_000;

    fn expected() -> Expected<'static> {
        Expected { issuer: "https://auth.example.org", client_id: "barbossa", nonce: "n", now: NOW }
    }

    fn claims() -> Value {
        json!({"iss": "https://auth.example.org", "aud": "barbossa", "sub": "ada-1", "nonce": "n", "exp": NOW + 300, "iat": NOW})
    }

    fn text(json: &Value) -> String {
        BASE64_URL_SAFE_NO_PAD.encode(json.to_string())
    }

    struct Signer(Ed25519KeyPair);

    impl Signer {
        fn new() -> Self {
            let document = Ed25519KeyPair::generate_pkcs8(&SystemRandom::new()).unwrap();
            Self(Ed25519KeyPair::from_pkcs8(document.as_ref()).unwrap())
        }

        fn keys(&self, kid: &str) -> Value {
            let x = BASE64_URL_SAFE_NO_PAD.encode(self.0.public_key());
            json!({"keys": [{"kty": "OKP", "crv": "Ed25519", "kid": kid, "x": x}]})
        }

        fn token(&self, header: &Value, claims: &Value) -> String {
            let signed = format!("{}.{}", text(header), text(claims));
            let signature = BASE64_URL_SAFE_NO_PAD.encode(self.0.sign(signed.as_bytes()));
            format!("{signed}.{signature}")
        }
    }

    #[test]
    fn the_providers_word_is_believed() {
        let signer = Signer::new();
        let token = signer.token(&json!({"alg": "EdDSA", "kid": "a"}), &claims());
        let person = believe(&token, &signer.keys("a"), expected()).unwrap();
        assert_eq!((person.subject.as_str(), person.claim("name")), ("ada-1", None));
        let mut shared = claims();
        shared["aud"] = json!(["barbossa", "other"]);
        shared["azp"] = "barbossa".into();
        shared["preferred_username"] = "ada".into();
        let token = signer.token(&json!({"alg": "EdDSA"}), &shared);
        assert_eq!(
            believe(&token, &signer.keys("a"), expected()).unwrap().claim("preferred_username"),
            Some("ada")
        );
    }

    #[test]
    fn nobody_elses_word_is() {
        let (signer, other) = (Signer::new(), Signer::new());
        let of = |header: Value| {
            believe(&signer.token(&header, &claims()), &other.keys("a"), expected()).unwrap_err()
        };
        assert_eq!(of(json!({"alg": "EdDSA", "kid": "a"})), Doubt::Signature);
        assert_eq!(of(json!({"alg": "EdDSA", "kid": "b"})), Doubt::Key);
        assert_eq!(of(json!({"alg": "none"})), Doubt::Algorithm);
        assert_eq!(of(json!({"alg": "HS256", "kid": "a"})), Doubt::Algorithm);
        assert_eq!(of(json!({"alg": "RS256", "kid": "a"})), Doubt::Key);
        let unsigned = format!("{}.{}.", text(&json!({"alg": "EdDSA"})), text(&claims()));
        assert_eq!(believe(&unsigned, &signer.keys("a"), expected()).unwrap_err(), Doubt::Signature);
        for garbage in ["", "a", "a.b", "a.b.c", "..", "é.é.é"] {
            assert_eq!(
                believe(garbage, &signer.keys("a"), expected()).unwrap_err(),
                Doubt::NoToken,
                "{garbage}"
            );
        }
    }

    #[test]
    fn a_token_is_for_one_client_one_login_and_some_minutes() {
        let signer = Signer::new();
        for (claim, value) in [
            ("iss", json!("https://evil.example.org")),
            ("aud", json!("another")),
            ("aud", json!(["another"])),
            ("azp", json!("another")),
            ("nonce", json!("another")),
            ("nonce", Value::Null),
            ("exp", json!(NOW - 121)),
            ("exp", Value::Null),
            ("iat", json!(NOW + 121)),
            ("sub", json!("")),
        ] {
            let mut changed = claims();
            changed[claim] = value;
            let token = signer.token(&json!({"alg": "EdDSA"}), &changed);
            assert_eq!(
                believe(&token, &signer.keys("a"), expected()).unwrap_err(),
                Doubt::Claim(claim),
                "{changed}"
            );
        }
    }

    #[test]
    fn a_key_of_the_other_kind_does_not_sign() {
        let random = SystemRandom::new();
        let document = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &random).unwrap();
        let pair =
            EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, document.as_ref(), &random).unwrap();
        let point = pair.public_key().as_ref();
        let part = |bytes: &[u8]| BASE64_URL_SAFE_NO_PAD.encode(bytes);
        let key = |usage: &str| json!({"keys": [{"kty": "EC", "crv": "P-256", "use": usage, "x": part(&point[1..33]), "y": part(&point[33..])}]});
        let signed = format!("{}.{}", text(&json!({"alg": "ES256"})), text(&claims()));
        let token = format!("{signed}.{}", part(pair.sign(&random, signed.as_bytes()).unwrap().as_ref()));
        assert!(believe(&token, &key("sig"), expected()).is_ok());
        assert_eq!(believe(&token, &key("enc"), expected()).unwrap_err(), Doubt::Key);
    }

    #[test]
    fn another_issuers_document_is_not_taken() {
        let document = |issuer: &str, at: &str| {
            json!({"issuer": issuer, "authorization_endpoint": format!("{at}/auth"),
            "token_endpoint": format!("{at}/token"), "jwks_uri": format!("{at}/keys")})
        };
        let ours = "https://auth.example.org";
        assert!(Discovery::read(document(ours, ours), ours).is_ok());
        assert!(Discovery::read(document(&format!("{ours}/"), ours), ours).is_ok());
        assert!(Discovery::read(document("https://other.example.org", ours), ours).is_err());
        assert!(Discovery::read(document(ours, "http://auth.example.org"), ours).is_err());
        assert!(Discovery::read(json!({"issuer": ours}), ours).is_err());
    }

    #[test]
    fn the_challenge_is_the_hash_of_the_verifier() {
        let document = json!({"issuer": "https://a", "authorization_endpoint": "https://a/auth?x=1", "token_endpoint": "https://a/t", "jwks_uri": "https://a/k"});
        let asked = Asked {
            state: "s".into(),
            nonce: "n".into(),
            verifier: "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk".into(),
        };
        let address =
            Discovery::read(document, "https://a").unwrap().login_address("b&c", "https://m/x", &asked);
        // The example of RFC 7636, appendix B.
        assert!(
            address.ends_with("&code_challenge=E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"),
            "{address}"
        );
        assert!(address.starts_with("https://a/auth?x=1&response_type=code&"), "{address}");
        assert!(
            address.contains("client_id=b%26c&redirect_uri=https%3A%2F%2Fm%2Fx&state=s&nonce=n"),
            "{address}"
        );
    }
}

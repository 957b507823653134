//! Tokens that must open nothing. All of them get one answer.

use crate::issuer::*;
use crate::jwks::Jwks;
use crate::util::*;
use serde_json::Value;

/// A world whose issuer has a key of each algorithm, and some that must not count.
async fn world() -> World {
    let made = signers();
    let mut keys = set(&[&made.rsa, &made.ec, &made.weak]);
    let listed = keys["keys"].as_array_mut().unwrap();
    listed.push(with(made.foreign.jwk(), json!({"kid": "encrypts", "use": "enc"})));
    listed.push(with(made.foreign.jwk(), json!({"kid": "twice"})));
    listed.push(with(made.foreign_ec.jwk(), json!({"kid": "twice"})));
    listed.push(json!({"kty": "oct", "kid": "shared", "k": encoded("secret"), "alg": "HS256"}));
    let path = file(made.dir.path(), "attacks.json", &keys);
    world_with(&settings(path.to_str().unwrap(), "unknown_kid_ms = 3600000")).await
}

async fn refused(world: &World, what: &str, token: &str) -> Value {
    let answer = world.find("user_id", "u").bearer(token, ORG).await;
    assert_eq!(answer.status, 401, "{what}: {}", String::from_utf8_lossy(&answer.bytes));
    with(answer.refused(401, "auth.invalid"), json!({"request_id": null}))
}

async fn all_refused(world: &World, attacks: Vec<(&str, String)>) {
    // The same claims, said well, are let in: what is refused below is refused for what it is.
    let good = signers().rsa.token(&claims(json!({})));
    world.find("user_id", "u").bearer(&good, ORG).await.refused(404, "profile.not_found");
    let first = refused(world, "nonsense", "nonsense").await;
    for (what, token) in attacks {
        assert_eq!(refused(world, what, &token).await, first, "{what}: one answer for all");
    }
}

fn message(header: &Value, claims: &Value) -> String {
    format!("{}.{}", encoded(header.to_string()), encoded(claims.to_string()))
}

#[tokio::test]
async fn another_algorithm_than_the_keys_is_refused() {
    if !peers() {
        return;
    }
    let (world, made) = (world().await, signers());
    let claims = claims(json!({}));
    let unsigned = |alg: &str, kid: &str| message(&json!({"alg": alg, "kid": kid}), &claims);
    let by_hmac = |secret: &[u8], kid: &str| {
        let message = unsigned("HS256", kid);
        format!("{message}.{}", encoded(hmac(secret, &message)))
    };
    let pem = made.rsa.public_pem();
    let modulus = made.rsa.jwk()["n"].as_str().unwrap().to_owned();
    let relabelled = |signer: &Signer, more: Value| signer.sign(&with(signer.header(), more), &claims);
    let attacks = vec![
        ("none", unsigned("none", "rsa-1") + "."),
        ("None", unsigned("None", "rsa-1") + "."),
        ("none with a signature", relabelled(&made.rsa, json!({"alg": "none"}))),
        ("RS256 without a signature", unsigned("RS256", "rsa-1") + "."),
        ("HS256 with the public key as secret", by_hmac(&pem, "rsa-1")),
        ("HS256 with it less its last line break", by_hmac(pem.trim_ascii_end(), "rsa-1")),
        ("HS256 with the modulus as secret", by_hmac(modulus.as_bytes(), "rsa-1")),
        ("HS256 with the shared secret of the set", by_hmac(b"secret", "shared")),
        ("RS256 that names a key of EC", made.rsa.sign(&json!({"alg": "RS256", "kid": "ec-1"}), &claims)),
        ("ES256 that names a key of RSA", made.ec.sign(&json!({"alg": "ES256", "kid": "rsa-1"}), &claims)),
        ("RS256 signed by EC", made.ec.sign(&made.rsa.header(), &claims)),
        ("ES256 signed by RSA", made.rsa.sign(&made.ec.header(), &claims)),
        ("PS256", relabelled(&made.rsa, json!({"alg": "PS256"}))),
        ("RS512", relabelled(&made.rsa, json!({"alg": "RS512"}))),
        ("rs256", relabelled(&made.rsa, json!({"alg": "rs256"}))),
        ("no algorithm", relabelled(&made.rsa, json!({"alg": null}))),
        ("an array of algorithms", relabelled(&made.rsa, json!({"alg": ["RS256"]}))),
    ];
    all_refused(&world, attacks).await;
}

#[tokio::test]
async fn another_key_than_the_issuers_is_refused() {
    if !peers() {
        return;
    }
    let (world, made) = (world().await, signers());
    let theirs = Jwks::with(&set(&[&made.foreign]));
    let foreign = |more: Value| made.foreign.sign(&with(made.foreign.header(), more), &claims(json!({})));
    let attacks = vec![
        ("an unknown key", foreign(json!({}))),
        ("a foreign key under a known name", foreign(json!({"kid": "rsa-1"}))),
        ("a key that encrypts", foreign(json!({"kid": "encrypts"}))),
        ("a name that two keys have", foreign(json!({"kid": "twice"}))),
        ("no name where one key would fit", foreign(json!({"kid": null}))),
        ("a name that is no text", foreign(json!({"kid": 1}))),
        ("a name that is a path", foreign(json!({"kid": "../../dev/null"}))),
        ("a long name", foreign(json!({"kid": "k".repeat(5000)}))),
        ("its own key", foreign(json!({"jwk": made.foreign.jwk()}))),
        ("its own key under a known name", foreign(json!({"kid": "rsa-1", "jwk": made.foreign.jwk()}))),
        ("where to find its key", foreign(json!({"jku": theirs.url}))),
        ("where to find its certificate", foreign(json!({"x5u": theirs.url}))),
        ("its own certificate", foreign(json!({"x5c": ["MIIB"]}))),
        ("1024 bits", made.weak.token(&claims(json!({})))),
        (
            "a good key and its own",
            made.rsa.sign(&with(made.rsa.header(), json!({"jku": theirs.url})), &claims(json!({}))),
        ),
    ];
    all_refused(&world, attacks).await;
    assert_eq!(theirs.asked(), 0, "nobody asks where a token says");
}

#[tokio::test]
async fn who_names_no_key_is_judged_by_the_only_one() {
    if !peers() {
        return;
    }
    let (world, made) = (world().await, signers());
    let token = made.rsa.sign(&json!({"alg": "RS256"}), &claims(json!({})));
    world.find("user_id", "u").bearer(&token, ORG).await.refused(404, "profile.not_found");
}

#[tokio::test]
async fn what_was_changed_after_it_was_signed_is_refused() {
    if !peers() {
        return;
    }
    let (world, made) = (world().await, signers());
    let (good, on_curve) = (made.rsa.token(&claims(json!({}))), made.ec.token(&claims(json!({}))));
    let parts: Vec<&str> = good.split('.').collect();
    let wider = encoded(claims(json!({"orgs": [ORG, OTHER_ORG]})).to_string());
    let (signed, signature) = on_curve.rsplit_once('.').unwrap();
    let flipped = format!("{signed}.{}{}", if signature.starts_with('A') { "B" } else { "A" }, &signature[1..]);
    let header = encoded(json!({"alg": "RS256", "kid": "rsa-1"}).to_string());
    let der = encoded(made.ec.der_signature(signed));
    let last = parts[2].chars().last().unwrap();
    // The last character of 256 bytes holds two bits that nobody reads; they must be zero all the same.
    let loose = char::from("AQgw".bytes().find(|it| char::from(*it) == last).unwrap() + 1);
    let attacks = vec![
        ("other claims", format!("{}.{wider}.{}", parts[0], parts[2])),
        ("another header", format!("{header}.{}.{}", parts[1], parts[2])),
        ("another signature", format!("{}.{}.{}", parts[0], parts[1], on_curve.rsplit('.').next().unwrap())),
        ("a bit of the signature", flipped),
        ("a signature of zeros", format!("{signed}.{}", encoded([0; 64]))),
        ("a signature in DER", format!("{signed}.{der}")),
        ("half a signature", format!("{signed}.{}", &signature[..signature.len() / 2])),
        ("a longer signature", format!("{signed}.{signature}AAAA")),
        ("no signature", format!("{signed}.")),
        ("two parts", signed.to_owned()),
        ("four parts", format!("{good}.AAAA")),
        ("five parts", format!("{good}.AAAA.AAAA")),
        ("padding", format!("{good}==")),
        ("loose bits", format!("{}{loose}", &good[..good.len() - 1])),
        ("a space inside", good.replace('.', " .")),
        ("a comma and another", format!("{good},{good}")),
        ("another alphabet", good.replacen('.', "+/.", 1)),
        ("points alone", "..".into()),
        ("one point", ".".into()),
        ("8193 bytes", "a".repeat(8193)),
        ("a long token that would be good", made.rsa.token(&claims(json!({"pad": "x".repeat(8192)})))),
    ];
    all_refused(&world, attacks).await;
}

#[tokio::test]
async fn claims_that_do_not_hold_are_refused() {
    if !peers() {
        return;
    }
    let (world, made) = (world().await, signers());
    let token = |more: Value| made.rsa.token(&claims(more));
    let raw = |header: &str, claims: &str| {
        let message = format!("{}.{}", encoded(header), encoded(claims));
        format!("{message}.{}", encoded(made.rsa.signature(&message)))
    };
    let header = made.rsa.header().to_string();
    let twice = claims(json!({})).to_string().replacen('{', "{\"exp\":99999999999,", 1);
    let typed = |more: Value| made.rsa.sign(&with(made.rsa.header(), more), &claims(json!({})));
    let attacks = vec![
        ("expired", token(json!({"exp": later(-2)}))),
        ("expired long ago", token(json!({"exp": 0}))),
        ("no expiry", token(json!({"exp": null}))),
        ("an expiry in text", token(json!({"exp": later(3600).to_string()}))),
        ("not valid yet", token(json!({"nbf": later(2)}))),
        ("a beginning in text", token(json!({"nbf": "now"}))),
        ("another issuer", token(json!({"iss": "https://login.example"}))),
        ("no issuer", token(json!({"iss": null}))),
        ("another audience", token(json!({"aud": "another"}))),
        ("other audiences", token(json!({"aud": ["another", "ONEFOLD"]}))),
        ("no audience", token(json!({"aud": null}))),
        ("a claim twice", raw(&header, &twice)),
        (
            "a member of the header twice",
            raw(&header.replacen('{', "{\"alg\":\"none\",", 1), &claims(json!({})).to_string()),
        ),
        ("claims that are an array", raw(&header, "[]")),
        ("claims that are nothing", raw(&header, "")),
        ("a header that is an array", raw("[]", "{}")),
        ("claims that are no JSON", raw(&header, "{\"exp\":")),
        ("claims nested deeply", token(json!({"x": (0..20).fold(json!(1), |inner, _| json!([inner]))}))),
        ("an extension that must be understood", typed(json!({"crit": ["exp"]}))),
        ("unencoded claims", typed(json!({"b64": false}))),
        ("a logout token", typed(json!({"typ": "logout+jwt"}))),
        ("a proof of possession", typed(json!({"typ": "dpop+jwt"}))),
        ("too many organisations", token(json!({"orgs": vec![ORG; 257]}))),
    ];
    all_refused(&world, attacks).await;
    for good in [
        token(json!({"exp": later(0)})),
        token(json!({"nbf": later(1)})),
        token(json!({"aud": ["another", AUDIENCE]})),
        typed(json!({"typ": "at+JWT"})),
        typed(json!({"typ": null})),
        typed(json!({"x5t": "AAAA"})),
    ] {
        world.find("user_id", "u").bearer(&good, ORG).await.refused(404, "profile.not_found");
    }
}

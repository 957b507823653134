//! Keys behind a URL: new ones, ones that are gone, and an issuer that does not answer.

use crate::issuer::*;
use crate::jwks::{Jwks, ok, until};
use crate::util::*;
use onefold::token::Tokens;

async fn world(jwks: &Jwks, more: &str) -> World {
    world_with(&settings(&jwks.url, more)).await
}

/// Looks after the keys as the binary does, until this is dropped.
struct Watching(tokio::task::JoinHandle<()>);

impl Watching {
    fn of(world: &World) -> Self {
        Self(tokio::spawn(world.app.tokens.as_ref().map(Tokens::watch).unwrap()))
    }
}

impl Drop for Watching {
    fn drop(&mut self) {
        self.0.abort();
    }
}

fn find(world: &World, signer: &Signer, jti: u64) -> Call {
    world.find("user_id", "u").bearer(&signer.token(&claims(json!({"jti": jti}))), ORG)
}

async fn status(world: &World, signer: &Signer) -> u16 {
    find(world, signer, 0).await.status.as_u16()
}

#[tokio::test]
async fn keys_are_fetched_when_they_are_needed_and_then_no_more() {
    if !peers() {
        return;
    }
    let (made, jwks) = (signers(), Jwks::with(&set(&[&signers().rsa])));
    let world = world(&jwks, "").await;
    assert_eq!(jwks.asked(), 0);
    for jti in 0..5 {
        find(&world, &made.rsa, jti).await.refused(404, "profile.not_found");
    }
    assert_eq!(jwks.asked(), 1);
}

#[tokio::test]
async fn a_new_key_is_looked_for_when_a_token_names_it() {
    if !peers() {
        return;
    }
    let (made, jwks) = (signers(), Jwks::with(&set(&[&signers().rsa])));
    let world = world(&jwks, "unknown_kid_ms = 100").await;
    find(&world, &made.rsa, 0).await.refused(404, "profile.not_found");
    jwks.set(&set(&[&made.rsa, &made.next]));
    until("the new key", async || status(&world, &made.next).await == 404).await;
    find(&world, &made.rsa, 1).await.refused(404, "profile.not_found");
}

#[tokio::test]
async fn an_unknown_key_is_not_looked_for_again_and_again() {
    if !peers() {
        return;
    }
    let (made, jwks) = (signers(), Jwks::with(&set(&[&signers().rsa])));
    let world = world(&jwks, "unknown_kid_ms = 3600000").await;
    find(&world, &made.rsa, 0).await.refused(404, "profile.not_found");
    for jti in 0..10 {
        find(&world, &made.foreign, jti).await.refused(401, "auth.invalid");
    }
    assert_eq!(jwks.asked(), 1);
}

#[tokio::test]
async fn callers_that_come_together_cause_one_look() {
    if !peers() {
        return;
    }
    let (made, jwks) = (signers(), Jwks::with(&set(&[&signers().rsa])));
    let world = world(&jwks, "").await;
    let calls = (0..10).map(|jti| find(&world, &made.rsa, jti).into_future());
    for answer in futures_util::future::join_all(calls).await {
        answer.refused(404, "profile.not_found");
    }
    assert_eq!(jwks.asked(), 1);
}

#[tokio::test]
async fn who_hangs_up_does_not_keep_a_key_from_being_found() {
    if !peers() {
        return;
    }
    let (made, jwks) = (signers(), Jwks::with(&set(&[&signers().rsa])));
    let world = world(&jwks, "unknown_kid_ms = 3600000").await;
    let mut gone = find(&world, &made.foreign, 0).into_future();
    assert!(futures_util::poll!(&mut gone).is_pending(), "it hangs up before the answer");
    drop(gone);
    find(&world, &made.rsa, 0).await.refused(404, "profile.not_found");
    assert_eq!(jwks.asked(), 1);
}

#[tokio::test]
async fn a_key_that_is_withdrawn_opens_nothing_any_more() {
    if !peers() {
        return;
    }
    let (made, jwks) = (signers(), Jwks::with(&set(&[&signers().rsa, &signers().ec])));
    let world = world(&jwks, "refresh_ms = 1000").await;
    let _watching = Watching::of(&world);
    let (token, last) = (made.rsa.token(&claims(json!({}))), onefold::auth::Last::default());
    let open = async || world.find("user_id", "u").bearer(&token, ORG).on(&last).await.status.as_u16();
    until("the keys", async || open().await == 404).await;
    jwks.set(&set(&[&made.ec]));
    until("the end of the key, on an open connection too", async || open().await == 401).await;
    assert_eq!(status(&world, &made.ec).await, 404);
}

#[tokio::test]
async fn an_issuer_that_fails_locks_nobody_out_for_a_while_and_then_nobody_in() {
    if !peers() {
        return;
    }
    let made = signers();
    let large = ok(&format!("{{\"keys\":[],\"pad\":\"{}\"}}", "x".repeat(256 * 1024)));
    let elsewhere = Jwks::with(&set(&[&made.foreign]));
    let redirect = format!("HTTP/1.1 302 Found\r\nlocation: {}\r\ncontent-length: 0\r\n\r\n", elsewhere.url);
    let answers = [
        "HTTP/1.1 500 No\r\ncontent-length: 0\r\n\r\n",
        &*large,
        &*ok("<html>"),
        &*ok("{\"keys\":[]}"),
        &*redirect,
        "",
    ];
    futures_util::future::join_all(answers.map(fails_with)).await;
    assert_eq!(elsewhere.asked(), 0, "redirects are not followed");
}

/// An issuer whose keys are there, then answers this instead, or nothing, and then has the keys again.
async fn fails_with(answer: &str) {
    let (made, jwks) = (signers(), Jwks::with(&set(&[&signers().rsa])));
    let world = world(&jwks, "refresh_ms = 1000\ntimeout_ms = 500\nkeep_ms = 2500").await;
    let _watching = Watching::of(&world);
    until("the keys", async || status(&world, &made.rsa).await == 404).await;
    if answer.is_empty() {
        jwks.falls_silent()
    } else {
        jwks.answers(answer)
    }
    until("the end of what was kept", async || status(&world, &made.rsa).await == 503).await;
    let refused = find(&world, &made.rsa, 0).await;
    refused.refused(503, "auth.no_keys");
    assert!(!refused.header("retry-after").is_empty());
    // What cannot be a token needs no keys to be refused.
    world.find("user_id", "u").bearer("nonsense", ORG).await.refused(401, "auth.invalid");
    jwks.set(&set(&[&made.rsa]));
    until("the keys again", async || status(&world, &made.rsa).await == 404).await;
}

#[tokio::test]
async fn while_the_issuer_fails_the_keys_that_are_there_go_on_to_hold() {
    if !peers() {
        return;
    }
    let (made, jwks) = (signers(), Jwks::with(&set(&[&signers().rsa])));
    let world = world(&jwks, "refresh_ms = 1000\nunknown_kid_ms = 100").await;
    let _watching = Watching::of(&world);
    until("the keys", async || status(&world, &made.rsa).await == 404).await;
    jwks.answers("HTTP/1.1 500 No\r\ncontent-length: 0\r\n\r\n");
    let asked = jwks.asked();
    until("a look that fails", async || jwks.asked() > asked + 1).await;
    find(&world, &made.rsa, 0).await.refused(404, "profile.not_found");
    // Whether the issuer has this one, nobody can tell now.
    find(&world, &made.next, 0).await.refused(503, "auth.no_keys");
}

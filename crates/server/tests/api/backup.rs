//! `POST /admin/v1/backup`, where there is nothing to back up. Backups themselves are made by the real binary, in
//! `tests/cli/backup.rs`.

use crate::util::*;

const BACKUP: &str = "/admin/v1/backup";

#[tokio::test]
async fn a_server_that_keeps_nothing_has_no_backup() {
    let world = world().await;
    world.post(BACKUP, json!({})).key(ROOT_KEY).await.refused(409, "backup.no_files");
}

#[tokio::test]
async fn it_is_for_the_root_key_and_says_what_it_does_not_know() {
    let world = world().await;
    world.post(BACKUP, json!({})).await.refused(403, "auth.scope");
    world.post(BACKUP, json!({"since": 5})).key(ROOT_KEY).await.wrong_at("request.unknown_member", &["/since"]);
    world.post(BACKUP, json!([])).key(ROOT_KEY).await.refused(400, "request.invalid");
}

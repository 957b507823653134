//! `GET /healthz` and `GET /readyz`.

use crate::util::*;
use onefold_core::tables::Table;
use onefold_engines::faulty::Fault;

#[tokio::test]
async fn a_process_that_answers_is_alive_and_one_that_can_store_is_ready() {
    let world = world().await;
    for url in ["/healthz", "/readyz"] {
        let answer = world.get(url).without("apikey").await;
        assert_eq!((answer.status.as_u16(), &answer.bytes[..]), (200, &b"ok\n"[..]), "{url}");
    }
}

#[tokio::test]
async fn without_its_store_it_is_alive_but_not_ready() {
    let (world, trouble) = world_in_trouble().await;
    trouble.with(Table::Job, Fault::Refuse);
    assert_eq!(world.get("/healthz").await.status, 200);
    let answer = world.get("/readyz").await;
    answer.refused(503, "store.unavailable");
    assert_eq!(answer.header("retry-after"), "1");
}

#[tokio::test]
async fn one_that_shuts_down_is_alive_but_not_ready() {
    let world = world().await;
    world.app.gate.close();
    assert_eq!(world.get("/healthz").await.status, 200);
    world.get("/readyz").await.refused(503, "server.shutting_down");
}

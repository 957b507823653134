//! The command `onefold`.

#[tokio::main]
async fn main() {
    let config = onefold::Config::load(&[]).expect("x");
    onefold::run(config, async |_, address| {
        println!("listening on {address}");
        Ok(())
    })
    .await
    .expect("y");
}

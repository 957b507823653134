//! Layers, faults and the reference itself.

use super::*;

fn load(document: &str, environment: &[(&str, &str)]) -> Result<Config, ConfigFaults> {
    let environment = environment.iter().map(|(name, value)| (name.to_string(), value.to_string()));
    Config::load(&[Layer::document("onefold.toml", document), Layer::environment(environment)])
}

#[test]
fn the_defaults_are_what_the_contract_says() {
    let config = Config::load(&[]).unwrap();
    assert_eq!(config.server.listen.to_string(), "127.0.0.1:8080");
    let (data, deletion_log) = ("./data".into(), "".into());
    assert_eq!(config.engine, Engine::Embedded { data, cache_mib: 256, deletion_log, purge_seconds: 86_400 });
    assert_eq!(config.engine.deletion_log(), Some("./data/deletions.log".into()));
    assert_eq!(config.regions.known, ["EU", "UK", "US", "IN"]);
    assert_eq!(config.server.head_timeout(), Duration::from_secs(10));
    assert_eq!(config.server.body_timeout(), Duration::from_secs(30));
}

#[test]
fn the_environment_wins_over_the_file_and_the_command_line_over_both() {
    let file = Layer::document("f", "[server]\nlisten = '1.1.1.1:1'\nmax_in_flight = 7\n[regions]\nknown = ['eu']");
    let variables = [("ONEFOLD__SERVER__LISTEN", "2.2.2.2:2"), ("ONEFOLD__REGIONS__KNOWN", "eu, ap-1"), ("PATH", "/")];
    let environment = Layer::environment(variables.iter().map(|(name, value)| (name.to_string(), value.to_string())));
    let flag = Layer::flag("server.listen", "3.3.3.3:3");
    let config = Config::load(&[file, environment, flag]).unwrap();
    assert_eq!(config.server.listen.to_string(), "3.3.3.3:3");
    assert_eq!(config.server.max_in_flight, 7);
    assert_eq!(config.regions().len(), 2);
}

#[test]
fn all_faults_are_told_together() {
    let faults = load(
        "[server]\nlisten_on = 1\nmax_in_flight = 'many'\n[colour]\nred = 1",
        &[("ONEFOLD__SERVER__MAX_CONNECTIONS", "0"), ("ONEFOLD__LOG__VOLUME", "3"), ("ONEFOLD__SWEEP__EVERY_MS", "x")],
    );
    let mut faults = faults.unwrap_err().0;
    faults.sort();
    assert_eq!(
        faults,
        [
            "onefold.toml: server.max_in_flight must be an integer",
            "onefold.toml: there is no setting colour",
            "onefold.toml: there is no setting server.listen_on",
            "server.max_connections must be 1 to 1000000",
            "the environment: sweep.every_ms must be an integer",
            "the environment: there is no setting log.volume",
        ]
    );
}

#[test]
fn another_engine_does_not_inherit_settings_and_takes_none_that_are_not_its_own() {
    assert_eq!(load("[engine]\nkind = 'memory'", &[]).unwrap().engine, Engine::Memory {});
    assert!(load("[engine]\nkind = 'memory'\ndata = 'x'", &[]).is_err());
    assert!(load("[engine]\nkind = 'paper'", &[]).is_err());
}

#[test]
fn a_value_that_is_none_is_told_with_the_settings_name() {
    for (name, text) in
        [("mail.tls", "maybe"), ("log.format", "xml"), ("metrics.access", "all"), ("mail.port", "70000")]
    {
        let faults = Config::load(&[Layer::flag(name, text)]).unwrap_err().to_string();
        assert!(faults.contains(&format!("{name}: ")), "{faults}");
    }
}

#[test]
fn regions_are_codes_and_none_comes_twice() {
    for bad in ["[]", "['EU', 'eu']", "['E U']", "['MIDDLEEARTH']"] {
        assert!(load(&format!("[regions]\nknown = {bad}"), &[]).is_err(), "{bad}");
    }
}

#[test]
fn what_is_printed_can_be_read_again_and_shows_no_secret() {
    let config = Config::load(&[]).unwrap();
    assert_eq!(load(&config.print(), &[]).unwrap(), config);
    let mut table: toml::Table = "[mail]\nuser = 'me'\npassword = 'sesame'".parse().unwrap();
    layers::mask(&mut table);
    assert!(!table.to_string().contains("sesame"));
}

//! The figures of the daemon: what they say of mail that went, that every
//! name in the rules and the dashboard is among them, and that Prometheus
//! takes all of it as it is.

use std::collections::BTreeSet;
use std::fs;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::Stdio;

use serde_json::Value;

use crate::harness::{Running, World, text, wait};
use crate::http_client::Door;

fn telemetry(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("config/telemetry").join(name)
}

fn figures(door: &Door) -> String {
    let answer = door.get("/metrics");
    assert_eq!(answer.status, 200, "{answer:?}");
    assert_eq!(answer.header("content-type"), Some("application/openmetrics-text; version=1.0.0; charset=utf-8"));
    assert!(answer.body.ends_with("# EOF\n"));
    answer.body
}

/// The value of a figure, written as it stands there.
fn value(text: &str, figure: &str) -> Option<f64> {
    let line = text.lines().find_map(|line| line.strip_prefix(figure)?.strip_prefix(' '));
    line.map(|value| value.parse().unwrap())
}

#[test]
fn figures_say_what_became_of_mail_and_how_things_stand() {
    let world = World::new();
    let _daemon = world.up();
    let door = Door::of(&world);
    assert_eq!(door.get("/metrics").status, 401, "nobody without a token");
    let door = door.with(&world, "tester", &["--read-only"]);
    let before = figures(&door);
    assert_eq!(value(&before, "cellphone_objective_total{objective=\"response\",met=\"yes\"}"), Some(0.0));
    let read = world.send("Agent-1", "Agent-2", "one");
    world.send("Agent-1", "Agent-2", "A-WORD-OF-A-SUBJECT");
    world.ok("Agent-2", &["read", &read]);
    world.ok("tester", &["snapshot", "create"]);
    let event = |text: &str, kind: &str| value(text, &format!("cellphone_events_total{{event=\"{kind}\"}}"));
    let text = figures(&door);
    assert_eq!(
        (event(&text, "accepted"), event(&text, "delivered"), event(&text, "read")),
        (Some(2.0), Some(2.0), Some(1.0))
    );
    assert_eq!(value(&text, "cellphone_agent_unread{agent=\"Agent-2\"}"), Some(1.0));
    assert_eq!(value(&text, "cellphone_delivery_seconds_count"), Some(2.0));
    assert_eq!(value(&text, "cellphone_response_seconds_count"), Some(1.0));
    assert_eq!(value(&text, "cellphone_objective_total{objective=\"response\",met=\"yes\"}"), Some(1.0));
    assert_eq!(value(&text, "cellphone_objective_seconds{objective=\"backup\"}"), Some(26.0 * 3_600.0));
    assert!(value(&text, "cellphone_snapshot_timestamp_seconds").unwrap() > 1e9, "{text}");
    assert!(value(&text, "process_resident_memory_bytes").unwrap() > 1e6);
    assert!(value(&text, "cellphone_http_request_seconds_count{door=\"metrics\",code=\"2xx\"}").unwrap() >= 1.0);
    assert!(!text.contains("SUBJECT"), "a word of a message is a label");
    wait("the oldest that waits is known", || {
        let oldest = "cellphone_agent_oldest_unread_timestamp_seconds{agent=\"Agent-2\"}";
        value(&figures(&door), oldest).is_some_and(|at| at > 1e9)
    });
    // Nothing is counted twice, and what nobody answers in time is not met.
    assert_eq!(event(&figures(&door), "accepted"), Some(2.0));
    world.ok("tester", &["config", "set", "objectives.response", "1ms"]);
    wait("the second is late", || {
        value(&figures(&door), "cellphone_objective_total{objective=\"response\",met=\"no\"}") == Some(1.0)
    });
    fs::write(world.root.join("config/cellphone.yaml"), "limits: [\n").unwrap();
    wait("a broken configuration shows", || value(&figures(&door), "cellphone_config_good") == Some(0.0));
}

/// The expressions of the dashboard, with what Grafana puts in.
fn dashboard() -> Vec<String> {
    let text = fs::read_to_string(telemetry("grafana-dashboard.json")).unwrap();
    let board: Value = serde_json::from_str(&text).unwrap();
    let panels = board["panels"].as_array().unwrap();
    let targets = panels.iter().filter_map(|panel| panel["targets"].as_array()).flatten();
    let put_in =
        |target: &Value| target["expr"].as_str().unwrap().replace("$__rate_interval", "1m").replace("$instance", ".*");
    targets.map(put_in).collect()
}

#[test]
fn every_name_in_the_rules_and_the_dashboard_is_a_figure() {
    let world = World::new();
    let _hosted = crate::wake::host(&world, "Agent-2");
    let _daemon = world.up();
    let door = Door::of(&world).with(&world, "tester", &[]);
    // What counts nothing is not written: a window rings and wakes, another waits, and an alarm stands.
    world.ok("tester", &["agents", "set", "Agent-3", "--channel", "pty", "--dnd", "on"]);
    world.send("Agent-1", "Agent-2", "one");
    world.send("Agent-1", "Agent-3", "two");
    fs::rename(world.folder("Agent-5", "inbox"), world.home.join("away")).unwrap();
    let rung = ["nudges_total{", "wakes_total{", "deferrals_total{", "alarms{"];
    wait("all of it is counted", || {
        let text = figures(&door);
        rung.iter().all(|one| text.contains(&format!("\ncellphone_{one}")))
    });
    let text = figures(&door);
    let families: BTreeSet<&str> =
        text.lines().filter_map(|line| line.strip_prefix("# TYPE ")?.split(' ').next()).collect();
    let rules = fs::read_to_string(telemetry("rules.yml")).unwrap();
    let documented = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/telemetry.md")).unwrap();
    let name = regex::Regex::new(r"\b(?:cellphone|process)_[a-z0-9_]+\b").unwrap();
    let all = dashboard().join("\n") + &rules;
    let asked: BTreeSet<&str> = name.find_iter(&all).map(|found| found.as_str()).collect();
    assert!(asked.len() > 25, "{asked:?}");
    for one in asked {
        let family =
            ["_total", "_bucket", "_count", "_sum"].iter().find_map(|end| one.strip_suffix(end)).unwrap_or(one);
        // Of a drill there is nothing yet.
        let known = families.contains(family) || families.contains(one) || one == "cellphone_drill_passed";
        assert!(known, "{one} is no figure of {families:?}");
    }
    // The document says something of each, some of them by the end of a name.
    for family in families {
        let part = family.rsplit_once("host_").map_or(family, |_| "cellphone_host_…");
        let ends = ["agent_", "drill_"].iter().find_map(|cut| Some(format!("_{}", family.split_once(cut)?.1)));
        assert!(
            documented.contains(part) || ends.is_some_and(|end| documented.contains(&format!("`{end}`"))),
            "docs/telemetry.md does not say what {family} is"
        );
    }
}

#[test]
#[ignore = "needs prometheus: run tests/run"]
fn prometheus_scrapes_the_daemon_with_the_configuration_that_comes_along() {
    let world = World::new();
    let _daemon = world.up();
    let door = Door::of(&world).with(&world, "tester", &["--read-only"]);
    let folder = world.home.join("prometheus");
    fs::create_dir_all(&folder).unwrap();
    fs::write(folder.join("token"), door.token.as_ref().unwrap()).unwrap();
    fs::copy(telemetry("rules.yml"), folder.join("rules.yml")).unwrap();
    let config = fs::read_to_string(telemetry("prometheus.yml")).unwrap();
    assert!(config.contains("\"127.0.0.1:7411\"") && config.contains("scrape_interval: 15s"), "{config}");
    let config = config.replace("127.0.0.1:7411", &door.authority);
    let config = config.replace("scrape_interval: 15s", "scrape_interval: 1s\n  evaluation_interval: 1s");
    fs::write(folder.join("prometheus.yml"), config).unwrap();
    let programs = std::env::var("CELLPHONE_TEST_PROMETHEUS").expect("Prometheus is needed: run tests/run");
    let program = |name: &str| world.program(Path::new(&programs).join(name));
    let checked =
        program("promtool").current_dir(&folder).args(["check", "config", "prometheus.yml"]).output().unwrap();
    assert!(checked.status.success(), "{}", text(&checked));

    let free = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let mut prometheus = program("prometheus");
    prometheus.current_dir(&folder).arg("--config.file=prometheus.yml").arg("--storage.tsdb.path=data");
    prometheus.arg(format!("--web.listen-address={free}")).stdout(Stdio::null()).stderr(Stdio::null());
    let _prometheus = Running::start(prometheus);
    wait("it listens", || std::net::TcpStream::connect(free).is_ok());
    let asks = Door { authority: free.to_string(), token: None };
    wait("it is ready", || asks.get("/-/ready").status == 200);
    let query = |what: &str| -> Value {
        let what: String = url::form_urlencoded::byte_serialize(what.as_bytes()).collect();
        asks.get(&format!("/api/v1/query?query={what}")).json()
    };
    wait("it has scraped", || {
        query("up{job=\"cellphone\"} == 1")["data"]["result"].as_array().is_some_and(|r| !r.is_empty())
    });
    for expression in dashboard() {
        let answer = query(&expression);
        assert_eq!(answer["status"], "success", "{expression}: {answer}");
    }
    wait("every rule was evaluated", || {
        let rules = asks.get("/api/v1/rules").json();
        let groups = rules["data"]["groups"].as_array().cloned().unwrap_or_default();
        let all: Vec<Value> = groups.iter().flat_map(|group| group["rules"].as_array().cloned().unwrap()).collect();
        assert!(!all.iter().any(|rule| rule["health"] == "err"), "{all:#?}");
        all.len() > 15 && all.iter().all(|rule| rule["health"] == "ok")
    });
    // There is no snapshot: that alarm is on its way, and that the daemon is down is not.
    let alerts = || asks.get("/api/v1/alerts").json()["data"]["alerts"].to_string();
    wait("the missing snapshot is noticed", || alerts().contains("CellphoneSnapshotOld"));
    assert!(!alerts().contains("CellphoneDown"), "{}", alerts());
}

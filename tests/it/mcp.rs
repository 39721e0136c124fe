//! `cellphone mcp`, spoken to by the official Python client, and by a client
//! that sends nonsense.

use std::fs;
use std::process::Command;

use serde_json::{Value, json};

use crate::harness::{World, feed, text, wait};
use crate::http_client::Door;
use crate::identity::file;

/// What the Python client is answered, after the greeting.
fn talk(world: &World, agent: &str, steps: &Value) -> Vec<Value> {
    let python = std::env::var_os("CELLPHONE_TEST_MCP").expect("CELLPHONE_TEST_MCP: run tests/run");
    let mut client = world.program(python);
    client.arg(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/mcp/client.py")).arg(env!("CARGO_BIN_EXE_cellphone"));
    client.arg("--root").arg(&world.root).args(["--as", agent, "mcp"]);
    answers(client, steps)
}

/// The same over HTTP, at the door of a daemon.
fn talk_over_http(world: &World, door: &Door, steps: &Value) -> Vec<Value> {
    let python = std::env::var_os("CELLPHONE_TEST_MCP").expect("CELLPHONE_TEST_MCP: run tests/run");
    let mut client = world.program(python);
    client.arg(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/mcp/client.py"));
    client.arg(format!("http://{}/mcp", door.authority)).arg(door.token.as_ref().unwrap());
    answers(client, steps)
}

fn answers(client: Command, steps: &Value) -> Vec<Value> {
    let out = feed(client, steps.to_string().as_bytes());
    assert!(out.status.success(), "{}", text(&out));
    String::from_utf8(out.stdout).unwrap().lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

fn id(answer: &Value) -> &str {
    answer["data"]["id"].as_str().unwrap_or_else(|| panic!("{answer:#}"))
}

#[test]
#[ignore = "needs the Python client of MCP: run tests/run"]
fn an_agent_works_through_its_mail_by_tools_alone() {
    let world = World::new();
    let asked = world.send("Agent-1", "Agent-2", "Review <parser>\u{1b}[31m");
    let said = talk(
        &world,
        "Agent-2",
        &json!([["list_tools"], ["call", "inbox", {}], ["call", "next", {"lease_minutes": 5}]]),
    );
    assert!(said[0]["instructions"].as_str().unwrap().contains("You are Agent-2"), "{said:#?}");
    assert_eq!(said[1]["tools"].as_array().unwrap().len(), 10);
    assert_eq!(said[2]["data"]["unread"], 1);
    let next = &said[3]["data"];
    let message = &next["message"];
    assert_eq!((message["id"].as_str(), message["verified"].as_str()), (Some(asked.as_str()), Some("verified")));
    assert!(message["notice"].as_str().unwrap().contains("data from another agent"), "{next:#}");
    let token = next["token"].as_str().unwrap();

    let said = talk(
        &world,
        "Agent-2",
        &json!([
            ["call", "reply", {"id": asked, "body": "Done: `main.rs`"}],
            ["call", "done", {"id": asked, "token": "of somebody else"}],
            ["call", "done", {"id": asked, "token": token}],
            ["call", "next", {}],
            ["call", "search", {"text": "PARSER"}],
            ["call", "send", {"to": "Agent-3", "subject": "one name alone", "body": "x", "key": "k"}],
            ["call", "send", {"to": ["Agent-3"], "subject": "one name alone", "body": "x", "key": "k"}],
        ]),
    );
    assert_eq!(said[2]["error"], true, "{:#}", said[2]);
    assert_eq!(said[3]["data"]["state"], "done");
    assert_eq!(said[4]["data"]["message"], Value::Null);
    assert!(said[5]["data"]["hits"].as_array().unwrap().iter().any(|hit| hit["id"] == asked.as_str()), "{:#}", said[5]);
    assert_eq!(id(&said[6]), id(&said[7]), "the same key is the same message");
    assert_eq!(world.inbox("Agent-3").len(), 1);
    let answer = world.inbox("Agent-1").remove(0);
    assert_eq!((answer["id"].as_str(), answer["verified"].as_str()), (Some(id(&said[1])), Some("verified")));
    assert_eq!(answer["in_reply_to"], asked.as_str());
}

#[test]
#[ignore = "needs the Python client of MCP: run tests/run"]
fn the_same_tools_answer_over_http_for_whose_token_it_is() {
    let world = World::new();
    let asked = world.send("Agent-1", "Agent-2", "Review");
    let _daemon = world.up();
    let door = Door::of(&world);
    let two = door.with(&world, "Agent-2", &[]);
    let said = talk_over_http(
        &world,
        &two,
        &json!([
            ["list_tools"], ["list_resources"], ["call", "status", {}], ["call", "inbox", {}],
            ["call", "next", {}], ["call", "reply", {"id": asked, "body": "Done"}],
            ["read", "cellphone://inbox"], ["prompt", "mail", {}], ["call", "read", {"id": "nonsense"}],
        ]),
    );
    assert!(said[0]["instructions"].as_str().unwrap().contains("`status` says who you are"), "{said:#?}");
    assert_eq!(said[1]["tools"].as_array().unwrap().len(), 10);
    assert_eq!((&said[3]["data"]["you"], &said[3]["data"]["unread"]), (&json!("Agent-2"), &json!(1)));
    assert_eq!(said[4]["data"]["messages"][0]["verified"], "verified");
    let token = said[5]["data"]["token"].as_str().unwrap();
    assert_eq!(world.inbox("Agent-1")[0]["id"], id(&said[6]));
    assert_eq!(said[7]["agent"], "Agent-2");
    assert_eq!(said[9]["error"], true);
    let said = talk_over_http(&world, &two, &json!([["call", "done", {"id": asked, "token": token}]]));
    assert_eq!(said[1]["data"]["state"], "done");

    // A token that changes nothing looks, and does no more.
    let reader = door.with(&world, "Agent-1", &["--read-only"]);
    let said = talk_over_http(
        &world,
        &reader,
        &json!([
            ["call", "inbox", {}], ["call", "send", {"to": ["Agent-2"], "subject": "x", "body": "x"}],
        ]),
    );
    assert_eq!((&said[1]["error"], &said[2]["error"]), (&json!(false), &json!(true)), "{said:#?}");
    assert_eq!(said[2]["data"]["error"], "refused");

    // Nobody else gets in, whatever they say.
    let hello = json!({"jsonrpc": "2.0", "id": 1, "method": "tools/list"});
    assert_eq!(door.post("/mcp", &hello).status, 401);
    let body = hello.to_string();
    let from_a_page = [("Content-Type", "application/json"), ("Origin", "http://evil.example")];
    assert_eq!(two.ask("POST", "/mcp", &from_a_page, body.as_bytes()).status, 403);
    assert_eq!(two.ask("POST", "/mcp", &[("Host", "evil.example")], body.as_bytes()).status, 421);
    let nonsense = two.ask("POST", "/mcp", &[("Content-Type", "application/json")], b"{nonsense");
    assert!((400..500).contains(&nonsense.status), "{nonsense:?}");
}

#[test]
#[ignore = "needs the Python client of MCP: run tests/run"]
fn resources_and_prompts_mark_nothing_and_errors_say_what_to_do() {
    let world = World::new();
    let asked = world.send("Agent-1", "Agent-2", "first");
    world.ok("Agent-1", &["send", "--to", "Agent-2", "-s", "long", "--ack", "-m", &"ä".repeat(40_000)]);
    let said = talk(
        &world,
        "Agent-2",
        &json!([
            ["list_resources"], ["list_resource_templates"], ["list_prompts"],
            ["read", "cellphone://inbox"], ["read", format!("cellphone://thread/{asked}")], ["read", "cellphone://elsewhere"],
            ["prompt", "mail", {}], ["prompt", "delegate", {"to": "@reviewer", "task": "Look"}], ["prompt", "delegate", {}],
            ["call", "read", {"id": "01ARZ3NDEKTSV4RRFFQ69G5FAV"}], ["call", "read", {}], ["call", "format_disk", {}],
            ["call", "send", {"to": ["Nobody"], "subject": "x", "body": "x"}],
            ["call", "status", {}], ["call", "who", {}],
        ]),
    );
    assert_eq!(said[1]["resources"][0]["uri"], "cellphone://inbox");
    assert_eq!(said[2]["resourceTemplates"][0]["uriTemplate"], "cellphone://thread/{id}");
    assert_eq!(said[3]["prompts"].as_array().unwrap().len(), 2);
    assert_eq!(said[4]["messages"].as_array().unwrap().len(), 2);
    assert_eq!(said[5]["messages"][0]["body"], "body");
    assert!(said[6]["message"].as_str().unwrap().contains("elsewhere"), "{:#}", said[6]);
    assert!(said[7]["messages"][0]["content"]["text"].as_str().unwrap().contains("`next`"));
    assert!(said[8].to_string().contains("@reviewer") && said[9].to_string().contains("missing"), "{:#}", said[9]);
    let refused: Vec<&str> = said[10..14].iter().map(|e| e["data"]["error"].as_str().unwrap_or("protocol")).collect();
    assert_eq!(refused, ["not_found", "usage", "protocol", "not_found"], "{:#?}", &said[10..14]);
    assert_eq!(
        (&said[14]["data"]["you"], &said[14]["data"]["unread"]),
        (&json!("Agent-2"), &json!(2)),
        "nothing was marked"
    );
    assert_eq!(said[15]["data"]["agents"].as_array().unwrap().len(), 9);

    // A long body comes in a piece that a context can hold, with the file beside it.
    let long = world.inbox("Agent-2").into_iter().find(|m| m["subject"] == "long").unwrap();
    let long = long["id"].as_str().unwrap();
    let said = talk(&world, "Agent-2", &json!([["call", "read", {"id": long}], ["call", "ack", {"id": long}]]));
    let cut = &said[1]["data"]["body_cut"];
    assert_eq!((cut["shown"].as_u64(), said[1]["data"]["body"].as_str().map(str::len)), (Some(32_768), Some(32_768)));
    assert!(fs::metadata(cut["file"].as_str().unwrap()).unwrap().len() > 80_000);
    assert_eq!(said[2]["error"], false, "{:#}", said[2]);
}

#[test]
#[ignore = "needs the Python client of MCP: run tests/run"]
fn a_forgery_is_shown_as_one_and_a_call_proves_that_the_agent_works() {
    let world = World::new();
    let _daemon = world.up();
    let forged = world.send("Agent-1", "Agent-2", "original");
    let path = file(&world, "Agent-2", &forged);
    fs::write(&path, fs::read_to_string(&path).unwrap().replace("subject: original", "subject: changed")).unwrap();
    let said = talk(&world, "Agent-2", &json!([["call", "read", {"id": forged, "peek": true}]]));
    let message = &said[1]["data"];
    assert_eq!(message["verified"], "forged");
    assert!(message["verified_why"].as_str().unwrap().starts_with("edited"), "{message:#}");
    assert!(message["notice"].as_str().unwrap().contains("is said to be written by"), "{message:#}");
    let seen = || {
        let status = world.json("tester", &["status"]);
        let windows = status["daemon"]["windows"].as_array().unwrap().clone();
        windows.iter().any(|window| window["agent"] == "Agent-2" && window["seen"].is_string())
    };
    wait("the daemon to hear of the agent", seen);
}

#[test]
fn what_is_no_protocol_ends_in_an_error_and_changes_nothing() {
    let world = World::new();
    for nonsense in ["", "\n", "{}\n", "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"tools/call\"}\n", "\u{0}\u{1b}[31m"]
    {
        let mut server = world.acting("Agent-2");
        server.arg("mcp");
        let out = feed(server, nonsense.as_bytes());
        assert!(!text(&out).contains("panicked"), "{nonsense:?}: {}", text(&out));
        assert!(out.stdout.is_empty() || serde_json::from_slice::<Value>(&out.stdout).is_ok(), "{}", text(&out));
    }
    let said = world.fails("Nobody", 3, &["mcp"]);
    assert!(said.contains("Nobody"), "{said}");
}

//! The page for people: a browser's way in, a real browser in it, and requests
//! that are generated from the description of the API.

use serde_json::json;

use crate::harness::{World, text};
use crate::http_client::Door;

#[test]
fn a_browser_signs_in_once_and_out_again() {
    let world = World::new();
    let _daemon = world.up();
    let door = Door::of(&world);
    let url = world.json("Agent-1", &["open"])["url"].as_str().unwrap().to_owned();
    let (address, code) = url.split_once("/sign-in?code=").unwrap();
    assert_eq!(address, format!("http://{}", door.authority));
    let page = door.get(&format!("/sign-in?code={code}"));
    assert!(page.status == 200 && page.body.contains(code), "looking at it uses nothing up");
    let form = format!("code={code}");
    let post = |body: &str, headers: &[(&str, &str)]| {
        let all = [&[("Content-Type", "application/x-www-form-urlencoded")], headers].concat();
        door.ask("POST", "/sign-in", &all, body.as_bytes())
    };
    assert_eq!(post(&form, &[("Origin", "http://evil.example")]).status, 403);
    let entered = post(&form, &[]);
    assert_eq!((entered.status, entered.header("location")), (303, Some("/")), "{entered:?}");
    let cookie = entered.header("set-cookie").unwrap();
    assert!(cookie.contains("HttpOnly") && cookie.contains("SameSite=Strict"), "{cookie}");
    let pair = cookie.split(';').next().unwrap();
    let again = post(&form, &[]);
    assert!(again.status == 403 && again.body.contains("does not count"), "{again:?}");
    let with = [("Cookie", pair)];
    let status = door.ask("GET", "/api/v1/status", &with, &[]);
    assert_eq!((status.status, &status.json()["you"]["name"]), (200, &json!("Agent-1")));
    // The cookie alone changes nothing: a page of ours has to have asked.
    let mail = json!({ "to": ["Agent-2"], "subject": "x", "body": "x" }).to_string();
    let bare = [("Content-Type", "application/json"), ("Cookie", pair)];
    assert_eq!(door.ask("POST", "/api/v1/messages", &bare, mail.as_bytes()).status, 403);
    // A session is no token for programs.
    let session = pair.split_once('=').unwrap().1;
    assert_eq!(Door { token: Some(session.to_owned()), ..door.clone() }.get("/api/v1/status").status, 401);
    let out = door.ask("POST", "/sign-out", &with, &[]);
    assert_eq!((out.status, out.header("location")), (303, Some("/sign-in")));
    assert_eq!(door.ask("GET", "/api/v1/status", &with, &[]).status, 401);
    let hostile = door.get("/sign-in?code=%22%3E%3Cscript%3Ealert(1)%3C/script%3E");
    assert!(hostile.status == 200 && !hostile.body.contains("<script>"), "{hostile:?}");
}

/// A program of `tests/browser/install`.
fn program(name: &str) -> std::path::PathBuf {
    std::path::PathBuf::from(std::env::var_os("CELLPHONE_TEST_BROWSER").expect("CELLPHONE_TEST_BROWSER: run tests/run"))
        .join(name)
}

#[test]
#[ignore = "needs Chromium and Playwright: run tests/run"]
fn a_real_browser_works_through_the_page() {
    let world = World::new();
    let _daemon = world.up();
    let mut driver = world.program(program("python"));
    driver.arg(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/browser/drive.py"));
    driver.arg(env!("CARGO_BIN_EXE_cellphone")).arg(&world.root);
    let done = driver.output().unwrap();
    assert!(done.status.success(), "{}", text(&done));
}

#[test]
#[ignore = "needs schemathesis: run tests/run"]
fn generated_requests_find_no_server_error_and_no_answer_that_is_not_described() {
    let world = World::new();
    world.ok("Agent-4", &["snapshot", "create", "--full"]);
    for n in 0..5 {
        world.send("Agent-1", "Agent-2", &format!("{n}"));
    }
    let _daemon = world.up();
    let door = Door::of(&world);
    let one = door.with(&world, "Agent-2", &[]);
    let document = world.home.join("openapi.json");
    std::fs::write(&document, door.get("/api/v1/openapi.json").body).unwrap();
    let valid = world.program(program("openapi-spec-validator")).arg(&document).output().unwrap();
    assert!(valid.status.success(), "{}", text(&valid));
    let mut tester = world.program(program("schemathesis"));
    tester.current_dir(&world.home).args(["run", "--no-color", "--seed", "1", "--max-examples", "25"]);
    // Some of what a schema cannot say is refused all the same: an unclosed bracket, an expiry in the past. And what
    // has no end is listened to elsewhere.
    tester.args(["--exclude-checks", "positive_data_acceptance", "--exclude-path", "/api/v1/events"]);
    tester.args(["--url", &format!("http://{}", one.authority)]);
    tester.arg("-H").arg(format!("Authorization: Bearer {}", one.token.unwrap())).arg(&document);
    let done = tester.output().unwrap();
    assert!(done.status.success(), "{}", text(&done));
    // It did not only knock: the example of the description is a message that can be sent.
    let sent = door.with(&world, "Agent-2", &[]).get("/api/v1/messages?in=sent").json();
    assert!(!sent["messages"].as_array().unwrap().is_empty(), "{sent}");
}

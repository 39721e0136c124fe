//! The daemon's HTTP API, asked as programs ask it.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use crate::harness::{World, wait};
use crate::http_client::{Answer, Door};

fn ids(answer: &Answer) -> Vec<String> {
    answer.json()["messages"].as_array().unwrap().iter().map(|m| m["id"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn mail_is_sent_listed_read_worked_through_and_found() {
    let world = World::new();
    let _daemon = world.up();
    let door = Door::of(&world);
    let (one, two) = (door.with(&world, "Agent-1", &[]), door.with(&world, "Agent-2", &[]));
    let draft = json!({ "to": ["Agent-2"], "subject": "Review <b>", "body": "Look at **main.rs**", "ack": true });
    let key = [("Content-Type", "application/json"), ("Idempotency-Key", "k-1")];
    let sent = one.ask("POST", "/api/v1/messages", &key, draft.to_string().as_bytes());
    assert_eq!(sent.status, 201, "{sent:?}");
    let id = sent.json()["id"].as_str().unwrap().to_owned();
    assert_eq!(sent.json()["delivered"], json!(["Agent-2"]));
    let again = one.ask("POST", "/api/v1/messages", &key, draft.to_string().as_bytes());
    assert_eq!(again.json()["id"], id.as_str(), "the same key is the same message");
    let other = json!({ "to": ["Agent-2"], "subject": "Other", "body": "x" });
    let taken = one.ask("POST", "/api/v1/messages", &key, other.to_string().as_bytes());
    assert_eq!((taken.status, taken.json()["kind"].as_str()), (409, Some("conflict")), "{taken:?}");

    // Looking marks nothing.
    let listed = two.get("/api/v1/messages?in=unread");
    assert_eq!(ids(&listed), [id.as_str()]);
    let opened = two.get(&format!("/api/v1/messages/{id}")).json();
    assert_eq!(
        (&opened["body"], &opened["verified"], &opened["state"]),
        (&json!("Look at **main.rs**"), &json!("verified"), &json!("new"))
    );
    assert_eq!(world.inbox("Agent-2")[0]["state"], "new");

    let claimed = two.post("/api/v1/claims", &json!({ "lease_seconds": 60 })).json();
    assert_eq!((&claimed["message"]["id"], &claimed["attempts"]), (&json!(id), &json!(1)));
    assert_eq!(two.post("/api/v1/claims", &json!({})).status, 204, "nothing else waits");
    let wrong = two.post(&format!("/api/v1/messages/{id}/done"), &json!({ "token": "12345" }));
    assert_eq!(wrong.status, 409, "{wrong:?}");
    let token = json!({ "token": claimed["token"], "reason": "no GPU" });
    assert_eq!(two.post(&format!("/api/v1/messages/{id}/release"), &token).status, 204);
    let claimed = two.post("/api/v1/claims", &json!({ "urgent_first": true })).json();
    assert_eq!(claimed["attempts"], 2);
    assert_eq!(two.post(&format!("/api/v1/messages/{id}/done"), &json!({ "token": claimed["token"] })).status, 204);
    assert_eq!(world.mail("Agent-2", "inbox/new").len(), 0);

    let reply = two.post(&format!("/api/v1/messages/{id}/reply"), &json!({ "body": "Done" })).json();
    let reply = reply["id"].as_str().unwrap();
    let read = one.post(&format!("/api/v1/messages/{reply}/read"), &json!({}));
    assert_eq!((read.status, &read.json()["state"], &read.json()["in_reply_to"]), (200, &json!("cur"), &json!(id)));
    let thread = one.get(&format!("/api/v1/threads/{reply}"));
    assert!(
        ids(&thread).starts_with(std::slice::from_ref(&id)) && ids(&thread).contains(&reply.to_owned()),
        "{thread:?}"
    );
    let hits = one.get("/api/v1/search?q=MAIN.RS").json();
    assert_eq!(hits["hits"][0]["message"]["id"], id.as_str());
    let forwarded =
        one.post(&format!("/api/v1/messages/{reply}/forward"), &json!({ "to": ["Agent-3"], "body": "Yours" }));
    assert_eq!(forwarded.status, 201, "{forwarded:?}");
    assert!(world.inbox("Agent-3")[0]["subject"].as_str().unwrap().starts_with("Fwd: Re: Review <b>"));
    assert_eq!(one.post(&format!("/api/v1/messages/{reply}/archive"), &json!({})).status, 204);
    assert!(!ids(&one.get("/api/v1/messages")).contains(&reply.to_owned()));
    assert!(ids(&one.get("/api/v1/messages?in=all")).contains(&reply.to_owned()));
    assert!(ids(&one.get("/api/v1/messages?in=sent")).contains(&id));
    // The receipt that `done` sent.
    assert!(one.get("/api/v1/messages").json()["messages"].as_array().unwrap().iter().any(|m| m["kind"] == "receipt"));
}

#[test]
fn a_list_comes_in_parts_that_are_the_whole() {
    let world = World::new();
    let sent: Vec<String> = (0..9).map(|n| world.send("Agent-1", "Agent-2", &n.to_string())).collect();
    let _daemon = world.up();
    let two = Door::of(&world).with(&world, "Agent-2", &["--read-only"]);
    let (mut seen, mut cursor) = (Vec::new(), String::new());
    loop {
        let part = two.get(&format!("/api/v1/messages?limit=4{cursor}"));
        seen.extend(ids(&part));
        match part.json()["next"].as_str() {
            Some(next) => cursor = format!("&cursor={next}"),
            None => break,
        }
        // What was shown is filed away meanwhile.
        world.ok("Agent-2", &["archive", seen.last().unwrap()]);
    }
    seen.reverse();
    assert_eq!(seen, sent);
    for wrong in ["limit=0", "limit=501", "limit=x", "cursor=../../etc/passwd", "in=nowhere", "colour=red"] {
        let answer = two.get(&format!("/api/v1/messages?{wrong}"));
        assert_eq!((answer.status, answer.json()["kind"].as_str()), (400, Some("usage")), "{wrong}: {answer:?}");
        assert_eq!(answer.header("content-type"), Some("application/problem+json"));
    }
}

#[test]
fn nobody_gets_further_than_their_token() {
    let world = World::new();
    world.send("Agent-1", "Agent-2", "first");
    let _daemon = world.up();
    let door = Door::of(&world);
    let mail = json!({ "to": ["Agent-2"], "subject": "x", "body": "x" });
    for (token, status) in
        [(None, 401), (Some("cell_aaaaaaaaaaaa_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"), 401), (Some(""), 401)]
    {
        let door = Door { token: token.map(str::to_owned), ..door.clone() };
        for path in ["messages", "status", "agents", "events", "journal"] {
            let answer = door.get(&format!("/api/v1/{path}"));
            assert_eq!(answer.status, status, "{path}: {answer:?}");
            assert!(answer.header("www-authenticate").is_some());
        }
    }
    let reader = door.with(&world, "Agent-1", &["--read-only"]);
    assert_eq!(reader.get("/api/v1/status").json()["you"]["read_only"], true);
    assert_eq!(reader.post("/api/v1/messages", &mail).status, 403);
    // The captain's, bounded to a role that may only look.
    let captain = "Agent-4";
    let whole = door.with(&world, captain, &[]);
    assert_eq!(whole.get("/api/v1/messages?mailbox=Agent-2").status, 200);
    let observer = door.with(&world, captain, &["--role", "observer"]);
    let refused = observer.post("/api/v1/messages", &mail);
    assert_eq!((refused.status, refused.json()["kind"].as_str()), (403, Some("refused")), "{refused:?}");
    let agent = door.with(&world, "Agent-1", &[]);
    let id = world.inbox("Agent-2")[0]["id"].as_str().unwrap().to_owned();
    for path in ["messages?mailbox=Agent-2".to_owned(), format!("messages/{id}?mailbox=Agent-2")] {
        assert_eq!(agent.get(&format!("/api/v1/{path}")).status, 403, "{path}");
    }
    let ring = agent.post("/api/v1/nudges", &json!({ "agent": "Nobody" }));
    assert_eq!(ring.status, 404, "{ring:?}");

    // A token that is revoked, or whose owner has gone, counts no more at once.
    let listed = world.json("Agent-1", &["token", "list"]);
    let whole_id = listed.as_array().unwrap().iter().find(|t| t["read_only"] == false).unwrap()["id"].clone();
    world.ok("Agent-1", &["token", "revoke", whole_id.as_str().unwrap()]);
    assert_eq!((agent.get("/api/v1/status").status, reader.get("/api/v1/status").status), (401, 200));
    world.ok(captain, &["agents", "remove", "Agent-1"]);
    wait("the roster is read", || reader.get("/api/v1/status").status == 403);
    // Nothing of a secret is on the disk.
    let secret = reader.token.unwrap();
    let half = secret.splitn(3, '_').last().unwrap();
    for entry in walkdir::WalkDir::new(&world.home) {
        let entry = entry.unwrap();
        if entry.file_type().is_file() {
            let bytes = std::fs::read(entry.path()).unwrap_or_default();
            assert!(!bytes.windows(half.len()).any(|w| w == half.as_bytes()), "{}", entry.path().display());
        }
    }
}

#[test]
fn pages_of_other_sites_and_other_names_get_nothing() {
    let world = World::new();
    let _daemon = world.up();
    let one = Door::of(&world).with(&world, "Agent-1", &[]);
    let mail = json!({ "to": ["Agent-2"], "subject": "x", "body": "x" }).to_string();
    let with = |headers: &[(&str, &str)]| {
        let all = [&[("Content-Type", "application/json")], headers].concat();
        one.ask("POST", "/api/v1/messages", &all, mail.as_bytes()).status
    };
    let own = format!("http://{}", one.authority);
    assert_eq!(with(&[("Origin", &own), ("Sec-Fetch-Site", "same-origin")]), 201);
    for origin in ["http://evil.example", "null", "http://localhost:1", "file://"] {
        assert_eq!(with(&[("Origin", origin)]), 403, "{origin}");
    }
    assert_eq!(with(&[("Sec-Fetch-Site", "cross-site")]), 403);
    for host in ["evil.example", "127.0.0.1.evil.example:80", "localhost.evil"] {
        assert_eq!(with(&[("Host", host)]), 421, "{host}");
    }
    assert_eq!(with(&[("Host", "localhost")]), 201);
    // What a form of another site can send without asking is no JSON.
    let form = one.ask("POST", "/api/v1/messages", &[("Content-Type", "text/plain")], mail.as_bytes());
    assert_eq!(form.status, 415, "{form:?}");
    assert_eq!(world.inbox("Agent-2").len(), 2);
    for path in [
        "/api/v1/messages/..%2f..%2f..%2fetc%2fpasswd",
        "/api/v1/messages/%00",
        "/../../etc/passwd",
        "/api/v1/threads/%2e%2e",
    ] {
        let answer = one.get(path);
        assert!(matches!(answer.status, 400 | 404) && !answer.body.contains("root:"), "{path}: {answer:?}");
    }
    let answer = one.get("/api/v1/status");
    assert!(answer.header("content-security-policy").unwrap().starts_with("default-src 'none'"));
    assert_eq!(
        (answer.header("x-content-type-options"), answer.header("cache-control")),
        (Some("nosniff"), Some("no-store"))
    );
    assert!(answer.header("access-control-allow-origin").is_none());
}

#[test]
fn what_is_too_much_is_told_to_come_later_and_the_rest_goes_on() {
    let world = World::new();
    let _daemon = world.up_with(&[
        ("CELLPHONE_HTTP_RATE", "5"),
        ("CELLPHONE_HTTP_CONCURRENT", "4"),
        ("CELLPHONE_LIMITS_BODY", "1KiB"),
    ]);
    let door = Door::of(&world);
    let (one, two) = (door.with(&world, "Agent-1", &[]), door.with(&world, "Agent-2", &[]));
    let statuses: Vec<u16> = (0..12).map(|_| one.get("/api/v1/status").status).collect();
    assert!(statuses.starts_with(&[200]) && statuses.contains(&429), "{statuses:?}");
    let late = (0..12).map(|_| one.get("/api/v1/status")).find(|a| a.status == 429).unwrap();
    assert!(late.header("retry-after").unwrap().parse::<u64>().unwrap() >= 1 && late.json()["kind"] == "try_again");
    assert_eq!(two.get("/api/v1/status").status, 200, "another's requests are counted apart");
    // Four whose bodies do not come take all places; a fifth is told to come later, until they have gone.
    let never_whole = [("Content-Type", "application/json"), ("Content-Length", "1000")];
    let held: Vec<_> = (0..4).map(|_| two.begin("POST", "/api/v1/messages", &never_whole, b"{")).collect();
    let mut full = None;
    wait("all places are taken", || {
        full = Some(two.get("/api/v1/status")).filter(|answer| answer.status == 503);
        full.is_some()
    });
    assert_eq!(
        (full.as_ref().unwrap().header("retry-after"), &full.as_ref().unwrap().json()["kind"]),
        (Some("1"), &json!("try_again"))
    );
    drop(held);
    wait("the places are free again", || two.get("/api/v1/status").status == 200);
    // A body that is over the limit is refused, with as much as the rest of a request needs.
    let long = json!({ "to": ["Agent-2"], "subject": "x", "body": "x".repeat(200_000) });
    assert_eq!(two.post("/api/v1/messages", &long).status, 413);
    let longer_than_a_message = json!({ "to": ["Agent-2"], "subject": "x", "body": "x".repeat(2_000) });
    let refused = two.post("/api/v1/messages", &longer_than_a_message);
    assert_eq!((refused.status, refused.json()["kind"].as_str()), (400, Some("usage")), "{refused:?}");
    assert_eq!(world.json("Agent-1", &["status"])["daemon"]["running"], true);
}

#[test]
fn events_come_as_they_happen_and_go_on_where_they_were_cut_off() {
    let world = World::new();
    let mut daemon = world.up();
    let door = Door::of(&world);
    let one = door.with(&world, "Agent-1", &["--read-only"]);
    let mut events = one.listen("/api/v1/events", &[]);
    let (ready, _) = events.next();
    let id = world.send("Agent-1", "Agent-2", "heard");
    let mut last = ready;
    loop {
        let (seq, event) = events.happened();
        assert_eq!(seq, last + 1, "nothing is left out and nothing comes twice");
        last = seq;
        if event["event"] == "delivered" {
            assert_eq!((event["id"].as_str(), event["agent"].as_str()), (Some(id.as_str()), Some("Agent-2")));
            break;
        }
    }
    drop(events);
    let missed: BTreeSet<String> = (0..40).map(|n| world.send("Agent-1", "Agent-3", &format!("missed {n}"))).collect();
    let mut events =
        one.listen("/api/v1/events?event=delivered&agent=Agent-3", &[("Last-Event-ID", &last.to_string())]);
    let mut heard = BTreeSet::new();
    while heard.len() < missed.len() {
        let (seq, event) = events.happened();
        assert!(seq > last, "{seq} after {last}");
        last = seq;
        assert!(heard.insert(event["id"].as_str().unwrap().to_owned()), "{event}");
    }
    assert_eq!(heard, missed);
    let live = world.send("Agent-2", "Agent-3", "live again");
    assert_eq!(events.happened().1["id"], live.as_str());
    // What the daemon itself wrote is heard too: it keeps the journal open.
    let two = door.with(&world, "Agent-2", &[]);
    let live = two.post("/api/v1/messages", &json!({ "to": ["Agent-3"], "subject": "by the daemon", "body": "x" }));
    let live = live.json()["id"].as_str().unwrap().to_owned();
    assert_eq!(events.happened().1["id"], live.as_str());
    assert_eq!(one.get("/api/v1/events?event=nonsense").status, 400);
    // Listening keeps no daemon from ending.
    daemon.signal("TERM");
    wait("the daemon ends", || daemon.code() == Some(0));
}

#[test]
fn the_journal_and_the_rest_of_the_house_can_be_read() {
    let world = World::new();
    let id = world.send("Agent-1", "Agent-2", "told");
    let _daemon = world.up();
    let one = Door::of(&world).with(&world, "Agent-1", &[]);
    let told = one.get(&format!("/api/v1/journal?message={id}")).json();
    let words: Vec<&str> = told["events"].as_array().unwrap().iter().map(|e| e["event"].as_str().unwrap()).collect();
    assert_eq!(&words[..2], ["accepted", "delivered"]);
    let first = one.get("/api/v1/journal?after=0&limit=1").json();
    assert_eq!(first["next"], 1);
    let rest = one.get("/api/v1/journal?after=1&limit=500").json();
    assert_eq!(rest["events"][0]["seq"], 2);
    let agents = one.get("/api/v1/agents").json();
    let two = agents["agents"].as_array().unwrap().iter().find(|a| a["name"] == "Agent-2").unwrap().clone();
    assert_eq!((two["unread"].as_u64(), two["role"].as_str()), (Some(1), Some("agent")));
    let roles = one.get("/api/v1/roles").json();
    assert!(
        roles["roles"]
            .as_array()
            .unwrap()
            .iter()
            .any(|r| r["name"] == "captain" && r["may"].as_array().unwrap().contains(&json!("restore")))
    );
    world.ok("Agent-4", &["snapshot", "create", "--full"]);
    assert_eq!(one.get("/api/v1/snapshots").json()["snapshots"][0]["kind"], "full");
    for path in ["coordinates", "drills"] {
        assert_eq!(one.get(&format!("/api/v1/{path}")).status, 200, "{path}");
    }
    let status = one.get("/api/v1/status").json();
    assert_eq!((&status["you"]["name"], &status["workers_down"]), (&json!("Agent-1"), &json!([])));
    let rung = one.post("/api/v1/nudges", &json!({ "agent": "Agent-2" }));
    assert_eq!(rung.status, 202, "{rung:?}");
}

#[test]
fn the_description_names_every_door_and_what_it_answers() {
    let world = World::new();
    let _daemon = world.up();
    let door = Door::of(&world);
    let document = door.get("/api/v1/openapi.json").json();
    assert!(document["openapi"].as_str().unwrap().starts_with("3.1"), "{}", document["openapi"]);
    let mut operations = 0;
    for (path, item) in document["paths"].as_object().unwrap() {
        for (method, operation) in
            item.as_object().unwrap().iter().filter(|(m, _)| matches!(m.as_str(), "get" | "post"))
        {
            operations += 1;
            assert!(operation["summary"].is_string() && operation["tags"][0].is_string(), "{method} {path}");
            let answers = operation["responses"].as_object().unwrap();
            assert!(answers.contains_key("401") && answers.keys().any(|s| s.starts_with('2')), "{method} {path}");
            // Each asks for a token: nothing is open by mistake.
            let real = path.replace("{id}", "01ARZ3NDEKTSV4RRFFQ69G5FAV");
            let answer = door.ask(&method.to_uppercase(), &real, &[("Content-Type", "application/json")], b"");
            // Strangers who ask on are told to come later.
            assert!(matches!(answer.status, 401 | 429), "{method} {path}: {answer:?}");
        }
    }
    assert!(operations >= 20, "{operations}");
    let page = door.get("/api/v1");
    assert_eq!((page.status, page.header("content-type")), (200, Some("text/html; charset=utf-8")));
    assert!(page.body.contains("/api/v1/messages/{id}/reply") && page.body.contains("Idempotency-Key"));
    assert!(!page.body.contains("<script"), "nothing runs in it");
}

#[test]
fn the_tree_opens_no_door_and_two_roots_have_two() {
    let world = World::new();
    let path = world.root.join("config/cellphone.yaml");
    let usual = std::fs::read_to_string(&path).unwrap();
    let wide = usual.replace("#listen: default", "listen: 0.0.0.0:0");
    assert_ne!(wide, usual);
    std::fs::write(&path, &wide).unwrap();
    let daemon = world.up();
    let door = Door::of(&world);
    assert!(door.authority.starts_with("127.0.0.1:"), "{}", door.authority);
    let second = World::new();
    let _other = second.up();
    assert_ne!(Door::of(&second).authority, door.authority);
    drop(daemon);
    // Approved, it is still not opened without TLS, and says so; the daemon runs all the same.
    world.ok("Agent-4", &["trust", "--yes"]);
    let daemon = world.up();
    let http = || world.json("Agent-1", &["status"])["daemon"]["http"].clone();
    wait("the reason is told", || http()["error"].as_str().is_some_and(|why| why.contains("TLS")));
    assert_eq!(http()["address"], Value::Null);
    assert!(world.fails("Agent-1", 1, &["open"]).contains("TLS"));
    drop(daemon);
    let _daemon = world.up_with(&[("CELLPHONE_HTTP_LISTEN", "none")]);
    assert_eq!((http()["address"].clone(), http()["error"].clone()), (Value::Null, Value::Null));
}

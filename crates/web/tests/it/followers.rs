//! Followers in both directions, purges, dead letters, recounts and certificates.

use serde_json::{Value, json};
use web::certificate::{Certificate, Invalid, unhex};

use crate::house::House;

const DAY_MS: u64 = 86_400_000;

/// The list at `path`, page by page; waits while the lists are being built.
async fn list(house: &House, path: &str) -> Vec<String> {
    let mut all = Vec::new();
    let mut cursor = String::new();
    loop {
        let answer = house.ask(&format!("read GET {path}?limit=2{cursor}"), Value::Null).await;
        if answer.status == 503 {
            assert!(answer.headers.contains_key("retry-after"));
            tokio::task::yield_now().await;
            continue;
        }
        let page = answer.json();
        let items = page["items"].as_array().unwrap();
        all.extend(items.iter().map(|item| item["account"].as_str().unwrap().to_owned()));
        match page["next"].as_str() {
            Some(next) => cursor = format!("&cursor={next}"),
            None => {
                assert_eq!(page["complete"], true);
                return all;
            }
        }
    }
}

#[tokio::test]
async fn both_lists_are_paged_newest_first() {
    let house = House::new().await;
    house.follow("ann", &["bob", "cid"]).await;
    house.clock.advance_ms(DAY_MS as i64);
    house.follow("ann", &["dan"]).await;
    house.follow("eve", &["dan"]).await;
    house.clock.advance_ms(DAY_MS as i64);
    house.follow("bob", &["dan"]).await;
    assert_eq!(list(&house, "/v1/accounts/demo/ann/followers").await, ["dan", "cid", "bob"]);
    assert_eq!(list(&house, "/v1/accounts/demo/dan/following").await, ["bob", "eve", "ann"]);
    assert_eq!(list(&house, "/v1/accounts/demo/eve/following").await, [""; 0]);
    let barred = house.ask("auditor GET /v1/accounts/demo/ann/followers", Value::Null).await;
    assert_eq!(barred.says(), "403 role-missing");
    let unknown = house.ask("read GET /v1/accounts/demo/nobody/following", Value::Null).await;
    assert_eq!(unknown.says(), "404 unknown-account unknown_account");
}

#[tokio::test]
async fn a_purge_ends_follows_and_says_who_was_not_there() {
    let house = House::new().await;
    house.follow("ann", &["bob", "cid", "dan"]).await;
    house.follow("bob", &["cid"]).await;
    let body = json!({"platform": "demo", "accounts": ["cid", "bob", "ann", "nobody"]});
    let done = house.ok("ingest POST /v1/purges", body.clone()).await.json();
    assert_eq!(done["follows"], 3, "{done}");
    assert_eq!(done["accounts_touched"], 2);
    assert_eq!(done["purged"], 3);
    assert_eq!(
        done["items"],
        json!([{"account": "ann", "result": "duplicate"}, {"account": "nobody", "result": "unknown_account"}])
    );
    assert_eq!(list(&house, "/v1/accounts/demo/ann/followers").await, ["dan"]);
    assert_eq!(list(&house, "/v1/accounts/demo/cid/following").await, [""; 0]);
    assert_eq!(house.ask("read POST /v1/purges", body).await.says(), "403 role-missing");
    let empty = json!({"platform": "demo", "accounts": []});
    assert_eq!(house.ask("ingest POST /v1/purges", empty).await.says(), "422 does-not-fit");
}

#[tokio::test]
async fn late_events_are_listed_and_replayed() {
    let house = House::new().await;
    house.follow("ann", &["bob"]).await;
    house.clock.advance_ms(10 * DAY_MS as i64);
    let at = house.clock.now_ms() - 5 * DAY_MS as i64;
    let line = |kind: &str, follower: &str| {
        format!("{}\n", json!({"type": kind, "follower": follower, "account": "ann", "at": at}))
    };
    let lines = line("unfollow", "bob") + &line("follow", "cid") + &line("follow", "dan");
    let sent = house.ndjson("/v1/ingest?platform=demo", lines.into_bytes(), "").await;
    assert!(sent.text().contains("too_old"), "{}", sent.text());
    let first = "auditor GET /v1/admin/dead-letters?platform=demo&limit=2";
    let page = house.ok(first, Value::Null).await.json();
    assert_eq!(page["kept"], 3);
    assert_eq!(page["items"][0]["type"], "unfollow");
    assert_eq!(page["items"][1]["follower"], "cid");
    let next = page["next"].as_str().unwrap();
    let page = house.ok(&format!("{first}&cursor={next}"), Value::Null).await.json();
    assert_eq!((page["items"][0]["number"].as_u64(), page["complete"].as_bool()), (Some(3), Some(true)));

    let settle = "operator POST /v1/admin/dead-letters/settle";
    let body = json!({"platform": "demo", "from": 3, "to": 3, "action": "let_go"});
    assert_eq!(house.ok(settle, body.clone()).await.json()["let_go"], 1);
    assert_eq!(
        house.ask("auditor POST /v1/admin/dead-letters/settle", body).await.says(),
        "403 role-missing"
    );
    let body = json!({"platform": "demo", "from": 1, "to": 3, "action": "replay"});
    assert_eq!(house.ok(settle, body).await.json()["results"], json!(["accepted", "accepted"]));
    assert_eq!(list(&house, "/v1/accounts/demo/ann/followers").await, ["cid"]);
    let page = house.ok(first, Value::Null).await.json();
    assert_eq!((page["kept"].as_u64(), page["complete"].as_bool()), (Some(0), Some(true)));
}

#[tokio::test]
async fn a_recount_runs_beside_everything_and_finds_no_drift() {
    let house = House::new().await;
    house.follow("ann", &["bob", "cid", "dan"]).await;
    let none = house.ask("operator GET /v1/admin/recounts/demo", Value::Null).await;
    assert_eq!(none.says(), "404 unknown-thing");
    let body = json!({"platform": "demo"});
    let started = house.ask("operator POST /v1/admin/recounts", body).await;
    assert_eq!(started.status, 202, "{}", started.text());
    loop {
        let view = house.ok("auditor GET /v1/admin/recounts/demo", Value::Null).await.json();
        if view["status"] == "done" {
            assert_eq!(view["accounts"], 4, "{view}");
            assert_eq!(view["followers"], 3);
            assert_eq!(view["drift"], 0);
            break;
        }
        tokio::task::yield_now().await;
    }
    let slow = json!({"platform": "demo", "edges_per_second": 1});
    assert_eq!(house.ask("operator POST /v1/admin/recounts", slow).await.says(), "422 does-not-fit");
}

#[tokio::test]
async fn a_certificate_holds_until_anything_in_it_changes() {
    let house = House::new().await;
    house.follow("ann", &["bob", "7", "12"]).await;
    let answer = house.ok("auditor GET /v1/accounts/demo/ann/certificate", Value::Null).await;
    let certificate: Certificate = serde_json::from_slice(&answer.body).unwrap();
    assert_eq!((certificate.followers, certificate.position), (3, answer.position()));
    let key = house.ok("- GET /v1/certificates/key", Value::Null).await.json();
    let key: [u8; 32] = unhex(key["public_key"].as_str().unwrap()).unwrap();
    assert_eq!(certificate.verify(Some(key)), Ok(()));
    assert_eq!(certificate.verify(Some([7; 32])), Err(Invalid::OtherKey));
    // Day 20454 is 2026-01-01; numbers come before texts.
    let lines = "7\t20454\n12\t20454\nbob\t20454\n";
    assert_eq!(certificate.followers_blake3, blake3::hash(lines.as_bytes()).to_hex().as_str());
    for change in [
        |one: &mut Certificate| one.followers += 1,
        |one: &mut Certificate| one.account = "eve".into(),
        |one: &mut Certificate| one.platform = "other".into(),
        |one: &mut Certificate| one.position += 1,
        |one: &mut Certificate| one.at = "2026-01-01T00:00:01Z".into(),
        |one: &mut Certificate| one.followers_blake3 = "0".repeat(64),
        |one: &mut Certificate| one.signature = "0".repeat(128),
    ] {
        let mut changed = certificate.clone();
        change(&mut changed);
        assert_eq!(changed.verify(Some(key)), Err(Invalid::Signature));
    }
    let split = Certificate { account: "ann\nfollowers 9".into(), ..certificate.clone() };
    assert_eq!(split.verify(Some(key)), Err(Invalid::Field));
    let before = certificate;
    house.follow("ann", &["eve"]).await;
    let answer = house.ok("read GET /v1/accounts/demo/ann/certificate", Value::Null).await;
    let after: Certificate = serde_json::from_slice(&answer.body).unwrap();
    assert_eq!(after.followers, 4);
    assert_ne!(after.followers_blake3, before.followers_blake3);
}

//! What a platform's back end does: facts, sightings, nameplates, effects, keys and positions.

use serde_json::{Value, json};

use crate::house::{House, NAME};

#[tokio::test]
async fn a_clock_that_stands_is_moved_by_the_root_key_and_never_back() {
    let house = House::new().await;
    let to = |at: &str| json!({ "to": at });
    let moved = house.ok("root POST /v1/admin/clock", to("2026-01-03T00:00:00Z")).await;
    assert_eq!(moved.json()["now"], "2026-01-03T00:00:00Z");
    let back = house.ok("root POST /v1/admin/clock", to("2026-01-02T00:00:00Z")).await;
    assert_eq!(back.json()["now"], "2026-01-03T00:00:00Z");
    assert_eq!(house.clock.now_ms(), crate::house::START + 2 * 86_400_000);
    assert_eq!(house.ask("operator POST /v1/admin/clock", to("2026-01-04T00:00:00Z")).await.status, 403);
}

#[tokio::test]
async fn a_name_is_shown_to_whom_the_rule_names_and_to_nobody_else() {
    let house = House::with_a_name().await;
    assert_eq!(house.see("verified").await, [("legal_name".to_owned(), NAME.to_owned())]);
    for viewer in ["logged_out", "unverified", "bad_standing", "buyer", "staff"] {
        assert_eq!(house.see(viewer).await, [], "{viewer}");
    }
    let other = house.ok("read GET /v1/nameplates/demo/ann?viewer=verified&surface=post", Value::Null).await;
    assert_eq!(other.json()["fields"], json!([]));
}

#[tokio::test]
async fn the_single_lookup_the_batch_and_the_explained_one_agree() {
    let house = House::with_a_name().await;
    house
        .ok(
            "ingest POST /v1/sightings",
            json!({"platform": "demo", "items": [{"account": "ann", "ip": "198.51.100.7"}]}),
        )
        .await;
    for viewer in ["verified", "logged_out", "staff"] {
        let path = format!("read GET /v1/nameplates/demo/ann?viewer={viewer}&surface=profile");
        let single = house.ok(&path, Value::Null).await.json();
        let mut explained = house.ok(&format!("{path}&explain=true"), Value::Null).await.json();
        let batch = json!({"platform": "demo", "items": [
            {"account": "ann", "viewer": viewer, "surface": "profile"},
            {"account": "nobody", "viewer": viewer, "surface": "profile"},
        ]});
        let batch = house.ok("read POST /v1/nameplates", batch).await.json();
        assert_eq!(batch["items"][0]["nameplate"], single, "{viewer}");
        assert_eq!(batch["items"][1], json!({"account": "nobody", "known": false}));
        let explanation = explained.as_object_mut().unwrap();
        assert_eq!(explanation.remove("rules").unwrap().as_array().unwrap().len(), 2, "{viewer}");
        assert!(explanation.remove("withheld").is_some(), "{viewer}");
        assert_eq!(explained, single, "{viewer}");
    }
}

/// `min_position=0` never waits, but sends a lookup past the shortcut through the router.
#[tokio::test]
async fn the_shortcut_and_the_route_give_the_same_answers() {
    let house = House::with_a_name().await;
    for (key, path) in [
        ("read", "demo/ann?viewer=verified&surface=profile"),
        ("read", "demo/ann?viewer=staff&surface=profile&explain=true"),
        ("read", "%64emo/a%6en?viewer=verified&surface=profile"),
        ("read", "demo/nobody?viewer=verified&surface=profile"),
        ("read", "demo/%ff?viewer=verified&surface=profile"),
        ("read", "demo/%zz?viewer=verified&surface=profile"),
        ("read", "demo/?viewer=verified&surface=profile"),
        ("read", "demo/ann/?viewer=verified&surface=profile"),
        ("read", "other/ann?viewer=verified&surface=profile"),
        ("read", "demo/ann?viewer=nobody&surface=profile"),
        ("ingest", "demo/ann?viewer=verified&surface=profile"),
        ("-", "demo/ann?viewer=verified&surface=profile"),
    ] {
        let mut shortcut = house.ask(&format!("{key} GET /v1/nameplates/{path}"), Value::Null).await;
        let mut route =
            house.ask(&format!("{key} GET /v1/nameplates/{path}&min_position=0"), Value::Null).await;
        assert_eq!((shortcut.status, &shortcut.body), (route.status, &route.body), "{key} {path}");
        // Who adds the length differs before the wire; on it the body tells.
        shortcut.headers.remove("content-length");
        route.headers.remove("content-length");
        assert_eq!(shortcut.headers, route.headers, "{key} {path}");
    }
    let head =
        house.ask("read HEAD /v1/nameplates/demo/ann?viewer=verified&surface=profile", Value::Null).await;
    assert_eq!((head.status.as_u16(), head.body.len()), (200, 0));
}

#[tokio::test]
async fn a_sighting_becomes_a_region_and_the_address_is_gone() {
    let house = House::with_a_name().await;
    let body = json!({"platform": "demo", "items": [
        {"account": "ann", "ip": "198.51.100.7", "event": "post"},
        {"account": "bob", "ip": "8.8.8.8"},
        {"account": "cid", "ip": "10.0.0.1"},
    ]});
    let answer = house.ok("ingest POST /v1/sightings", body).await;
    assert!(!answer.text().contains("198.51") && !answer.text().contains("8.8.8"));
    assert_eq!(
        answer.json()["items"],
        json!([
            {"account": "ann", "result": "accepted", "country": "CN", "region": "Zhejiang"},
            {"account": "bob", "result": "accepted", "country": "US"},
            {"account": "cid", "result": "unknown_region"},
        ])
    );
    assert_eq!(house.see("logged_out").await, [("region".to_owned(), "Zhejiang".to_owned())]);
}

#[tokio::test]
async fn facts_are_taken_one_by_one_and_in_bulk() {
    let house = House::new().await;
    let facts = json!({"class": "creator", "topics": ["finance", "cars"], "dominant_topic": "finance",
                       "attributes": ["no_picture"], "metrics": [{"metric": "sales.365d", "value": 7}]});
    let put = house.ok("ingest PUT /v1/accounts/demo/ann", facts).await;
    assert_eq!(put.json()["items"][0]["result"], "accepted");
    let bulk = json!({"platform": "demo", "items": [
        {"account": "ann", "facts": {"standing": "restricted"}},
        {"account": "7", "facts": {"metrics": [{"metric": "followers", "value": 9}]}},
    ]});
    let bulk = house.ok("ingest POST /v1/accounts", bulk).await.json();
    assert_eq!(bulk["items"][0]["result"], "accepted");
    assert_eq!(bulk["items"][1]["result"], "followers_are_counted");
    let account = house.ok("read GET /v1/accounts/demo/ann", Value::Null).await.json();
    assert_eq!(account["class"], "creator");
    assert_eq!(account["standing"], "restricted");
    assert_eq!(account["topics"], json!(["cars", "finance"]));
    assert_eq!(account["attributes"], json!(["no_picture"]));
    assert_eq!(account["metrics"][0]["value"], 7);
    assert_eq!(account["identity_linked"], false);
}

#[tokio::test]
async fn the_feed_goes_on_where_it_was_left_and_says_when_it_is_complete() {
    let house = House::with_a_name().await;
    let mut kinds = Vec::new();
    let mut cursor = String::new();
    loop {
        let path = format!("read GET /v1/effects?platform=demo&limit=1{cursor}");
        let page = house.ok(&path, Value::Null).await.json();
        kinds.extend(
            page["items"]
                .as_array()
                .unwrap()
                .iter()
                .map(|effect| effect["kind"].as_str().unwrap().to_owned()),
        );
        if page["complete"] == true {
            break;
        }
        cursor = format!("&cursor={}", page["next"].as_str().unwrap());
    }
    assert!(kinds.contains(&"notice_due".to_owned()), "{kinds:?}");
    assert_eq!(kinds.last().map(String::as_str), Some("shown"), "{kinds:?}");
    let whole = house.ok("read GET /v1/effects?platform=demo", Value::Null).await.json();
    assert_eq!(whole["items"].as_array().unwrap().len(), kinds.len());
    assert_eq!(whole["complete"], true);
}

#[tokio::test]
async fn an_answer_includes_its_position_and_a_future_one_is_not_yet() {
    let house = House::new().await;
    let answer = house.follow("ann", &["1"]).await;
    let position = answer["position"].as_u64().unwrap();
    let read =
        house.ok(&format!("read GET /v1/accounts/demo/ann?min_position={position}"), Value::Null).await;
    assert_eq!(read.json()["followers"], 1);
    assert!(read.position() >= position);
    let mut request = house.request("read GET /v1/accounts/demo/ann", Value::Null).unwrap();
    request.headers_mut().insert("nameplate-min-position", (position + 1).into());
    assert_eq!(house.send(request).await.says(), "409 not-yet");
}

#[tokio::test]
async fn a_repeated_write_gets_the_first_answer() {
    let house = House::new().await;
    let ask = async |line: &str, body: Value| {
        let mut request = house.request(line, body).unwrap();
        request.headers_mut().insert("idempotency-key", "once".parse().unwrap());
        house.send(request).await
    };
    let body = json!({"platform": "demo", "account": "ann", "reason": "stalking", "legal_basis": "terms_4"});
    let first = ask("operator POST /v1/admin/holds", body.clone()).await;
    let again = ask("operator POST /v1/admin/holds", body).await;
    assert_eq!((first.says().as_str(), first.body.clone()), ("200", again.body.clone()));
    assert_eq!(again.headers["idempotent-replay"], "true");
    let other = json!({"platform": "demo", "account": "bob", "reason": "stalking", "legal_basis": "terms_4"});
    assert_eq!(ask("operator POST /v1/admin/holds", other.clone()).await.says(), "422 key-reused");
    assert_eq!(house.ask("operator POST /v1/admin/holds", other).await.says(), "200");
}

#[tokio::test]
async fn each_role_opens_its_own_endpoints_only() {
    let house = House::with_a_name().await;
    let facts = || json!({"class": "creator"});
    let hold = || json!({"platform": "demo", "account": "ann", "reason": "x", "legal_basis": "y"});
    let cases: &[(&str, Value, &[&str])] = &[
        ("GET /v1/nameplates/demo/ann?viewer=verified&surface=profile", Value::Null, &["read"]),
        ("GET /v1/accounts/demo/ann", Value::Null, &["read", "auditor", "root"]),
        ("PUT /v1/accounts/demo/ann", facts(), &["ingest"]),
        ("POST /v1/ingest?platform=demo", Value::Null, &[]),
        ("GET /v1/effects?platform=demo", Value::Null, &["read", "operator", "auditor", "root"]),
        ("GET /v1/admin/cases?platform=demo", Value::Null, &["operator", "auditor", "root"]),
        ("POST /v1/admin/holds", hold(), &["operator"]),
        ("POST /v1/admin/holds/release", hold(), &["operator"]),
        ("GET /v1/admin/keys?platform=demo", Value::Null, &["root"]),
        ("POST /v1/admin/ticks", Value::Null, &["root"]),
    ];
    for (line, body, allowed) in cases {
        for key in ["ingest", "read", "holders", "operator", "auditor", "root"] {
            let answer = house.ask(&format!("{key} {line}"), body.clone()).await;
            let refused = answer.says() == "403 role-missing";
            let allowed = allowed.contains(&key) || (key == "root" && line.contains("/admin/holds"));
            // The ingest key without a content type gets as far as the body.
            let allowed = allowed || (key == "ingest" && line.contains("/ingest"));
            assert_eq!(refused, !allowed, "{key} {line}: {}", answer.says());
        }
        assert_eq!(house.ask(&format!("- {line}"), body.clone()).await.says(), "401 no-key", "{line}");
    }
}

#[tokio::test]
async fn a_key_of_another_platform_a_revoked_and_an_expired_one_open_nothing() {
    let mut house = House::with_a_name().await;
    house.ok("root POST /v1/admin/platforms", json!({"platform": "other", "title": "Another"})).await;
    let path = "GET /v1/nameplates/demo/ann?viewer=verified&surface=profile";
    for (name, body) in [
        ("foreign", json!({"platform": "other", "roles": ["read"], "label": "x"})),
        (
            "short",
            json!({"platform": "demo", "roles": ["read"], "label": "x", "expires": "2026-01-03T00:00:00Z"}),
        ),
        ("revoked", json!({"platform": "demo", "roles": ["read"], "label": "x"})),
    ] {
        let key = house.ok("root POST /v1/admin/keys", body).await.json();
        house.keys.insert(name, key["token"].as_str().unwrap().to_owned());
    }
    let id = house.keys["revoked"].split('_').nth(1).unwrap().to_owned();
    assert_eq!(house.ask(&format!("revoked {path}"), Value::Null).await.says(), "200");
    house.ok(&format!("root DELETE /v1/admin/keys/{id}?platform=demo"), Value::Null).await;
    assert_eq!(house.ask(&format!("revoked {path}"), Value::Null).await.says(), "401 no-key");
    assert_eq!(house.ask(&format!("foreign {path}"), Value::Null).await.says(), "403 other-platform");
    assert_eq!(house.ask(&format!("short {path}"), Value::Null).await.says(), "200");
    house.clock.advance_ms(3 * 86_400_000);
    assert_eq!(house.ask(&format!("short {path}"), Value::Null).await.says(), "401 no-key");
    let wrong = house.keys["read"].clone() + "a";
    house.keys.insert("wrong", wrong);
    assert_eq!(house.ask(&format!("wrong {path}"), Value::Null).await.says(), "401 no-key");
}

//! What a holder sees and does.

use serde_json::{Value, json};

use crate::house::{House, NAME};

#[tokio::test]
async fn a_holder_sees_the_distance_and_what_others_would_see() {
    let house = House::new().await;
    house.activate().await;
    house.seal("ann", NAME).await;
    house.follow("ann", &["1", "2"]).await;
    let status = house.me("GET /v1/me", "ann", Value::Null).await.json();
    assert_eq!(status["account"]["followers"], 2);
    let rules = status["rules"].as_array().unwrap();
    let name = rules.iter().find(|rule| rule["rule"] == "test-2026/name").unwrap();
    assert_eq!((&name["holds"], &name["distance"]), (&json!(false), &json!(1)));
    let preview =
        house.me("GET /v1/me/preview?viewer=verified&surface=profile", "ann", Value::Null).await.json();
    assert_eq!(preview["fields"], json!([]));
    assert_eq!(preview["withheld"][0]["reason"], "below_threshold");
}

#[tokio::test]
async fn hiding_is_at_once_when_a_consent_is_taken_back() {
    let house = House::with_a_name().await;
    assert_eq!(house.see("verified").await.len(), 1);
    let body = json!({"pack": "test-2026", "rule": "name", "round": 1, "answer": "withdraw"});
    let answer = house.me("POST /v1/me/answers", "ann", body).await;
    assert_eq!(answer.says(), "200", "{}", answer.text());
    assert_eq!(house.see("verified").await, []);
}

#[tokio::test]
async fn a_filter_is_previewed_run_and_undone() {
    let house = House::with_a_name().await;
    let body = json!({"criteria": {"one_of": ["1", "2"]}, "keep": ["2"]});
    let preview = house.me("POST /v1/me/filters/preview", "ann", body.clone()).await.json();
    assert_eq!(
        (&preview["removed"], &preview["left"], &preview["sample"]),
        (&json!(1), &json!(2), &json!(["1"]))
    );
    let name =
        preview["rules"].as_array().unwrap().iter().find(|rule| rule["rule"] == "test-2026/name").unwrap();
    assert_eq!(name["holds"], false);

    let ran = house.me("POST /v1/me/filters", "ann", body).await;
    assert_eq!(ran.says(), "201", "{}", ran.text());
    let job = ran.json();
    assert_eq!((&job["followers"], &job["count"], &job["status"]), (&json!(1), &json!(2), &json!("done")));
    assert_eq!(house.see("verified").await, [], "below the threshold the name is gone at once");

    let location = ran.headers["location"].to_str().unwrap().to_owned();
    assert_eq!(house.me(&format!("GET {location}"), "ann", Value::Null).await.json(), job);
    assert_eq!(house.me(&format!("GET {location}"), "bob", Value::Null).await.says(), "404 unknown-thing");
    assert_eq!(house.ask(&format!("operator GET {location}"), Value::Null).await.json(), job);

    let id = job["id"].as_str().unwrap();
    let undone = house.me(&format!("POST /v1/me/filters/{id}/undo"), "ann", Value::Null).await.json();
    assert_eq!((&undone["followers"], &undone["count"]), (&json!(1), &json!(3)));
    let job = house.me(&format!("GET {location}"), "ann", Value::Null).await.json();
    assert_eq!(job["status"], "undone");
    let again = house.me(&format!("POST /v1/me/filters/{id}/undo"), "ann", Value::Null).await;
    assert_eq!(again.says(), "404 unknown-thing filter_not_kept");
}

#[tokio::test]
async fn leaving_hides_at_once_and_destroys_what_was_sealed() {
    let house = House::with_a_name().await;
    let wrong = house.me("POST /v1/me/leave", "ann", json!({"account": "bob"})).await;
    assert_eq!(wrong.says(), "409 refused another_account");
    let left = house.me("POST /v1/me/leave", "ann", json!({"account": "ann"})).await;
    assert_eq!(left.says(), "200", "{}", left.text());
    assert_eq!(house.see("verified").await, []);
    let sealed = house.vault.fields("demo", vault::HolderRef("h-ann")).unwrap();
    assert_eq!(sealed, Vec::<String>::new());
}

#[tokio::test]
async fn only_the_platforms_own_signature_opens_the_holders_door() {
    let house = House::with_a_name().await;
    let good = json!({"iss": "demo", "sub": "ann", "aud": "nameplate", "exp": 4_102_444_800_u64});
    let mut cases = vec![(House::token_with(good.clone()), "200")];
    for (field, value) in [
        ("iss", json!("other")),
        ("aud", json!("elsewhere")),
        ("exp", json!(1)),
        ("nbf", json!(4_102_444_800_u64)),
        ("sub", json!("")),
    ] {
        let mut claims = good.clone();
        claims[field] = value;
        cases.push((House::token_with(claims), "401 bad-token"));
    }
    let mut forged = House::token("ann");
    forged.truncate(forged.len() - 4);
    forged.push_str("AAAA");
    cases.push((forged, "401 bad-token"));
    let unsigned = House::token("ann").replacen(
        "eyJ0eXAiOiJKV1QiLCJhbGciOiJFZERTQSJ9",
        "eyJ0eXAiOiJKV1QiLCJhbGciOiJub25lIn0",
        1,
    );
    assert_ne!(unsigned, House::token("ann"));
    cases.push((unsigned, "401 bad-token"));
    cases.push((house.keys["holders"].clone(), "401 bad-token"));
    for (token, expected) in cases {
        let mut request = house.request("- GET /v1/me", Value::Null).unwrap();
        request.headers_mut().insert("authorization", format!("Bearer {token}").parse().unwrap());
        assert_eq!(house.send(request).await.says(), expected, "{token}");
    }
}

#[tokio::test]
async fn the_inbox_tells_what_happened_in_every_language_and_a_consent_names_its_text() {
    let house = House::new().await;
    house.activate().await;
    house.seal("ann", NAME).await;
    house.follow("ann", &["1", "2", "3"]).await;
    let empty = house.me("GET /v1/me/notices", "ann", Value::Null).await.json();
    assert_eq!(empty, json!({"items": [], "complete": true, "moves_dropped": 0}));
    house.tick().await;

    let list = house.me("GET /v1/me/notices?language=vi", "ann", Value::Null).await.json();
    let head = &list["items"][0];
    assert_eq!((&head["kind"], &head["round"]), (&json!("notice"), &json!(1)), "{list}");
    assert!(head["subject"].as_str().unwrap().starts_with("Quy tắc “The name”"), "{list}");
    assert!(head["due_at"].is_string());
    let path = format!("GET /v1/me/notices/test-2026/name/{}", head["number"]);
    let mut versions = Vec::new();
    for (language, says) in [
        ("en", "With 1 follower fewer the rule would not apply."),
        ("zh", "粉丝减少 1 人后，该规则将不再适用。"),
        ("vi", "Nếu bớt 1 người theo dõi, quy tắc sẽ không áp dụng."),
    ] {
        let answer = house.me(&format!("{path}?language={language}"), "ann", Value::Null).await;
        assert_eq!(answer.says(), "200", "{}", answer.text());
        assert_eq!(answer.headers["content-language"], language);
        let notice = answer.json();
        assert_eq!(notice["sources"][0]["url"], "https://example.org");
        assert!(notice["paragraphs"].as_array().unwrap().contains(&json!(says)), "{notice}");
        assert!(!answer.text().contains(NAME), "a text never carries a name");
        versions.push(notice["text_version"].as_str().unwrap().to_owned());
    }
    let consent = json!({"pack": "test-2026", "rule": "name", "round": 1, "answer": "consent",
                         "fields": ["legal_name"], "text_version": versions[1]});
    assert_eq!(house.me("POST /v1/me/answers", "ann", consent).await.says(), "200");
    house.clock.advance_ms(86_400_000);
    house.tick().await;

    let list = house.me("GET /v1/me/notices", "ann", Value::Null).await.json();
    let kinds: Vec<_> = list["items"].as_array().unwrap().iter().map(|item| item["kind"].clone()).collect();
    assert_eq!(kinds, [json!("shown"), json!("notice")], "newest first");
    let first = house.me("GET /v1/me/notices?limit=1", "ann", Value::Null).await.json();
    assert_eq!((&first["items"][0], &first["complete"]), (&list["items"][0], &json!(false)));
    let next = first["next"].as_str().unwrap();
    let rest =
        house.me(&format!("GET /v1/me/notices?limit=1&cursor={next}"), "ann", Value::Null).await.json();
    assert_eq!((&rest["items"][0], &rest["complete"]), (&list["items"][1], &json!(true)));

    house.follow("bob", &["1"]).await;
    let other = house.me(&path, "bob", Value::Null).await;
    assert_eq!(other.says(), "404 unknown-thing", "nobody reads another holder's inbox");
    let wrong = house.me(&format!("{path}?language=xx"), "ann", Value::Null).await;
    assert_eq!(wrong.says(), "400 bad-query");
}

#[tokio::test]
async fn a_holder_is_told_when_the_count_would_cross_a_line() {
    let house = House::new().await;
    house.activate().await;
    // Facts, so that a history is kept of so small an account.
    house.ok("ingest PUT /v1/accounts/demo/ann", json!({"class": "creator"})).await;
    house.follow("ann", &["1"]).await;
    house.tick().await;
    let forecast = house.me("GET /v1/me", "ann", Value::Null).await.json()["forecast"].clone();
    // One in 28 days, and two to go from the first of January on.
    let expected = json!({"days": 28, "net": 1, "crossings": [
        {"rule": "test-2026/name", "holds": true, "on": "2026-02-26"}]});
    assert_eq!(forecast, expected);
    house.follow("ann", &["2", "3"]).await;
    house.tick().await;
    let forecast = house.me("GET /v1/me", "ann", Value::Null).await.json()["forecast"].clone();
    assert_eq!(forecast, json!({"days": 28, "net": 3, "crossings": []}), "it goes away from the line");
    house.clock.advance_ms(28 * 86_400_000);
    house.tick().await;
    let forecast = house.me("GET /v1/me", "ann", Value::Null).await.json()["forecast"].clone();
    assert_eq!(forecast["net"], 0);
}

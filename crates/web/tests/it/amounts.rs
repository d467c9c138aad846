//! Dated amounts over HTTP: what is taken, and what a holder is told of a window.

use serde_json::{Value, json};

use crate::house::{House, pack};

/// The pack for tests with another trigger, in language 2.
fn seller_pack() -> Value {
    let files = pack().files.into_iter().map(|(path, bytes)| {
        let text = String::from_utf8(bytes).unwrap().replace("language = 1", "language = 2").replace(
            "metric = \"followers\"\nat_least = 3",
            "within = \"24mo\"\nwindow = \"12mo\"\nall = [{ metric = \"sales\", at_least = 3 }, \
             { metric = \"revenue\", currency = \"USD\", at_least = 100_00 }]",
        );
        (path, Value::from(text))
    });
    Value::Object(files.collect())
}

#[tokio::test]
async fn amounts_are_taken_once_and_each_item_has_its_answer() {
    let house = House::new().await;
    // The clock stands at 1 January 2026.
    let items = json!([
        {"account": "ann", "metric": "sales", "amount": 1, "at": "2025-12-31T10:00:00Z", "id": "o-1"},
        {"account": "ann", "metric": "revenue", "currency": "USD", "amount": 1999, "at": "2025-12-31T10:00:00Z", "id": "o-1"},
        {"account": "ann", "metric": "sales", "amount": 1, "at": "2025-12-31T10:00:00Z", "id": "o-1"},
        {"account": "ann", "metric": "sales", "amount": 1, "at": "2025-12-01T10:00:00Z", "id": "o-0"},
        {"account": "ann", "metric": "sales", "day": "2025-12-01", "total": 40},
        {"account": "ann", "metric": "sales", "day": "2025-12-31", "total": 40},
    ]);
    let body = json!({"platform": "demo", "items": items});
    let answer = house.ok("ingest POST /v1/amounts", body.clone()).await.json();
    let results = |answer: &Value| -> Vec<String> {
        let items = answer["items"].as_array().unwrap().iter();
        items.map(|item| item["result"].as_str().unwrap().to_owned()).collect()
    };
    assert_eq!(
        results(&answer),
        ["accepted", "accepted", "duplicate", "amount_too_old", "accepted", "day_is_open"]
    );
    let again = house.ok("ingest POST /v1/amounts", body).await.json();
    assert_eq!(
        results(&again),
        ["duplicate", "duplicate", "duplicate", "amount_too_old", "duplicate", "day_is_open"]
    );
    let days = json!([
        {"metric": "revenue", "currency": "USD", "days": [{"day": "2025-12-31", "sum": 1999}]},
        {"metric": "sales", "days": [{"day": "2025-12-01", "sum": 40}, {"day": "2025-12-31", "sum": 1}]},
    ]);
    let listed = house.ok("read GET /v1/accounts/demo/ann/amounts", Value::Null).await.json();
    assert_eq!((&listed["items"], &listed["complete"]), (&days, &json!(true)));
    let mine = house.me("GET /v1/me/amounts", "ann", Value::Null).await.json();
    assert_eq!(mine["items"], days);
    let account = house.ok("read GET /v1/accounts/demo/ann", Value::Null).await.json();
    assert_eq!(
        account["ledgers"],
        json!([
            {"metric": "revenue", "currency": "USD", "first": "2025-12-31", "last": "2025-12-31", "days": 1, "sum": 1999},
            {"metric": "sales", "first": "2025-12-01", "last": "2025-12-31", "days": 2, "sum": 41},
        ])
    );
}

#[tokio::test]
async fn a_count_of_some_followers_names_its_position_and_is_explained_even_where_nothing_is_kept() {
    let house = House::new().await;
    let files = pack().files.into_iter().map(|(path, bytes)| {
        let text = String::from_utf8(bytes).unwrap().replace("language = 1", "language = 2");
        (
            path,
            Value::from(text.replace("metric = \"followers\"", "metric = \"followers.not_suspected_bot\"")),
        )
    });
    let body = json!({"platform": "demo", "files": Value::Object(files.collect())});
    house.ok("operator POST /v1/admin/packs/activate", body).await;
    house.ok("ingest PUT /v1/accounts/demo/1", json!({"attributes": ["suspected_bot"]})).await;
    house.follow("ann", &["1", "2"]).await;
    house.tick().await;
    let told = |me: Value| me["rules"][0]["trigger"]["fact"].clone();
    assert_eq!(told(house.me("GET /v1/me", "ann", Value::Null).await.json()), "1");
    let account = house.ok("read GET /v1/accounts/demo/ann", Value::Null).await.json();
    assert_eq!(account["counts"], json!([]));
    house.follow("ann", &["3", "4"]).await;
    house.tick().await;
    let account = house.ok("read GET /v1/accounts/demo/ann", Value::Null).await.json();
    let count = &account["counts"][0];
    assert_eq!((&count["count"], &count["value"]), (&json!("followers.not_suspected_bot"), &json!(3)));
    assert_eq!(count["position"], account["position"]);
    assert_eq!(account["cases"][0]["status"], "noticed");
    assert_eq!(told(house.me("GET /v1/me", "ann", Value::Null).await.json()), "3");
}

#[tokio::test]
async fn amounts_come_in_between_follows() {
    let house = House::new().await;
    let lines = [
        json!({"type": "amount", "account": "ann", "metric": "sales", "amount": 2, "at": "2025-12-31T10:00:00Z", "id": 1}),
        json!({"type": "follow", "follower": "1", "account": "ann", "at": "2025-12-31T10:00:00Z"}),
        json!({"type": "amount", "account": "ann", "metric": "sales", "amount": 2, "at": 1_767_175_200_000_u64, "id": "1"}),
        json!({"type": "amount", "account": "ann", "metric": "revenue", "currency": "EUR", "day": "2025-11-30", "total": -5}),
        json!({"type": "amount", "account": "ann", "metric": "sales", "amount": 2}),
        json!({"type": "amount", "account": "ann", "metric": "sales", "day": "2025-02-30", "total": 1}),
        json!({"type": "sale", "account": "ann", "amount": 2}),
    ];
    let body: String = lines.iter().map(|line| format!("{line}\n")).collect();
    let answer = house.ndjson("/v1/ingest?platform=demo", body.into_bytes(), "").await;
    assert_eq!(answer.says(), "200", "{}", answer.text());
    let answer = answer.json();
    assert_eq!(
        [&answer["accepted"], &answer["duplicate"], &answer["refused"]],
        [&json!(3), &json!(1), &json!(3)]
    );
    let results = answer["results"].as_array().unwrap().iter();
    let results: Vec<_> =
        results.map(|one| (one["line"].as_u64().unwrap(), one["result"].as_str().unwrap())).collect();
    assert_eq!(
        results,
        [(3, "duplicate"), (5, "amount_is_incomplete"), (6, "day_is_refused"), (7, "field_is_unknown")]
    );
    let account = house.ok("read GET /v1/accounts/demo/ann", Value::Null).await.json();
    assert_eq!((&account["followers"], &account["ledgers"][1]["sum"]), (&json!(1), &json!(2)));
    // One line alone takes another way in.
    let line = json!({"type": "amount", "account": "ann", "metric": "sales", "amount": 3, "at": 1_767_175_200_000_u64, "id": "2"});
    let answer = house.ndjson("/v1/ingest?platform=demo", line.to_string().into_bytes(), "").await.json();
    assert_eq!((&answer["accepted"], &answer["lines"]), (&json!(1), &json!(1)));
}

#[tokio::test]
async fn an_amount_is_of_an_event_or_of_a_day() {
    let house = House::new().await;
    let good =
        json!({"account": "ann", "metric": "sales", "amount": 1, "at": "2025-12-31T10:00:00Z", "id": "o-1"});
    let with = |key: &str, value: Value| {
        let mut item = good.clone();
        item[key] = value;
        json!({"platform": "demo", "items": [item]})
    };
    for (body, says) in [
        (with("total", json!(1)), "422 does-not-fit"),
        (with("id", Value::Null), "422 does-not-fit"),
        (with("id", json!("127.0.0.1")), "422 does-not-fit"),
        (with("currency", json!("usd")), "422 does-not-fit"),
        (with("amount", json!(0.5)), "422 does-not-fit"),
        (with("amout", json!(1)), "422 does-not-fit"),
        (json!({"platform": "demo", "items": []}), "422 does-not-fit"),
    ] {
        let answer = house.ask("ingest POST /v1/amounts", body.clone()).await;
        assert_eq!(answer.says(), says, "{body}: {}", answer.text());
    }
    let answer = house.ask("read POST /v1/amounts", with("amount", json!(2))).await;
    assert_eq!(answer.says(), "403 role-missing");
}

#[tokio::test]
async fn a_holder_is_told_the_window_its_sums_and_when_it_changes() {
    let house = House::new().await;
    let body = json!({"platform": "demo", "files": seller_pack()});
    house.ok("operator POST /v1/admin/packs/activate", body).await;
    let day = |metric: &str, day: &str, total: i64| {
        let currency = (metric == "revenue").then_some("USD");
        json!({"account": "ann", "metric": metric, "currency": currency, "day": day, "total": total})
    };
    let items = json!([day("sales", "2025-03-01", 2), day("revenue", "2025-03-01", 20_000)]);
    house.ok("ingest POST /v1/amounts", json!({"platform": "demo", "items": items})).await;
    let rule = |me: Value| me["rules"][0].clone();
    let me = rule(house.me("GET /v1/me", "ann", Value::Null).await.json());
    assert_eq!((&me["holds"], &me["changes_at"]), (&json!(false), &Value::Null));
    let window = &me["trigger"];
    assert_eq!(window["what"], "in any 12 months in a row within the last 24 months");
    assert_eq!(
        window["fact"],
        "2025-01-02 to 2026-01-01, of which the oldest amount counts until 2027-02-28"
    );
    assert_eq!(window["inside"][0]["inside"][0]["distance"], 1);
    let items = json!([day("sales", "2025-06-01", 1)]);
    house.ok("ingest POST /v1/amounts", json!({"platform": "demo", "items": items})).await;
    let me = rule(house.me("GET /v1/me", "ann", Value::Null).await.json());
    assert_eq!((&me["holds"], &me["changes_at"]), (&json!(true), &json!("2027-03-01T00:00:00Z")));
}

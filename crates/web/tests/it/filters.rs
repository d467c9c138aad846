//! What filters may ask, and the list of everyone whom one took.

use std::collections::BTreeSet;

use roaring::RoaringTreemap;
use serde_json::{Value, json};

use crate::house::{Answer, House, MARKS};

async fn run(house: &House, account: &str, body: Value) -> String {
    let ran = house.me("POST /v1/me/filters", account, body).await;
    assert_eq!(ran.says(), "201", "{}", ran.text());
    ran.json()["id"].as_str().unwrap().to_owned()
}

/// Whom a filter of `ann` would take.
async fn would_take(house: &House, body: Value) -> BTreeSet<String> {
    let preview = house.me("POST /v1/me/filters/preview", "ann", body).await;
    assert_eq!(preview.says(), "200", "{}", preview.text());
    serde_json::from_value(preview.json()["sample"].clone()).unwrap()
}

async fn removed(house: &House, job: &str, query: &str) -> Answer {
    house.ask(&format!("holders GET /v1/jobs/{job}/removed{query}"), Value::Null).await
}

/// The accounts of a complete stream of lines.
fn accounts(answer: &Answer) -> Vec<String> {
    assert_eq!(answer.says(), "200", "{}", answer.text());
    assert_eq!(answer.headers["content-type"], "application/x-ndjson");
    let text = answer.text();
    let lines = text.strip_suffix("{\"complete\":true}\n").unwrap();
    let of = |line: &str| {
        let line: Value = serde_json::from_str(line).unwrap();
        assert_eq!(line.as_object().unwrap().len(), 1);
        line["account"].as_str().unwrap().to_owned()
    };
    lines.lines().map(of).collect()
}

async fn bitmap(house: &House, job: &str) -> Answer {
    let line = format!("holders GET /v1/jobs/{job}/removed");
    let mut request = house.request(&line, Value::Null).unwrap();
    request.headers_mut().insert("accept", "application/vnd.roaring".parse().unwrap());
    house.send(request).await
}

#[tokio::test]
async fn filters_ask_for_days_and_spare_the_verified_and_the_followed() {
    let house = House::new().await;
    house.follow("ann", &["1", "2", "3", "4"]).await;
    house.follow("3", &["ann"]).await;
    for (account, facts) in [
        ("1", json!({"created": "2020-01-31", "last_active": "2025-06-01"})),
        ("1", json!({"created": "2021-01-01", "last_active": "2025-05-01"})),
        ("2", json!({"created": "2025-12-01", "last_active": "2025-12-31"})),
        ("4", json!({"attributes": ["verified"]})),
    ] {
        house.ok(&format!("ingest PUT /v1/accounts/demo/{account}"), facts).await;
    }
    let one = house.ok("read GET /v1/accounts/demo/1", Value::Null).await.json();
    assert_eq!((&one["created"], &one["last_active"]), (&json!("2020-01-31"), &json!("2025-06-01")));
    let ahead = house.ask("ingest PUT /v1/accounts/demo/1", json!({"last_active": "2026-02-01"})).await;
    assert_eq!(ahead.json()["items"][0]["result"], "in_the_future", "{}", ahead.text());
    let three = house.ok("read GET /v1/accounts/demo/3", Value::Null).await.json();
    assert_eq!((three.get("created"), three.get("last_active")), (None, None));

    // The clock stands at 1 January 2026, 214 days after the first of June.
    for (body, expected) in [
        (json!({"criteria": {"created_before": "2020-02-01"}}), &["1"][..]),
        (json!({"criteria": {"created_before": "2020-01-31"}}), &[]),
        (json!({"criteria": {"created_after": "2020-01-31"}}), &["2"]),
        (json!({"criteria": {"inactive_for": 214}}), &["1"]),
        (json!({"criteria": {"inactive_for": 215}}), &[]),
        (json!({"criteria": {"inactive_for": 1}}), &["1", "2"]),
        (json!({"criteria": {"inactive_for": 1.0}, "bar_days": 2.0}), &["1", "2"]),
        (json!({"criteria": {"all": []}, "keep_verified": true}), &["1", "2", "3"]),
        (json!({"criteria": {"all": []}, "keep_followed": true}), &["1", "2", "4"]),
        (json!({"criteria": {"all": []}, "keep_followed": true, "keep_verified": true}), &["1", "2"]),
    ] {
        let expected = expected.iter().map(|account| (*account).to_owned()).collect();
        assert_eq!(would_take(&house, body.clone()).await, expected, "{body}");
    }
    for (body, expected) in [
        (json!({"criteria": {"inactive_for": -1}}), "422 does-not-fit"),
        (json!({"criteria": {"created_before": "2025-13-01"}}), "422 does-not-fit"),
        (json!({"criteria": {"all": []}, "keep_verified": 1}), "422 does-not-fit"),
        (json!({"criteria": {"all": []}, "bar_days": 366}), "422 does-not-fit"),
    ] {
        let answer = house.me("POST /v1/me/filters", "ann", body.clone()).await;
        assert_eq!(answer.says(), expected, "{body}: {}", answer.text());
    }

    let body = json!({"criteria": {"all": []}, "keep_followed": true, "keep_verified": true});
    let job = run(&house, "ann", body).await;
    assert_eq!(accounts(&removed(&house, &job, "").await), ["1", "2"]);
}

#[tokio::test]
async fn who_is_barred_cannot_come_back_before_the_days_are_over_or_the_filter_is_undone() {
    let house = House::new().await;
    house.follow("ann", &["1", "2"]).await;
    let job = run(&house, "ann", json!({"criteria": {"one_of": ["1"]}, "bar_days": 30})).await;
    house.clock.advance_ms(29 * 86_400_000);
    let tried = house.follow("ann", &["1"]).await;
    assert_eq!((&tried["accepted"], &tried["refused"]), (&json!(0), &json!(1)), "{tried}");
    assert!(tried.to_string().contains("refollow_barred"), "{tried}");
    house.clock.advance_ms(86_400_000 + 1);
    assert_eq!(house.follow("ann", &["1"]).await["accepted"], 1);

    let again = run(&house, "ann", json!({"criteria": {"one_of": ["2"]}, "bar_days": 365})).await;
    assert_ne!(again, job);
    house.me(&format!("POST /v1/me/filters/{again}/undo"), "ann", Value::Null).await;
    let count = house.ok("read GET /v1/accounts/demo/ann", Value::Null).await.json();
    assert_eq!(count["followers"], 2);
}

#[tokio::test]
async fn everyone_whom_a_filter_took_is_listed_whatever_becomes_of_them() {
    let house = House::new().await;
    // Ids beyond 32 bits; the first filter fills exactly one piece of the stream, the second more than one.
    let all: Vec<String> = (0..20_000_u64).map(|at| (1 + at * 1_000_003).to_string()).collect();
    house.follow("ann", &all.iter().map(String::as_str).collect::<Vec<_>>()).await;
    let first = run(&house, "ann", json!({"criteria": {"all": []}, "leave_at": 20_000 - 8192})).await;
    let second = run(&house, "ann", json!({"criteria": {"all": []}})).await;

    let whole = removed(&house, &first, "").await;
    let taken = accounts(&whole);
    assert_eq!(taken.len(), 8192);
    let rest = accounts(&removed(&house, &second, "").await);
    assert_eq!(rest.len(), 20_000 - 8192);
    let union: BTreeSet<&String> = taken.iter().chain(&rest).collect();
    assert_eq!(union, all.iter().collect(), "both together are everyone, and nobody is in both");

    for at in [0, 1, 4000, 8190, 8191] {
        let tail = accounts(&removed(&house, &first, &format!("?after={}", taken[at])).await);
        assert_eq!(tail, taken[at + 1..], "after line {at}");
    }
    let tail = accounts(&removed(&house, &second, &format!("?after={}", rest[100])).await);
    assert_eq!(tail, rest[101..]);

    for (job, accounts) in [(&first, &taken), (&second, &rest)] {
        let answer = bitmap(&house, job).await;
        assert_eq!(answer.headers["content-type"], "application/vnd.roaring");
        let ids = RoaringTreemap::deserialize_from(&answer.body[..]).unwrap();
        let listed: BTreeSet<u64> = accounts.iter().map(|account| account.parse().unwrap()).collect();
        assert_eq!(ids.iter().collect::<BTreeSet<_>>(), listed);
    }

    house.clock.advance_ms(60_000);
    let back: Vec<&str> = taken.iter().step_by(2).map(String::as_str).collect();
    assert_eq!(house.follow("ann", &back).await["accepted"], back.len());
    assert_eq!(removed(&house, &first, "").await.body, whole.body, "they follow again, the list stays");

    house.me(&format!("POST /v1/me/filters/{first}/undo"), "ann", Value::Null).await;
    assert_eq!(removed(&house, &first, "").await.says(), "404 unknown-thing");
    assert_eq!(accounts(&removed(&house, &second, "").await), rest);
}

#[tokio::test]
async fn the_list_is_for_its_holder_and_the_back_end_and_has_no_name_in_it() {
    let house = House::with_a_name().await;
    house.follow("ann", &["bob"]).await;
    house.seal("bob", "Zyx Bob").await;
    let job = run(&house, "ann", json!({"criteria": {"one_of": ["1", "bob"]}})).await;
    let path = format!("GET /v1/jobs/{job}/removed");
    for key in ["holders", "operator", "auditor", "root"] {
        let answer = house.ask(&format!("{key} {path}"), Value::Null).await;
        assert_eq!(accounts(&answer), ["1", "bob"], "{key}");
        assert!(MARKS.iter().all(|mark| !answer.text().contains(mark)), "{key}");
    }
    assert_eq!(accounts(&house.me(&path, "ann", Value::Null).await), ["1", "bob"]);
    assert_eq!(house.me(&path, "bob", Value::Null).await.says(), "404 unknown-thing");
    for (line, expected) in [
        (format!("read {path}"), "403 role-missing"),
        (format!("ingest {path}"), "403 role-missing"),
        (format!("- {path}"), "401 no-key"),
        ("holders GET /v1/jobs/999999/removed".into(), "404 unknown-thing"),
        ("holders GET /v1/jobs/x/removed".into(), "400 bad-path"),
        (format!("holders {path}?after=2"), "400 bad-query"),
        (format!("holders {path}?after=nobody"), "400 bad-query"),
        (format!("holders {path}?before=1"), "400 bad-query"),
    ] {
        assert_eq!(house.ask(&line, Value::Null).await.says(), expected, "{line}");
    }
    assert_eq!(bitmap(&house, &job).await.says(), "409 refused ids_are_not_numbers");
}

#[test]
fn the_published_document_names_the_fields() {
    let document: Value = serde_json::from_str(&web::openapi()).unwrap();
    let schemas = &document["components"]["schemas"];
    for (schema, fields) in [
        ("Filter", &["keep_verified", "keep_followed", "bar_days"][..]),
        ("Facts", &["created", "last_active"]),
        ("AccountView", &["created", "last_active"]),
    ] {
        for field in fields {
            assert!(schemas[schema]["properties"][field].is_object(), "{schema} {field}");
        }
    }
    let forms: BTreeSet<&str> = schemas["FilterCriteria"]["oneOf"]
        .as_array()
        .unwrap()
        .iter()
        .flat_map(|form| form["properties"].as_object().unwrap().keys().map(String::as_str))
        .collect();
    for form in ["created_before", "created_after", "inactive_for"] {
        assert!(forms.contains(form), "{form}");
    }
    let content = &document["paths"]["/v1/jobs/{job}/removed"]["get"]["responses"]["200"]["content"];
    assert!(content["application/x-ndjson"].is_object() && content["application/vnd.roaring"].is_object());
}

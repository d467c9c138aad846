//! Everything about an account, for its holder and for nobody else.

use serde_json::{Value, json};

use crate::house::{House, MARKS, NAME};

#[tokio::test]
async fn a_holder_takes_everything_along_as_json_and_as_a_page() {
    let house = House::with_a_name().await;
    let sighted = json!({"platform": "demo", "items": [{"account": "ann", "ip": "198.51.100.7"}]});
    house.ok("ingest POST /v1/sightings", sighted).await;
    let sold = json!({"platform": "demo", "items": [
        {"account": "ann", "metric": "sales", "amount": 3, "at": "2026-01-02T00:00:00Z", "id": "o-1"}]});
    house.ok("ingest POST /v1/amounts", sold).await;
    let export = house.me("GET /v1/me/export", "ann", Value::Null).await;
    assert_eq!(export.status, 200, "{}", export.text());
    assert_eq!(export.headers["content-disposition"], "attachment; filename=\"nameplate.json\"");
    assert_eq!(export.headers["cache-control"], "no-store");
    let all = export.json();
    assert_eq!(all["identity"]["fields"]["legal_name"], NAME);
    assert_eq!(all["identity"]["unreadable"], json!([]));
    assert_eq!(all["account"]["followers"], 3);
    assert_eq!(all["account"]["cases"][0]["status"], "shown", "{all}");
    assert_eq!(all["region"]["region"], "Zhejiang");
    assert_eq!(all["amounts"][0]["days"][0]["sum"], 3);
    assert_eq!(all["notices"].as_array().unwrap().len(), 2, "{all}");
    assert!(all["rules"].as_array().unwrap().len() >= 2);
    // Not who follows, and not where from.
    assert!(!export.text().contains("198.51.100"));

    let page = house.me("GET /v1/me/export?format=html", "ann", Value::Null).await;
    assert_eq!(page.headers["content-type"], "text/html; charset=utf-8");
    let page = page.text();
    assert!(page.contains("Fields, Legal name") && page.contains(MARKS[0]), "{page}");
    assert!(!page.contains("<script") && page.contains("lang=\"en\""));
}

#[tokio::test]
async fn whose_keys_are_destroyed_takes_along_what_is_left() {
    let house = House::with_a_name().await;
    house.seal("bob", "Another").await;
    assert_eq!(house.me("GET /v1/me/export?format=pdf", "bob", Value::Null).await.says(), "400 bad-query");
    let export = house.me("GET /v1/me/export", "bob", Value::Null).await.json();
    assert_eq!(export["identity"]["fields"]["legal_name"], "Another");
    assert!(MARKS.iter().all(|mark| !export.to_string().contains(mark)), "nothing of anybody else");
    house.me("POST /v1/me/leave", "bob", json!({"account": "bob"})).await;
    let export = house.me("GET /v1/me/export", "bob", Value::Null).await.json();
    assert_eq!(export.get("identity"), None, "{export}");
    assert_eq!(export["account"]["left"], true);
}

//! No endpoint gives a name to a viewer whom the rule bars, whatever is sent to it.
//!
//! The requests are made from the published document, so an endpoint that is added later is driven too. The names
//! of two holders are in the vault: one shown to verified viewers, one shown to nobody yet.

use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use serde_json::{Value, json};

use crate::house::{House, MARKS};

const ACCOUNTS: [&str; 5] = ["ann", "bob", "1", "nobody", "%E5%BC%A0"];
const BARRED: [&str; 5] = ["logged_out", "unverified", "bad_standing", "buyer", "staff"];
const SURFACES: [&str; 5] = ["profile", "post", "comment", "listing", "order"];

/// Method, path template, names of query parameters, whether there is a body.
fn operations() -> Vec<(String, String, Vec<String>, bool)> {
    let document: Value = serde_json::from_str(&web::openapi()).unwrap();
    let mut out = Vec::new();
    for (path, item) in document["paths"].as_object().unwrap() {
        for (method, operation) in item.as_object().unwrap() {
            let parameters = operation["parameters"].as_array().cloned().unwrap_or_default();
            let query = parameters
                .iter()
                .filter(|parameter| parameter["in"] == "query")
                .map(|parameter| parameter["name"].as_str().unwrap().to_owned())
                .collect();
            // Leaving would only make the later requests easier.
            if !path.ends_with("/leave") {
                out.push((method.to_uppercase(), path.clone(), query, operation["requestBody"].is_object()));
            }
        }
    }
    for path in ["/", "/p/{platform}/{account}"] {
        out.push(("GET".into(), path.into(), vec!["as".into()], false));
    }
    assert!(out.len() > 30, "{}", out.len());
    out
}

fn query_value(name: &str, account: &str, viewer: &str, surface: &str, dice: u32) -> Option<String> {
    Some(match name {
        "platform" => "demo".into(),
        "account" => account.into(),
        "viewer" | "as" => viewer.into(),
        "surface" => surface.into(),
        "explain" => (dice.is_multiple_of(2)).to_string(),
        "limit" => (dice % 1000 + 1).to_string(),
        "results" => "all".into(),
        _ => return None,
    })
}

fn body(path: &str, account: &str, viewer: &str, surface: &str, dice: u32) -> Value {
    let account = if account.starts_with('%') { "\u{5f20}" } else { account };
    match path {
        "/v1/nameplates" => {
            let item = json!({"account": account, "viewer": viewer, "surface": surface});
            json!({"platform": "demo", "items": vec![item; (dice % 3 + 1) as usize]})
        }
        "/v1/accounts" => json!({"platform": "demo", "items": [{"account": account, "facts": {}}]}),
        "/v1/sightings" => json!({"platform": "demo", "items": [{"account": account, "ip": "8.8.8.8"}]}),
        "/v1/me/answers" => {
            let answer = ["consent", "refuse", "withdraw"][dice as usize % 3];
            json!({"pack": "test-2026", "rule": "name", "round": dice % 3 + 1, "answer": answer,
                   "fields": ["legal_name"], "text_version": "v1"})
        }
        "/v1/me/filters" | "/v1/me/filters/preview" => json!({"criteria": {"one_of": [account]}}),
        // A name where none belongs: the refusal must not repeat it.
        "/v1/identities/{platform}/{account}" if dice.is_multiple_of(2) => {
            json!({"holder": "h", "kind": "person", "verified": true, "fields": {(MARKS[0]): MARKS[1]}})
        }
        "/v1/identities/{platform}/{account}" => {
            json!({"holder": MARKS[0], "kind": MARKS[1], "verified": true, "fields": {"legal_name": ["Zyx"]}})
        }
        "/v1/admin/holds" | "/v1/admin/holds/release" => {
            json!({"platform": "demo", "account": "9", "reason": "x", "legal_basis": "y"})
        }
        _ => json!({"platform": "demo", "x": MARKS[0]}),
    }
}

#[test]
fn a_barred_viewer_gets_the_name_through_no_endpoint() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let house = runtime.block_on(async {
        let house = House::with_a_name().await;
        house.seal("bob", "Zyx Bob").await;
        house
    });
    // The control: the name is there to be found, for the viewer whom the rule names.
    let seen = runtime.block_on(house.see("verified"));
    assert!(seen.iter().any(|(_, value)| value.contains(MARKS[0])));

    let operations = operations();
    let keys: Vec<&str> = house.keys.keys().copied().chain(["-", "ann", "bob"]).collect();
    let strategy = (
        0..operations.len(),
        0..keys.len(),
        0..ACCOUNTS.len(),
        0..BARRED.len(),
        0..SURFACES.len(),
        any::<u32>(),
    );
    let mut runner = TestRunner::new(Config { cases: 3_000, failure_persistence: None, ..Config::default() });
    let mut statuses = std::collections::BTreeMap::<u16, u32>::new();
    let statuses_cell = std::cell::RefCell::new(&mut statuses);
    runner
        .run(&strategy, |(operation, key, account, viewer, surface, dice)| {
            let (method, template, query, has_body) = &operations[operation];
            let (key, account) = (keys[key], ACCOUNTS[account]);
            let (viewer, surface) = (BARRED[viewer], SURFACES[surface]);
            let path = template
                .replace("{platform}", "demo")
                .replace("{account}", account)
                .replace("{job}", &(dice % 40).to_string())
                .replace("{filter}", &(dice % 40).to_string())
                .replace("{key}", "none")
                .replace("{pack}", "test-2027")
                .replace("{type}", "refused");
            let query: Vec<String> = query
                .iter()
                .filter_map(|name| {
                    Some(format!("{name}={}", query_value(name, account, viewer, surface, dice)?))
                })
                .collect();
            let line = format!("{method} {path}?{}", query.join("&"));
            let body = if *has_body { body(template, account, viewer, surface, dice) } else { Value::Null };
            let answer = runtime.block_on(async {
                if key == "ann" || key == "bob" {
                    house.me(&line, key, body).await
                } else {
                    house.ask(&format!("{key} {line}"), body).await
                }
            });
            *statuses_cell.borrow_mut().entry(answer.status.as_u16()).or_default() += 1;
            prop_assert!(answer.status.as_u16() < 500, "{} {}: {}", key, line, answer.text());
            let headers = format!("{:?}", answer.headers);
            // Holders take along what is sealed of themselves; that it is nothing of others is a test of its own.
            if template == "/v1/me/export" && matches!(key, "ann" | "bob") {
                return Ok(());
            }
            for mark in MARKS {
                prop_assert!(!answer.text().contains(mark), "{} {}: {}", key, line, answer.text());
                prop_assert!(!headers.contains(mark), "{} {}: {}", key, line, headers);
            }
            Ok(())
        })
        .unwrap();
    // Driven for real: many requests were answered, not only refused.
    assert!(statuses.get(&200).copied().unwrap_or(0) > 200, "{statuses:?}");
}

/// A rule of language 1 may ask for the province of an address. An address is one text, so there is no such thing to show.
#[tokio::test]
async fn an_address_is_not_shown_where_only_a_part_of_it_may_be() {
    for coarse in ["province", "country"] {
        let house = House::new().await;
        let files = crate::house::pack().files.into_iter().map(|(path, bytes)| {
            let text = String::from_utf8(bytes).unwrap().replace(
                "field = \"legal_name\"\ncoarse = \"full\"",
                &format!("field = \"address\"\ncoarse = \"{coarse}\""),
            );
            (path, Value::from(text))
        });
        let body = json!({"platform": "demo", "files": Value::Object(files.collect())});
        house.ok("operator POST /v1/admin/packs/activate", body).await;
        house.seal("ann", "Invented").await;
        house.follow("ann", &["1", "2", "3"]).await;
        house.tick().await;
        let body = json!({"pack": "test-2026", "rule": "name", "round": 1, "answer": "consent",
                          "fields": ["address"], "text_version": "v1"});
        assert_eq!(house.me("POST /v1/me/answers", "ann", body).await.says(), "200");
        house.clock.advance_ms(86_400_000);
        house.tick().await;
        let cases = house.ok("read GET /v1/accounts/demo/ann", Value::Null).await.json();
        assert_eq!(cases["cases"][0]["status"], "shown");
        assert_eq!(house.see("verified").await, []);
    }
}

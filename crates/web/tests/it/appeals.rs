//! A holder appeals, somebody else answers, and a period is made longer.

use serde_json::{Value, json};

use crate::house::{House, NAME};

fn about(more: Value) -> Value {
    let mut said = json!({"platform": "demo", "account": "ann", "pack": "test-2026", "rule": "name", "round": 1,
                          "reason": "looked_at", "legal_basis": "article_20"});
    said.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    said
}

fn appeal() -> Value {
    json!({"pack": "test-2026", "rule": "name", "round": 1, "ground": "wrong_topic"})
}

#[tokio::test]
async fn an_appeal_hides_the_name_until_somebody_else_answers() {
    let house = House::with_a_name().await;
    let sees_the_name = async || house.see("verified").await.iter().any(|(_, value)| value == NAME);
    assert!(sees_the_name().await);
    let waiting = "operator GET /v1/admin/cases?platform=demo&appealed=true";
    assert_eq!(house.ok(waiting, Value::Null).await.json()["items"], json!([]));

    let stayed = house.me("POST /v1/me/appeals", "ann", appeal()).await;
    assert_eq!(stayed.says(), "200", "{}", stayed.text());
    assert!(stayed.json()["answer_due_at"].is_string());
    assert!(!sees_the_name().await);
    assert_eq!(house.me("POST /v1/me/appeals", "ann", appeal()).await.says(), "409 refused appeal_is_open");
    let listed = house.ok(waiting, Value::Null).await.json();
    assert_eq!(listed["items"][0]["case"]["appeals"][0]["ground"], "wrong_topic", "{listed}");
    assert_eq!(listed["items"][0]["case"]["appeals"][0].get("ruling"), None, "{listed}");

    let upheld = about(json!({"ruling": "upheld"}));
    let same = house.ask("operator POST /v1/admin/appeals/decide", upheld.clone()).await;
    assert_eq!(same.says(), "409 refused same_reviewer", "the key that activated the pack");
    assert!(!sees_the_name().await);
    house.ok("root POST /v1/admin/appeals/decide", upheld).await;
    assert!(sees_the_name().await);
    let mine = house.me("GET /v1/me", "ann", Value::Null).await.json();
    assert_eq!(mine["account"]["cases"][0]["appeals"][0]["ruling"], "upheld", "{mine}");

    let effects = house.ok("read GET /v1/effects?platform=demo", Value::Null).await.json();
    let kinds: Vec<&str> =
        effects["items"].as_array().unwrap().iter().map(|effect| effect["kind"].as_str().unwrap()).collect();
    assert_eq!(kinds[kinds.len() - 4..], ["appealed", "hidden", "appeal_decided", "shown"], "{effects}");
}

#[tokio::test]
async fn an_operator_gives_a_holder_longer_and_never_less() {
    let house = House::new().await;
    house.activate().await;
    house.follow("ann", &["1", "2", "3"]).await;
    house.tick().await;
    let until = |days: i64| {
        let at = state::moment(state::Millis(house.clock.now_ms() + days * 86_400_000));
        about(json!({"until": at}))
    };
    house.ok("operator POST /v1/admin/notices/extend", until(9)).await;
    let shorter = house.ask("operator POST /v1/admin/notices/extend", until(3)).await;
    assert_eq!(shorter.says(), "409 refused extension_out_of_range", "{}", shorter.text());
}

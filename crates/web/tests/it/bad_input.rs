//! Input that does not fit gets a problem that says where, and never a 5xx.

use axum::body::Body;
use axum::http::Request;
use serde_json::{Value, json};

use crate::house::House;

#[tokio::test]
async fn each_bad_input_gets_its_problem() {
    let house = House::with_a_name().await;
    let facts = "ingest PUT /v1/accounts/demo/ann";
    let nameplate = "read GET /v1/nameplates/demo";
    let table: Vec<(String, Value, &str)> = vec![
        (format!("{nameplate}/%ff?viewer=verified&surface=profile"), Value::Null, "400 bad-path"),
        (format!("{nameplate}/a%00b?viewer=verified&surface=profile"), Value::Null, "400 bad-path"),
        (format!("{nameplate}/%2F?viewer=verified&surface=profile"), Value::Null, "400 bad-path"),
        (format!("{nameplate}/203.0.113.9?viewer=verified&surface=profile"), Value::Null, "400 bad-path"),
        (
            format!("{nameplate}/{}?viewer=verified&surface=profile", "a".repeat(65)),
            Value::Null,
            "400 bad-path",
        ),
        (
            "read GET /v1/nameplates/DEMO/ann?viewer=verified&surface=profile".into(),
            Value::Null,
            "400 bad-path",
        ),
        (
            "read GET /v1/nameplates/other/ann?viewer=verified&surface=profile".into(),
            Value::Null,
            "403 other-platform",
        ),
        (
            format!("{nameplate}/nobody?viewer=verified&surface=profile"),
            Value::Null,
            "404 unknown-account unknown_account",
        ),
        (format!("{nameplate}/ann"), Value::Null, "400 bad-query"),
        (format!("{nameplate}/ann?viewer=verified"), Value::Null, "400 bad-query"),
        (format!("{nameplate}/ann?viewer=&surface=profile"), Value::Null, "400 bad-query"),
        (format!("{nameplate}/ann?viewer=verified%00&surface=profile"), Value::Null, "400 bad-query"),
        (format!("{nameplate}/ann?viewer=verified&surface=profile&x=1"), Value::Null, "400 bad-query"),
        (
            format!("{nameplate}/ann?viewer=verified&viewer=staff&surface=profile"),
            Value::Null,
            "400 bad-query",
        ),
        (
            format!("{nameplate}/ann?viewer=verified&surface=profile&explain=yes"),
            Value::Null,
            "400 bad-query",
        ),
        (
            format!("{nameplate}/ann?viewer=verified&surface=profile&min_position=-1"),
            Value::Null,
            "400 bad-query",
        ),
        (format!("{nameplate}/ann?viewer=%zz&surface=profile"), Value::Null, "400 bad-query"),
        (format!("{facts}?x=1"), json!({}), "400 bad-query"),
        (facts.into(), json!([]), "422 does-not-fit"),
        (facts.into(), json!({"class": "king"}), "422 does-not-fit"),
        (facts.into(), json!({"unknown": 1}), "422 does-not-fit"),
        (facts.into(), json!({"at": "yesterday"}), "422 does-not-fit"),
        (facts.into(), json!({"topics": ["a b"]}), "422 does-not-fit"),
        (facts.into(), json!({"metrics": [{"metric": "sales", "value": 1.5}]}), "422 does-not-fit"),
        ("ingest POST /v1/accounts".into(), json!({"platform": "demo", "items": []}), "422 does-not-fit"),
        ("read POST /v1/nameplates".into(), json!({"platform": "demo", "items": []}), "422 does-not-fit"),
        (
            "ingest POST /v1/sightings".into(),
            json!({"platform": "demo", "items": [{"account": "a", "ip": "203.0.113.999"}]}),
            "422 does-not-fit",
        ),
        (
            "holders PUT /v1/identities/demo/ann".into(),
            json!({"holder": "h", "kind": "person", "verified": true, "fields": {}}),
            "422 does-not-fit",
        ),
        (
            "holders PUT /v1/identities/demo/ann".into(),
            json!({"holder": "h", "kind": "person", "verified": true, "fields": {"legal_name": null}}),
            "422 does-not-fit",
        ),
        (
            "holders PUT /v1/identities/demo/ann".into(),
            json!({"holder": "h", "kind": "person", "verified": true, "fields": {"region": "x"}}),
            "422 does-not-fit",
        ),
        (
            "holders PUT /v1/identities/demo/ann".into(),
            json!({"holder": "other", "kind": "person", "verified": true, "fields": {"legal_name": "x"}}),
            "409 refused linked_to_another_holder",
        ),
        ("read GET /v1/effects?platform=demo&cursor=x".into(), Value::Null, "400 bad-query"),
        ("read GET /v1/effects?platform=demo&limit=0".into(), Value::Null, "400 bad-query"),
        ("operator GET /v1/admin/cases?platform=demo&status=open".into(), Value::Null, "400 bad-query"),
        ("operator GET /v1/jobs/abc".into(), Value::Null, "400 bad-path"),
        ("operator GET /v1/jobs/1".into(), Value::Null, "404 unknown-thing"),
        (
            "operator GET /v1/admin/packs/none?platform=demo".into(),
            Value::Null,
            "404 unknown-thing unknown_pack",
        ),
        (
            "root DELETE /v1/admin/keys/none?platform=demo".into(),
            Value::Null,
            "404 unknown-thing unknown_key",
        ),
        (
            "root POST /v1/admin/platforms".into(),
            json!({"platform": "demo", "title": "x"}),
            "409 refused platform_exists",
        ),
        (
            "root GET /v1/admin/keys?platform=none".into(),
            Value::Null,
            "404 unknown-platform unknown_platform",
        ),
        ("- GET /nothing/here".into(), Value::Null, "404 not-found"),
        ("- GET /v1".into(), Value::Null, "404 not-found"),
        ("read GET /v1/nameplates/demo/ann/".into(), Value::Null, "404 not-found"),
    ];
    for (line, body, expected) in table {
        let answer = house.ask(&line, body.clone()).await;
        assert_eq!(answer.says(), expected, "{line} {body}: {}", answer.text());
        assert!(answer.headers.contains_key("nameplate-position"), "{line}");
    }
}

#[tokio::test]
async fn unknown_methods_say_which_are_known() {
    let house = House::new().await;
    for (line, allow) in [
        ("- DELETE /v1/nameplates", "POST"),
        ("- PATCH /v1/accounts/demo/ann", "GET,HEAD,PUT"),
        ("- OPTIONS /v1/ingest", "POST"),
        ("- POST /healthz", "GET,HEAD"),
        ("- BREW /v1/me", "GET,HEAD"),
        ("- TRACE /p/demo/ann", "GET,HEAD"),
    ] {
        let answer = house.ask(line, Value::Null).await;
        assert_eq!(answer.says(), "405 method-not-allowed", "{line}");
        let mut found: Vec<&str> =
            answer.headers["allow"].to_str().unwrap().split(',').map(str::trim).collect();
        found.sort_unstable();
        assert_eq!(found.join(","), allow, "{line}");
    }
}

#[tokio::test]
async fn a_body_of_another_kind_is_told_which_kind_is_taken() {
    let house = House::new().await;
    let send = async |kind: Option<&str>, coding: Option<&str>, body: Vec<u8>| {
        let mut request = Request::put("/v1/accounts/demo/ann")
            .header("authorization", format!("Bearer {}", house.keys["ingest"]));
        if let Some(kind) = kind {
            request = request.header("content-type", kind);
        }
        if let Some(coding) = coding {
            request = request.header("content-encoding", coding);
        }
        house.send(request.body(Body::from(body)).unwrap()).await.says()
    };
    let json = Some("application/json");
    for (kind, coding, body, expected) in [
        (json, None, b"{}".to_vec(), "200"),
        (Some("Application/JSON; charset=UTF-8"), None, b"{}".to_vec(), "200"),
        (None, None, b"{}".to_vec(), "415 unsupported-type"),
        (Some("text/plain"), None, b"{}".to_vec(), "415 unsupported-type"),
        (Some("application/json; charset=gb2312"), None, b"{}".to_vec(), "415 unsupported-type"),
        (json, Some("br"), b"{}".to_vec(), "415 unsupported-type"),
        (json, Some("gzip"), b"{}".to_vec(), "400 bad-body"),
        (json, Some("zstd"), b"{}".to_vec(), "400 bad-body"),
        (json, None, Vec::new(), "400 bad-body"),
        (json, None, b"{".to_vec(), "400 bad-body"),
        (json, None, b"{} {}".to_vec(), "400 bad-body"),
        (json, None, b"\xff\xfe".to_vec(), "400 bad-body"),
        (json, None, b"{\"class\":\"creator\",\"class\":\"media\"}".to_vec(), "422 does-not-fit"),
        (json, None, vec![b' '; 3 << 20], "413 too-large"),
        (json, None, [b"[".repeat(100_000), b"]".repeat(100_000)].concat(), "422 does-not-fit"),
    ] {
        assert_eq!(send(kind, coding, body.clone()).await, expected, "{kind:?} {coding:?} {}", body.len());
    }
}

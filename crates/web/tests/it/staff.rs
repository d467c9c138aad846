//! Members of staff: logging in both ways, what a duty opens and how far it reaches, and that a cookie alone changes nothing.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, PoisonError};

use axum::Json;
use axum::http::header;
use axum::routing::{get, post};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};
use totp_rs::{Builder, Secret};
use url::Url;
use web::{Duty, Grant, LocalMember, OidcSettings, Scope, Settings, StaffSettings};

use crate::house::{Answer, House, PUBLIC_KEY, unhex};

/// What a browser or a program holds after a login.
struct Session {
    cookie: String,
    proof: String,
}

fn cookie(answer: &Answer) -> String {
    let set = answer.headers[header::SET_COOKIE].to_str().unwrap();
    assert!(set.contains("; HttpOnly; SameSite=Lax"), "{set}");
    set.split(';').next().unwrap().to_owned()
}

fn grant(duties: &[Duty], packs: Scope) -> Grant {
    let platforms = Scope::only(["demo".to_owned()]);
    Grant { duties: duties.iter().copied().collect::<BTreeSet<_>>(), platforms, packs, queues: Scope::ALL }
}

fn set(house: &House, staff: StaffSettings) {
    house.app.set_settings(Settings { staff, ..house.settings.clone() });
}

fn member(name: &str, grant: Grant) -> (StaffSettings, String, String) {
    let new = web::new_member().unwrap();
    let local = LocalMember { password: new.hash, totp: new.totp.clone(), grant };
    let staff = StaffSettings {
        address: Some(Url::parse("http://127.0.0.1/").unwrap()),
        members: BTreeMap::from([(name.to_owned(), local)]),
        ..StaffSettings::default()
    };
    (staff, new.password, new.totp)
}

fn code(totp: &str) -> String {
    let totp = Builder::new().with_secret(Secret::try_from_base32(totp).unwrap()).build().unwrap();
    totp.generate_current().to_string()
}

async fn log_in(house: &House, name: &str, grant: Grant) -> Session {
    let (staff, password, totp) = member(name, grant);
    set(house, staff);
    let body = json!({"member": name, "password": password, "code": code(&totp)});
    let answer = house.ok("- POST /v1/session", body).await;
    Session { cookie: cookie(&answer), proof: answer.json()["proof"].as_str().unwrap().to_owned() }
}

impl Session {
    async fn ask(&self, house: &House, line: &str, body: Value) -> Answer {
        self.ask_with(house, line, body, Some(&self.proof)).await
    }

    async fn ask_with(&self, house: &House, line: &str, body: Value, proof: Option<&str>) -> Answer {
        let mut request = house.request(&format!("- {line}"), body).unwrap();
        request.headers_mut().insert(header::COOKIE, self.cookie.parse().unwrap());
        if let Some(proof) = proof {
            request.headers_mut().insert("nameplate-proof", proof.parse().unwrap());
        }
        house.send(request).await
    }
}

fn ruling(pack: &str) -> Value {
    json!({"platform": "demo", "account": "ann", "pack": pack, "rule": "name", "round": 1, "ruling": "upheld",
           "reason": "checked", "legal_basis": "terms_4"})
}

#[tokio::test]
async fn a_duty_opens_its_own_endpoints_as_far_as_it_reaches() {
    let house = House::with_a_name().await;
    let packs = Scope::only(["test-2026".to_owned()]);
    let session = log_in(&house, "night-shift", grant(&[Duty::Appeals], packs)).await;
    let ask = |line: &'static str, body| session.ask(&house, line, body);
    assert_eq!(ask("GET /v1/admin/cases?platform=demo", Value::Null).await.says(), "200");
    assert_eq!(ask("GET /v1/admin/cases?platform=other", Value::Null).await.says(), "403 role-missing");
    let hold = json!({"platform": "demo", "account": "ann", "reason": "stalking", "legal_basis": "terms_4"});
    assert_eq!(ask("POST /v1/admin/holds", hold).await.says(), "403 role-missing");
    assert_eq!(ask("GET /v1/admin/keys?platform=demo", Value::Null).await.says(), "403 role-missing");
    let decide = "POST /v1/admin/appeals/decide";
    assert_eq!(ask(decide, ruling("test-2026")).await.says(), "409 refused no_open_appeal");
    assert_eq!(ask(decide, ruling("another")).await.says(), "403 role-missing");
    // A browser sends the cookie along whoever asks it to; the proof it does not know.
    for proof in [None, Some(""), Some("aaaa")] {
        let bare = session.ask_with(&house, decide, ruling("test-2026"), proof).await;
        assert_eq!(bare.says(), "403 no-proof");
    }
    let listed = ask("GET /v1/admin/packs?platform=demo", Value::Null).await.json();
    assert_eq!(listed["items"].as_array().unwrap().len(), 1);

    let reach = Grant { queues: Scope::only(["appeals".to_owned()]), ..grant(&[Duty::Appeals], Scope::ALL) };
    let narrow = log_in(&house, "appeals-desk", reach).await;
    for (query, says) in
        [("appealed=true", "200"), ("status=noticed", "403 role-missing"), ("limit=5", "403 role-missing")]
    {
        let line = format!("GET /v1/admin/cases?platform=demo&{query}");
        assert_eq!(narrow.ask(&house, &line, Value::Null).await.says(), says, "{query}");
    }
    let held = "GET /v1/admin/holds?platform=demo";
    assert_eq!(narrow.ask(&house, held, Value::Null).await.says(), "403 role-missing");
    assert_eq!(ask(held, Value::Null).await.says(), "200");
    let elsewhere = Scope::only(["another".to_owned()]);
    let stranger = log_in(&house, "elsewhere", grant(&[Duty::Rules], elsewhere)).await;
    let cases = stranger.ask(&house, "GET /v1/admin/cases?platform=demo", Value::Null).await.json();
    assert_eq!(cases["items"], json!([]));
    let pack = json!({"platform": "demo", "pack": "test-2026"});
    let propose = json!({"platform": "demo", "deactivate": "test-2026"});
    for (line, body) in [
        ("POST /v1/admin/packs/activate", pack.clone()),
        ("POST /v1/admin/packs/simulate", pack.clone()),
        ("POST /v1/admin/proposals", pack),
        ("POST /v1/admin/proposals", propose),
        ("POST /v1/admin/proposals", json!({"platform": "demo", "blast_radius": 5000})),
        ("DELETE /v1/admin/packs/test-2026?platform=demo", Value::Null),
        ("GET /v1/admin/packs/test-2026?platform=demo", Value::Null),
    ] {
        assert_eq!(stranger.ask(&house, line, body).await.says(), "403 role-missing", "{line}");
    }

    assert_eq!(ask("DELETE /v1/session", Value::Null).await.says(), "200");
    assert_eq!(ask("GET /v1/session", Value::Null).await.says(), "401 no-key");
    assert_eq!(ask("GET /v1/admin/cases?platform=demo", Value::Null).await.says(), "401 no-key");
}

#[tokio::test]
async fn what_a_member_does_is_logged_under_a_pseudonym() {
    let house = House::with_a_name().await;
    let session = log_in(&house, "night-shift", grant(&[Duty::Safety], Scope::ALL)).await;
    let hold = json!({"platform": "demo", "account": "ann", "reason": "stalking", "legal_basis": "terms_4"});
    assert_eq!(session.ask(&house, "POST /v1/admin/holds", hold).await.says(), "200");
    assert_eq!(house.see("verified").await, []);
    let listed = house.ok("auditor GET /v1/admin/holds/demo/ann", Value::Null).await;
    let by = listed.json()["items"][0]["by_id"].as_str().unwrap().to_owned();
    let me = session.ask(&house, "GET /v1/session", Value::Null).await.json();
    assert_eq!(me["member"], by.as_str());
    assert!(by.starts_with("op-") && !by.contains("night"), "{by}");
}

#[tokio::test]
async fn a_login_takes_all_three_and_a_code_once() {
    let house = House::new().await;
    let closed = json!({"member": "night-shift", "password": "x", "code": "000000"});
    assert_eq!(house.ask("- POST /v1/session", closed).await.says(), "404 not-found");
    let (staff, password, totp) = member("night-shift", grant(&[Duty::Watch], Scope::ALL));
    set(&house, staff);
    let code = code(&totp);
    for (name, password, code) in [
        ("night-shift", "wrong", code.as_str()),
        ("night-shift", password.as_str(), "12345"),
        ("day-shift", password.as_str(), code.as_str()),
    ] {
        let body = json!({"member": name, "password": password, "code": code});
        assert_eq!(house.ask("- POST /v1/session", body).await.says(), "401 bad-login");
    }
    let body = json!({"member": "night-shift", "password": password, "code": code});
    house.ok("- POST /v1/session", body.clone()).await;
    assert_eq!(house.ask("- POST /v1/session", body.clone()).await.says(), "401 bad-login");
    for _ in 0..6 {
        house.ask("- POST /v1/session", body.clone()).await;
    }
    let closed = house.ask("- POST /v1/session", body).await;
    assert_eq!(closed.says(), "429 slow-down");
    assert!(closed.headers.contains_key(header::RETRY_AFTER));
}

/// An identity provider on loopback that lets everybody in with the claims it is told.
struct Provider {
    address: Url,
    token: Arc<Mutex<String>>,
}

async fn provider() -> Provider {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let at = format!("http://{}", listener.local_addr().unwrap());
    let document = json!({
        "issuer": at, "authorization_endpoint": format!("{at}/authorize"), "token_endpoint": format!("{at}/token"),
        "jwks_uri": format!("{at}/keys"), "response_types_supported": ["code"], "subject_types_supported": ["public"],
        "id_token_signing_alg_values_supported": ["EdDSA"],
    });
    let x = URL_SAFE_NO_PAD.encode(unhex(PUBLIC_KEY));
    let keys = json!({"keys": [{"kty": "OKP", "crv": "Ed25519", "use": "sig", "alg": "EdDSA", "x": x}]});
    let token = Arc::new(Mutex::new(String::new()));
    let given = Arc::clone(&token);
    let tokens = move || {
        let id_token = given.lock().unwrap_or_else(PoisonError::into_inner).clone();
        async move { Json(json!({"access_token": "a", "token_type": "Bearer", "id_token": id_token})) }
    };
    let router = axum::Router::new()
        .route("/.well-known/openid-configuration", get(move || async move { Json(document) }))
        .route("/keys", get(move || async move { Json(keys) }))
        .route("/token", post(tokens));
    tokio::spawn(async move { axum::serve(listener, router).await });
    Provider { address: Url::parse(&at).unwrap(), token }
}

/// Begins a login; what the browser is told to send back, and its cookie.
async fn begin(house: &House) -> (BTreeMap<String, String>, String) {
    let answer = house.ask("- GET /v1/session/login", Value::Null).await;
    assert_eq!(answer.status, 303, "{}", answer.text());
    let to = Url::parse(answer.headers[header::LOCATION].to_str().unwrap()).unwrap();
    let asked: BTreeMap<String, String> = to.query_pairs().into_owned().collect();
    assert_eq!(asked["code_challenge_method"], "S256");
    assert_eq!(asked["redirect_uri"], "http://127.0.0.1/v1/session/return");
    (asked, cookie(&answer))
}

async fn come_back(house: &House, state: &str, cookie: &str) -> Answer {
    let line = format!("- GET /v1/session/return?code=c&state={state}");
    let mut request = house.request(&line, Value::Null).unwrap();
    request.headers_mut().insert(header::COOKIE, cookie.parse().unwrap());
    house.send(request).await
}

#[tokio::test]
async fn the_identity_provider_says_who_comes_and_the_settings_what_they_may() {
    let house = House::with_a_name().await;
    let provider = provider().await;
    let staff = StaffSettings {
        address: Some(Url::parse("http://127.0.0.1/").unwrap()),
        oidc: Some(OidcSettings {
            issuer: provider.address.clone(),
            client_id: "nameplate".into(),
            client_secret: Some("between the two".into()),
            scopes: vec!["groups".into()],
            groups_claim: "groups".into(),
        }),
        groups: BTreeMap::from([("trust".to_owned(), grant(&[Duty::Safety], Scope::ALL))]),
        ..StaffSettings::default()
    };
    set(&house, staff);
    let issuer = provider.address.as_str().trim_end_matches('/').to_owned();
    let claims = |nonce: &str, groups: &[&str], audience: &str| {
        json!({"iss": issuer, "sub": "somebody", "aud": audience, "exp": 4_102_444_800_u64, "iat": 1_767_225_600,
               "nonce": nonce, "groups": groups})
    };
    let tells = |claims: Value| {
        *provider.token.lock().unwrap_or_else(PoisonError::into_inner) = House::token_with(claims)
    };

    let (asked, browser) = begin(&house).await;
    assert!(asked["scope"].contains("groups"), "{asked:?}");
    tells(claims(&asked["nonce"], &["trust", "others"], "nameplate"));
    let came = come_back(&house, &asked["state"], &browser).await;
    assert_eq!(came.status, 303, "{}", came.text());
    let session = Session { cookie: cookie(&came), proof: String::new() };
    let me = session.ask(&house, "GET /v1/session", Value::Null).await.json();
    assert_eq!(me["grants"][0]["duties"], json!(["safety"]));
    assert!(!me.to_string().contains("somebody"));
    let session = Session { proof: me["proof"].as_str().unwrap().to_owned(), ..session };
    let hold = json!({"platform": "demo", "account": "ann", "reason": "stalking", "legal_basis": "terms_4"});
    assert_eq!(session.ask(&house, "POST /v1/admin/holds", hold).await.says(), "200");

    // Not twice, not from another browser, not with another login's or another server's token, not without a group.
    assert_eq!(come_back(&house, &asked["state"], &browser).await.says(), "401 bad-login");
    let (asked, _) = begin(&house).await;
    assert_eq!(come_back(&house, &asked["state"], "nameplate_login=other").await.says(), "401 bad-login");
    for (nonce, groups, audience, says) in [
        (Some("other"), &["trust"], "nameplate", "401 bad-login"),
        (None, &["trust"], "another", "401 bad-login"),
        (None, &["others"], "nameplate", "403 role-missing"),
    ] {
        let (asked, browser) = begin(&house).await;
        tells(claims(nonce.unwrap_or(&asked["nonce"]), groups, audience));
        assert_eq!(come_back(&house, &asked["state"], &browser).await.says(), says);
    }
}

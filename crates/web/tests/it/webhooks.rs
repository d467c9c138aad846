//! Effects are sent to a receiver on this machine, which checks every signature as its own library says.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use serde_json::{Value, json};
use tokio::sync::watch;
use tokio::task::JoinHandle;

use crate::house::{House, MARKS};

/// What somebody who listens was sent, and how they answer.
#[derive(Default)]
struct Heard {
    messages: Vec<(HeaderMap, Bytes)>,
    /// Answers to the next messages; 204 when there are no more.
    answers: Vec<u16>,
}

#[derive(Clone, Default)]
struct Receiver(Arc<Mutex<Heard>>);

impl Receiver {
    async fn listen(&self) -> SocketAddr {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let router = Router::new().fallback(hear).with_state(self.clone());
        tokio::spawn(async move { axum::serve(listener, router).await });
        address
    }

    fn answers(&self, answers: &[u16]) {
        self.0.lock().unwrap().answers = answers.to_vec();
    }

    /// Waits for `count` messages in all and gives what they say.
    async fn heard(&self, count: usize) -> Vec<Value> {
        for _ in 0..2_000 {
            let heard: Vec<_> =
                self.0.lock().unwrap().messages.iter().map(|(_, body)| body.clone()).collect();
            if heard.len() >= count {
                return heard.iter().map(|body| serde_json::from_slice(body).unwrap()).collect();
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        panic!("{} messages and not {count}", self.0.lock().unwrap().messages.len());
    }

    /// Checks all of them with this secret. How many it fits.
    fn verified(&self, secret: &str) -> usize {
        let verifier = standardwebhooks::Webhook::new(secret).unwrap();
        let heard = self.0.lock().unwrap();
        heard.messages.iter().filter(|(headers, body)| verifier.verify(body, headers).is_ok()).count()
    }

    fn ids(&self) -> BTreeMap<String, usize> {
        let mut ids = BTreeMap::new();
        for (headers, _) in &self.0.lock().unwrap().messages {
            *ids.entry(headers["webhook-id"].to_str().unwrap().to_owned()).or_default() += 1;
        }
        ids
    }
}

async fn hear(State(receiver): State<Receiver>, headers: HeaderMap, body: Bytes) -> StatusCode {
    let mut heard = receiver.0.lock().unwrap();
    heard.messages.push((headers, body));
    let answer = if heard.answers.is_empty() { 204 } else { heard.answers.remove(0) };
    StatusCode::from_u16(answer).unwrap()
}

/// A courier at work.
struct Running {
    stop: watch::Sender<bool>,
    errands: JoinHandle<()>,
}

impl Running {
    fn start(house: &House) -> Self {
        let (stop, stopping) = watch::channel(false);
        let run = house.courier.clone().run(house.pipeline.handle(), web::webhook_message(), stopping);
        Self { stop, errands: tokio::spawn(run) }
    }

    async fn stop(self) {
        self.stop.send(true).unwrap();
        self.errands.await.unwrap();
    }
}

async fn hook(house: &House, address: SocketAddr, kinds: &[&str]) -> Value {
    let body = json!({"platform": "demo", "url": format!("http://{address}/effects"), "kinds": kinds});
    house.ok("operator PUT /v1/webhooks/shop", body).await.json()
}

async fn shop(house: &House) -> Value {
    house.ok("auditor GET /v1/webhooks?platform=demo", Value::Null).await.json()["items"][0].clone()
}

/// Waits until so many are recorded as delivered.
async fn delivered(house: &House, count: u64) -> Value {
    for _ in 0..1_000 {
        let shop = shop(house).await;
        if shop["delivered"] == count {
            return shop;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("{}", shop(house).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_happens_is_sent_signed_and_without_a_name() {
    let (house, receiver) = (House::with_a_name().await, Receiver::default());
    let address = receiver.listen().await;
    let keys = hook(&house, address, &[]).await;
    let running = Running::start(&house);
    let hold = json!({"platform": "demo", "account": "ann", "reason": "stalking", "legal_basis": "terms_4"});
    house.ok("operator POST /v1/admin/holds", hold.clone()).await;
    house.ok("operator POST /v1/admin/holds/release", hold).await;
    let heard = receiver.heard(4).await;

    let mut kinds: Vec<_> = heard.iter().map(|message| message["type"].as_str().unwrap()).collect();
    kinds.sort_unstable();
    assert_eq!(kinds, ["held", "hidden", "released", "shown"]);
    assert_eq!(receiver.verified(keys["secret"].as_str().unwrap()), 4);
    assert_eq!(receiver.verified("whsec_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="), 0);
    // The same as in the feed, under the same id.
    let feed = house.ok("read GET /v1/effects?platform=demo", Value::Null).await.json();
    for message in &heard {
        assert_eq!(message["platform"], "demo");
        assert!(feed["items"].as_array().unwrap().contains(&message["data"]), "{message}");
        assert!(receiver.ids().contains_key(message["data"]["id"].as_str().unwrap()));
        MARKS.iter().for_each(|mark| assert!(!message.to_string().contains(mark)));
    }
    let shop = delivered(&house, 4).await;
    assert_eq!((&shop["retries"], &shop["gone"]), (&json!(0), &json!(false)), "{shop}");
    assert_eq!(shop["keys"][0]["public_key"], keys["public_key"]);
    let deliveries =
        house.ok("auditor GET /v1/webhooks/shop/deliveries?platform=demo", Value::Null).await.json();
    assert_eq!(deliveries["items"].as_array().unwrap().len(), 4, "{deliveries}");
    assert_eq!(deliveries["items"][0]["answer"], "204");
    assert_eq!(deliveries["complete"], true);
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn only_what_was_asked_for_is_sent_and_the_rest_is_passed() {
    let (house, receiver) = (House::with_a_name().await, Receiver::default());
    hook(&house, receiver.listen().await, &["held"]).await;
    let running = Running::start(&house);
    let hold = json!({"platform": "demo", "account": "ann", "reason": "stalking", "legal_basis": "terms_4"});
    for path in ["holds", "holds/release", "holds"] {
        house.ok(&format!("operator POST /v1/admin/{path}"), hold.clone()).await;
    }
    let heard = receiver.heard(2).await;
    assert!(heard.iter().all(|message| message["type"] == "held"), "{heard:?}");
    running.stop().await;
    assert_eq!(shop(&house).await["delivered"], 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_failure_is_sent_again_and_holds_up_nobody() {
    let (house, receiver) = (House::with_a_name().await, Receiver::default());
    receiver.answers(&[503]);
    hook(&house, receiver.listen().await, &["held", "released"]).await;
    let running = Running::start(&house);
    let hold = json!({"platform": "demo", "account": "ann", "reason": "stalking", "legal_basis": "terms_4"});
    house.ok("operator POST /v1/admin/holds", hold.clone()).await;
    receiver.heard(1).await;
    house.ok("operator POST /v1/admin/holds/release", hold).await;
    receiver.heard(2).await;
    let shop = delivered(&house, 1).await;
    assert_eq!(shop["retries"], 1, "{shop}");
    // Five seconds later; a restart in between changes nothing.
    running.stop().await;
    let running = Running::start(&house);
    receiver.heard(3).await;
    assert_eq!(delivered(&house, 2).await["retries"], 0);
    assert_eq!(receiver.ids().into_values().collect::<Vec<_>>(), [2, 1]);
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_is_gone_is_sent_nothing_until_set_again() {
    let (house, receiver) = (House::with_a_name().await, Receiver::default());
    receiver.answers(&[410]);
    let address = receiver.listen().await;
    hook(&house, address, &["held", "released"]).await;
    let running = Running::start(&house);
    let hold = json!({"platform": "demo", "account": "ann", "reason": "stalking", "legal_basis": "terms_4"});
    house.ok("operator POST /v1/admin/holds", hold.clone()).await;
    receiver.heard(1).await;
    for _ in 0..500 {
        if shop(&house).await["gone"] == true {
            break;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    house.ok("operator POST /v1/admin/holds/release", hold).await;
    tokio::time::sleep(Duration::from_millis(300)).await;
    assert_eq!(receiver.ids().len(), 1);
    let again = hook(&house, address, &["held", "released"]).await;
    assert_eq!(again.get("secret"), None, "it keeps its keys");
    receiver.heard(3).await;
    assert_eq!(receiver.ids().into_values().collect::<Vec<_>>(), [2, 1]);
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn keys_are_rotated_and_what_was_sent_is_sent_again() {
    let (house, receiver) = (House::with_a_name().await, Receiver::default());
    let old = hook(&house, receiver.listen().await, &["held"]).await;
    let running = Running::start(&house);
    let hold = json!({"platform": "demo", "account": "ann", "reason": "stalking", "legal_basis": "terms_4"});
    house.ok("operator POST /v1/admin/holds", hold).await;
    receiver.heard(1).await;
    delivered(&house, 1).await;

    let new = house.ok("operator POST /v1/webhooks/shop/rotate", json!({"platform": "demo"})).await.json();
    assert_ne!(old["secret"], new["secret"]);
    let rewind = json!({"platform": "demo", "after": "1-0"});
    house.ok("operator POST /v1/webhooks/shop/rewind", rewind.clone()).await;
    receiver.heard(2).await;
    delivered(&house, 2).await;
    assert_eq!(receiver.verified(old["secret"].as_str().unwrap()), 2, "signed with both for a day");
    assert_eq!(receiver.verified(new["secret"].as_str().unwrap()), 1);

    let leaked = json!({"platform": "demo", "keep_hours": 0});
    let newest = house.ok("operator POST /v1/webhooks/shop/rotate", leaked).await.json();
    house.ok("operator POST /v1/webhooks/shop/rewind", rewind).await;
    receiver.heard(3).await;
    assert_eq!(receiver.verified(new["secret"].as_str().unwrap()), 1, "not with one that leaked");
    assert_eq!(receiver.verified(newest["secret"].as_str().unwrap()), 1);
    assert_eq!(receiver.ids().len(), 1);
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_ping_says_what_comes_of_it_and_a_removed_endpoint_is_unknown() {
    let (house, receiver) = (House::new().await, Receiver::default());
    receiver.answers(&[302, 200]);
    let keys = hook(&house, receiver.listen().await, &[]).await;
    let named = json!({"platform": "demo"});
    for answer in ["302", "200"] {
        let ping = house.ok("operator POST /v1/webhooks/shop/ping", named.clone()).await.json();
        assert_eq!(ping["answer"], answer, "{ping}");
    }
    assert_eq!(receiver.verified(keys["secret"].as_str().unwrap()), 2);
    house.ok("operator DELETE /v1/webhooks/shop?platform=demo", Value::Null).await;
    let gone = house.ask("operator POST /v1/webhooks/shop/ping", named).await;
    assert_eq!(gone.says(), "404 unknown-thing unknown_webhook");
    // Its number starts again, with other keys.
    let again = hook(&house, receiver.listen().await, &[]).await;
    assert_ne!(keys["secret"], again["secret"]);
}

#[tokio::test]
async fn an_address_inside_is_refused_before_and_after_it_is_looked_up() {
    let house = House::new().await;
    for url in ["http://10.0.0.1/", "http://[::1]/", "https://me:pass@example.com/", "http://192.168.1.1:80/"]
    {
        let body = json!({"platform": "demo", "url": url});
        let refused = house.ask("operator PUT /v1/webhooks/shop", body).await;
        assert_eq!(refused.says(), "409 refused address_not_allowed", "{url}");
        assert!(!refused.text().contains("10.0.0.1") && !refused.text().contains("pass@"));
    }
    let rung = json!({"platform": "demo", "url": "https://example.com/", "kinds": ["rung"]});
    let refused = house.ask("operator PUT /v1/webhooks/shop", rung).await;
    assert_eq!(refused.says(), "409 refused unknown_effect_kind");
    let nowhere = json!({"platform": "demo", "url": "http://shop.invalid/"});
    house.ok("operator PUT /v1/webhooks/shop", nowhere).await;
    let ping = house.ok("operator POST /v1/webhooks/shop/ping", json!({"platform": "demo"})).await.json();
    assert_eq!(ping["answer"], "name_not_found", "{ping}");
}

//! What the tests live in: a whole server in memory with one platform, one pack and a clock that is moved by hand.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::body::{Body, Bytes};
use axum::http::{HeaderMap, Request, StatusCode};
use connectors::webhooks::{Courier, Guard};
use http_body_util::BodyExt;
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use pipeline::{Clock, ManualClock, Pipeline};
use policy::Bundle;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use state::PlatformId;
use storage::memory;
use tower::ServiceExt;
use vault::{Opener, Vault};
use web::{AppState, Limits, PlatformSettings, Regions, Settings, Site};

/// 1 January 2026, 00:00 UTC.
pub(crate) const START: i64 = 1_767_225_600_000;
/// The root key of every test.
pub(crate) const ROOT: &str = "npk_root_aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";
/// A name that nothing else in a test looks like.
pub(crate) const NAME: &str = "Zyx \u{5f20}\u{4e09} O\"Quux";
/// The parts of [`NAME`] that survive any escaping.
pub(crate) const MARKS: [&str; 2] = ["Zyx", "Quux"];

/// Secret and public half of the platform's signing key: the first test vector of RFC 8032.
const SIGNING_KEY: &str = "9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60";
pub(crate) const PUBLIC_KEY: &str = "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a";

pub(crate) struct House {
    pub(crate) site: Site,
    pub(crate) app: AppState,
    pub(crate) settings: Settings,
    pub(crate) clock: ManualClock,
    pub(crate) keys: BTreeMap<&'static str, String>,
    pub(crate) vault: Arc<Vault<memory::Blobs>>,
    pub(crate) courier: Arc<Courier>,
    // Dropped last: the site's handle belongs to it.
    pub(crate) pipeline: Pipeline,
    _ring: tempfile::TempDir,
}

#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
}

impl Answer {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body)
            .unwrap_or_else(|error| panic!("{error}: {}", String::from_utf8_lossy(&self.body)))
    }

    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// Status and, for a problem, its slug and code: `200`, `409 refused already_held`.
    pub(crate) fn says(&self) -> String {
        let mut says = self.status.as_u16().to_string();
        if self.headers.get("content-type").is_some_and(|value| value == "application/problem+json") {
            let body = self.json();
            assert_eq!(body["status"], self.status.as_u16());
            says += &format!(" {}", body["type"].as_str().unwrap().trim_start_matches("/errors/"));
            if let Some(code) = body["code"].as_str() {
                says += &format!(" {code}");
            }
        }
        says
    }

    pub(crate) fn position(&self) -> u64 {
        self.headers["nameplate-position"].to_str().unwrap().parse().unwrap()
    }
}

pub(crate) fn unhex(text: &str) -> Vec<u8> {
    (0..text.len()).step_by(2).map(|at| u8::from_str_radix(&text[at..at + 2], 16).unwrap()).collect()
}

/// A pack whose one rule shows the legal name to verified viewers on the profile, from three followers on, after
/// a day of notice and with consent; and a region for everybody.
pub(crate) fn pack() -> Bundle {
    let pack = "id = \"test-2026\"\nversion = 1\nlanguage = 1\ntitle = \"A pack for tests\"\nstatus = \"in_force\"\n\
                home = \"CN\"\nutc_offset = \"+00:00\"\n[source.made-up]\nurl = \"https://example.org\"\ndate = 2025-01-01\n\
                grade = \"high\"\nsays = \"Nothing, it is made up.\"\n";
    let name = "id = \"name\"\ntitle = \"The name\"\nstatus = \"in_force\"\nsources = [\"made-up\"]\nremoval = \"1d\"\n\
                appeal = \"15d\"\nconsent = true\ndwell = \"0d\"\nrefused = [\"less_reach\"]\nsilent = [\"less_ads\"]\n\
                below = \"hide_now\"\nagain = \"new_notice\"\n[trigger]\nmetric = \"followers\"\nat_least = 3\n\
                [notice]\nkind = \"personal\"\nchannels = [\"inbox\"]\nperiod = \"1d\"\n\
                [[show]]\nid = \"legal-name\"\nfield = \"legal_name\"\ncoarse = \"full\"\nsurfaces = [\"profile\"]\n\
                viewers = [\"verified\"]\n";
    let region = "id = \"region\"\ntitle = \"The region\"\nstatus = \"in_force\"\nsources = [\"made-up\"]\nremoval = \"1d\"\n\
                  appeal = \"none\"\n[trigger]\nall = []\n[notice]\nkind = \"announcement\"\nperiod = \"0d\"\n\
                  [[show]]\nid = \"region\"\nfield = \"region\"\ncoarse = \"province\"\nsurfaces = [\"profile\", \"post\"]\n\
                  viewers = [\"logged_out\", \"verified\"]\n";
    Bundle::new([("pack.toml", pack), ("rules/name.toml", name), ("rules/region.toml", region)])
}

impl House {
    /// An empty server.
    pub(crate) fn empty(limits: Limits) -> Self {
        let ring = tempfile::tempdir().unwrap();
        let store = memory::Store::new();
        let opener = Opener::KeyFile(ring.path().join("key"));
        let vault = Arc::new(Vault::create(store.blobs(), &opener, &ring.path().join("ring")).unwrap());
        let clock = ManualClock::at(START);
        let parts = pipeline::Parts {
            log: Box::new(store.log().unwrap()),
            snapshots: Arc::new(store.snapshots()),
            keys: vault.clone(),
            clock: Clock::Manual(clock.clone()),
            state_limits: state::Limits::default(),
        };
        let (pipeline, _) = Pipeline::open(pipeline::Limits::default(), parts).unwrap();
        let demo = PlatformId::new("demo").unwrap();
        let holder_key: [u8; 32] = unhex(PUBLIC_KEY).try_into().unwrap();
        let root = ROOT.rsplit_once('_').unwrap().1;
        let settings = Settings {
            root_sha256: Some(Sha256::digest(root.as_bytes()).into()),
            platforms: BTreeMap::from([(
                demo,
                PlatformSettings { holder_key: Some(holder_key), public_view_as: false },
            )]),
            ..Settings::default()
        };
        let guard = Guard { networks: vec!["127.0.0.0/8".parse().unwrap()], plain_http: true };
        let courier = Arc::new(Courier::new(guard, vault.clone()));
        let app = AppState::new(web::Parts {
            handle: pipeline.handle(),
            clock: Clock::Manual(clock.clone()),
            identities: vault.clone(),
            signer: Some(Arc::new(
                vault::Signer::open_or_create(&ring.path().join("certificate.key")).unwrap(),
            )),
            packs: BTreeMap::from([("test-2026".to_owned(), pack())]),
            regions: Regions::with_overrides("198.51.100.0/24,CN,Zhejiang\n").unwrap(),
            courier: Arc::clone(&courier),
            pseudonyms: web::PseudonymKey::new([9; 32]),
            limits,
            settings: settings.clone(),
            version: "test".into(),
        });
        let site = web::site(app.clone());
        Self {
            site,
            app,
            settings,
            clock,
            keys: BTreeMap::from([("root", ROOT.to_owned())]),
            vault,
            courier,
            pipeline,
            _ring: ring,
        }
    }

    /// With the platform `demo` and a key per role.
    pub(crate) async fn new() -> Self {
        Self::with(Limits::default()).await
    }

    pub(crate) async fn with(limits: Limits) -> Self {
        let mut house = Self::empty(limits);
        house.ok("root POST /v1/admin/platforms", json!({"platform": "demo", "title": "A demo"})).await;
        for role in ["ingest", "read", "holders", "operator", "auditor"] {
            let body = json!({"platform": "demo", "roles": [role], "label": role});
            let key = house.ok("root POST /v1/admin/keys", body).await.json();
            house.keys.insert(role, key["token"].as_str().unwrap().to_owned());
        }
        house
    }

    /// With the pack in force and the holder of `ann` shown by name: three followers, notice, consent, a day.
    pub(crate) async fn with_a_name() -> Self {
        let house = Self::new().await;
        house.activate().await;
        house.seal("ann", NAME).await;
        house.follow("ann", &["1", "2", "3"]).await;
        house.tick().await;
        house.consent("ann").await;
        house.clock.advance_ms(86_400_000);
        house.tick().await;
        house
    }

    pub(crate) async fn activate(&self) {
        let body = json!({"platform": "demo", "pack": "test-2026"});
        self.ok("operator POST /v1/admin/packs/activate", body).await;
    }

    pub(crate) async fn seal(&self, account: &str, name: &str) {
        let body = json!({"holder": format!("h-{account}"), "kind": "person", "verified": true,
                          "fields": {"legal_name": name, "address": format!("1 {name} Street")}});
        let answer = self.ok(&format!("holders PUT /v1/identities/demo/{account}"), body).await;
        assert!(!answer.text().contains(MARKS[0]));
    }

    pub(crate) async fn follow(&self, account: &str, followers: &[&str]) -> Value {
        let at = self.clock.now_ms();
        let lines: String = followers
            .iter()
            .map(|follower| {
                format!("{}\n", json!({"type": "follow", "follower": follower, "account": account, "at": at}))
            })
            .collect();
        let answer = self.ndjson("/v1/ingest?platform=demo", lines.into_bytes(), "").await;
        assert_eq!(answer.status, 200, "{}", answer.text());
        answer.json()
    }

    pub(crate) async fn tick(&self) {
        self.ok("root POST /v1/admin/ticks", Value::Null).await;
    }

    pub(crate) async fn consent(&self, account: &str) {
        let body = json!({"pack": "test-2026", "rule": "name", "round": 1, "answer": "consent",
                          "fields": ["legal_name"], "text_version": "v1"});
        let answer = self.me("POST /v1/me/answers", account, body).await;
        assert_eq!(answer.says(), "200", "{}", answer.text());
    }

    /// A holder's token, signed by the platform, an hour long.
    pub(crate) fn token(account: &str) -> String {
        Self::token_with(json!({"iss": "demo", "sub": account, "aud": "nameplate", "exp": 4_102_444_800_u64}))
    }

    pub(crate) fn token_with(claims: Value) -> String {
        // PKCS #8 around the 32 bytes (RFC 8410).
        let der = [unhex("302e020100300506032b657004220420"), unhex(SIGNING_KEY)].concat();
        jsonwebtoken::encode(&Header::new(Algorithm::EdDSA), &claims, &EncodingKey::from_ed_der(&der))
            .unwrap()
    }

    pub(crate) async fn send(&self, request: Request<Body>) -> Answer {
        let response = self.site.clone().oneshot(request).await.unwrap();
        let (parts, body) = response.into_parts();
        let body = body.collect().await.unwrap().to_bytes();
        Answer { status: parts.status, headers: parts.headers, body }
    }

    /// `"<key> <METHOD> <path>"`; `-` for no key. A body unless it is null.
    pub(crate) async fn ask(&self, line: &str, body: Value) -> Answer {
        self.send(self.request(line, body).unwrap()).await
    }

    pub(crate) fn request(&self, line: &str, body: Value) -> Result<Request<Body>, axum::http::Error> {
        let (key, rest) = line.split_once(' ').unwrap();
        let (method, path) = rest.split_once(' ').unwrap();
        let mut request = Request::builder().method(method).uri(path);
        if key != "-" {
            request = request.header("authorization", format!("Bearer {}", self.keys[key]));
        }
        if body.is_null() {
            request.body(Body::empty())
        } else {
            request.header("content-type", "application/json").body(Body::from(body.to_string()))
        }
    }

    /// Like [`ask`](Self::ask), and expects it to be done.
    pub(crate) async fn ok(&self, line: &str, body: Value) -> Answer {
        let answer = self.ask(line, body).await;
        assert!(answer.status.is_success(), "{line}: {}", answer.text());
        answer
    }

    /// As the holder of `account`.
    pub(crate) async fn me(&self, line: &str, account: &str, body: Value) -> Answer {
        let mut request = self.request(&format!("- {line}"), body).unwrap();
        let value = format!("Bearer {}", Self::token(account)).parse().unwrap();
        request.headers_mut().insert("authorization", value);
        self.send(request).await
    }

    pub(crate) async fn ndjson(&self, path: &str, body: Vec<u8>, coding: &str) -> Answer {
        let mut request = Request::post(path)
            .header("authorization", format!("Bearer {}", self.keys["ingest"]))
            .header("content-type", "application/x-ndjson");
        if !coding.is_empty() {
            request = request.header("content-encoding", coding);
        }
        self.send(request.body(Body::from(body)).unwrap()).await
    }

    /// What a viewer is shown on the profile of `ann`: field and value.
    pub(crate) async fn see(&self, viewer: &str) -> Vec<(String, String)> {
        let path = format!("read GET /v1/nameplates/demo/ann?viewer={viewer}&surface=profile");
        let answer = self.ok(&path, Value::Null).await.json();
        let fields = answer["fields"].as_array().unwrap().iter();
        fields
            .map(|field| (field["field"].as_str().unwrap().into(), field["value"].as_str().unwrap().into()))
            .collect()
    }
}

//! A holder's identity when the process dies on the way in or on the way out.
//!
//! The server dies at a named boundary in the middle of a request; the folder is then opened by another verb, and the
//! vault is looked into directly.

use std::os::unix::process::ExitStatusExt;
use std::sync::Arc;
use std::time::Duration;

use jsonwebtoken::{Algorithm, EncodingKey, Header};
use pipeline::crash::{CrashPoint, VARIABLE};
use serde_json::json;
use vault::{HolderRef, Opener, Vault};

use crate::house::House;
use crate::server::Server;

// The first test vector of RFC 8032; the public half belongs to the seed.
const SEED: &str = "9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60";
const PUBLIC: &str = "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a";

struct Platform {
    house: House,
    key: String,
}

impl Platform {
    fn new() -> Self {
        let house = House::new();
        let key = house.run(&["init", "--platform", "demo"]).ok().stdout.trim().to_owned();
        house.write("nameplate.toml", &format!("[platforms.demo]\nholder_key = \"{PUBLIC}\"\n"));
        Self { house, key }
    }

    fn serve(&self, dies_at: Option<CrashPoint>) -> Server {
        let mut command = self.house.command(&["--config", "nameplate.toml"]);
        if let Some(point) = dies_at {
            command.env(VARIABLE, point.as_str());
        }
        Server::start_with(command)
    }

    /// `None` when the server died before it answered.
    async fn link(&self, server: &Server) -> Option<u16> {
        let body = json!({ "holder": "h-1", "kind": "person", "verified": true,
                           "fields": { "legal_name": "Fictional Holder" } });
        ask(reqwest::Client::new()
            .put(server.at("/v1/identities/demo/ann"))
            .bearer_auth(&self.key)
            .json(&body))
        .await
    }

    async fn leave(&self, server: &Server) -> Option<u16> {
        let token = token();
        let body = json!({ "account": "ann" });
        ask(reqwest::Client::new().post(server.at("/v1/me/leave")).bearer_auth(token).json(&body)).await
    }

    /// Opens the folder as any verb does, which finishes what was interrupted.
    fn reopen(&self) {
        self.house.run(&["export", "counts", "--platform", "demo"]).ok();
    }

    /// Whether the vault can open the holder's name.
    fn is_sealed(&self) -> bool {
        let data = self.house.data();
        let dir = storage::disk::DataDir::open(&data, storage::disk::Options::default()).unwrap();
        let opener = Opener::KeyFile(data.join("vault.key"));
        let vault = Vault::open(Arc::new(dir.blobs().unwrap()), &opener, &data.join("keyring")).unwrap();
        vault.reveal("demo", HolderRef("h-1"), "legal_name").unwrap().is_some()
    }
}

async fn ask(request: reqwest::RequestBuilder) -> Option<u16> {
    request.timeout(Duration::from_secs(30)).send().await.ok().map(|answer| answer.status().as_u16())
}

fn token() -> String {
    // PKCS #8 around the 32 bytes (RFC 8410).
    let der = [unhex("302e020100300506032b657004220420"), unhex(SEED)].concat();
    let claims = json!({ "iss": "demo", "sub": "ann", "aud": "nameplate", "exp": 4_102_444_800_u64 });
    jsonwebtoken::encode(&Header::new(Algorithm::EdDSA), &claims, &EncodingKey::from_ed_der(&der)).unwrap()
}

fn unhex(text: &str) -> Vec<u8> {
    text.as_bytes()
        .chunks(2)
        .map(|pair| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap())
        .collect()
}

#[tokio::test]
async fn an_identity_that_was_sealed_but_not_logged_is_linked_by_nothing_and_can_be_sent_again() {
    let platform = Platform::new();
    let server = platform.serve(Some(CrashPoint::AfterSeal));
    assert_eq!(platform.link(&server).await, None);
    assert_eq!(server.ended().signal(), Some(6));
    assert!(platform.is_sealed());
    platform.house.run(&["account", "show", "--platform", "demo", "ann"]).failed("was never seen");
    let server = platform.serve(None);
    assert_eq!(platform.link(&server).await, Some(200));
    assert!(server.stop());
}

#[tokio::test]
async fn a_leave_that_was_interrupted_destroys_the_keys_at_the_next_start() {
    for (point, sealed_at_death) in
        [(CrashPoint::AfterAppend, true), (CrashPoint::BeforeForget, true), (CrashPoint::AfterForget, false)]
    {
        let platform = Platform::new();
        let server = platform.serve(None);
        assert_eq!(platform.link(&server).await, Some(200));
        assert!(server.stop());

        let server = platform.serve(Some(point));
        assert_eq!(platform.leave(&server).await, None, "{}", point.as_str());
        assert_eq!(server.ended().signal(), Some(6), "{}", point.as_str());
        assert_eq!(platform.is_sealed(), sealed_at_death, "{}", point.as_str());
        platform.reopen();
        assert!(!platform.is_sealed(), "{}", point.as_str());
        let shown =
            platform.house.run(&["account", "show", "--platform", "demo", "ann", "--json"]).ok().json();
        assert!(shown["left"].is_string(), "{shown}");
    }
}

//! `roles`: every endpoint is called by every kind of caller, and opens to those whom `openapi/roles.txt` names.
//!
//! Requests are sound but for who sends them, so that a refusal says something about the caller. A new endpoint whose body
//! is not known here fails the piece: the refused would be told about the body first.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, anyhow, bail, ensure};
use serde_json::{Value, json};
use totp_rs::{Builder, Secret};

use crate::holder::Holders;
use crate::process::{release_binary, root, scratch};
use crate::server::{self, Server, Store};

const PLATFORM: &str = "tabled";
const ACCOUNT: &str = "ann";
/// Duties of staff, by the heads of their columns.
const DUTIES: [&str; 5] = ["appeals", "safety", "rules", "integration", "watch"];
/// Roles of API keys, by the heads of their columns.
const KEYS: [&str; 5] = ["ingest", "read", "holders", "operator", "auditor"];

/// Runs the whole piece.
pub(crate) fn show() -> Result<()> {
    let table = read_table()?;
    let binary = release_binary()?;
    let store = Store::init(&binary, &scratch("roles")?.join("data"), PLATFORM)?;
    let holders = Holders::new(PLATFORM);
    let (root_key, root_sha256) = server::root_key(&binary)?;
    let staff = DUTIES.map(|duty| Staff::new(&binary, duty)).into_iter().collect::<Result<Vec<_>>>()?;
    let mut settings = format!("[staff]\naddress = \"http://127.0.0.1/\"\n{}", holders.settings());
    for member in &staff {
        settings.push('\n');
        settings.push_str(&member.section);
    }
    let server = store.serve_with(&settings, &[("NAMEPLATE__SERVER__ROOT_KEY_SHA256", &root_sha256)])?;

    same_endpoints(&server, &table)?;
    let callers = callers(&server, &table.heads, &root_key, &holders, &staff)?;
    let (mut opened, mut refused) = (0, 0);
    for row in &table.rows {
        for ((head, credential), may) in callers.iter().zip(&row.may) {
            let status = call(&server, row, credential)?;
            let shut = matches!(status, 401 | 403);
            ensure!(
                status < 500 && shut != *may,
                "`{} {}` answers {status} to `{head}`, and the table says {}",
                row.method,
                row.path,
                if *may { "yes" } else { "no" }
            );
            if *may {
                opened += 1;
            } else {
                refused += 1;
            }
        }
    }
    // One who may do the same on another platform may not do it here.
    let elsewhere = elsewhere(&server, &root_key, &table)?;
    server.stop()?;
    println!(
        "{} endpoints and pages, {} kinds of callers: {opened} calls opened and {refused} refused as the table says; \
         {elsewhere} calls with keys of another platform refused",
        table.rows.len(),
        callers.len()
    );
    Ok(())
}

/// The checked-in table.
struct Table {
    heads: Vec<String>,
    rows: Vec<Row>,
}

struct Row {
    method: String,
    path: String,
    may: Vec<bool>,
}

fn read_table() -> Result<Table> {
    let text = fs::read_to_string(root().join("openapi").join("roles.txt"))?;
    let mut lines = text.lines().filter(|line| !line.starts_with('#'));
    let heads = lines.next().context("a table without heads")?.split_whitespace().skip(2);
    let heads: Vec<String> = heads.map(str::to_owned).collect();
    let mut rows = Vec::new();
    for line in lines {
        let mut cells = line.split_whitespace().map(str::to_owned);
        let (method, path) = (cells.next().context("no method")?, cells.next().context("no path")?);
        let may: Vec<bool> = cells.map(|cell| cell == "yes").collect();
        ensure!(may.len() == heads.len(), "the row of `{method} {path}` has {} cells", may.len());
        rows.push(Row { method, path, may });
    }
    ensure!(rows.len() >= 40, "only {} rows", rows.len());
    // Whoever is logged out cannot try anything else.
    rows.sort_by_key(|row| (row.method.as_str(), row.path.as_str()) == ("delete", "/v1/session"));
    Ok(Table { heads, rows })
}

/// The table and the served OpenAPI document name the same endpoints.
fn same_endpoints(server: &Server, table: &Table) -> Result<()> {
    let (status, document) = server.client().get("/openapi.json")?;
    ensure!(status == 200, "the OpenAPI document answers {status}");
    let mut documented = BTreeSet::new();
    for (path, methods) in document["paths"].as_object().context("a document without paths")? {
        for method in methods.as_object().context("a path without methods")?.keys() {
            documented.insert((method.clone(), path.clone()));
        }
    }
    let page =
        |row: &&Row| ["/", "/p", "/style.css"].contains(&row.path.as_str()) || row.path.starts_with("/p/");
    let rows: BTreeSet<_> = table
        .rows
        .iter()
        .filter(|row| !page(row))
        .map(|row| (row.method.clone(), row.path.clone()))
        .collect();
    ensure!(rows == documented, "the table and the OpenAPI document name different endpoints");
    Ok(())
}

/// Headers that say who calls.
type Credential = Vec<(String, String)>;

fn bearer(token: &str) -> Credential {
    vec![("authorization".to_owned(), format!("Bearer {token}"))]
}

/// A member of staff with one duty.
struct Staff {
    duty: &'static str,
    /// Their part of the server's configuration.
    section: String,
    password: String,
    totp: String,
}

impl Staff {
    fn new(binary: &Path, duty: &'static str) -> Result<Self> {
        let made =
            Command::new(binary).args(["config", "member", duty, "--duties", duty, "--json"]).output()?;
        ensure!(made.status.success(), "no member of staff can be made");
        let made: Value = serde_json::from_slice(&made.stdout)?;
        let text = |name: &str| made[name].as_str().map(str::to_owned).context("a member lacks something");
        Ok(Self { duty, section: text("section")?, password: text("password")?, totp: text("totp")? })
    }

    fn log_in(&self, server: &Server) -> Result<Credential> {
        let secret =
            Secret::try_from_base32(&self.totp).map_err(|_| anyhow!("the secret is not in base 32"))?;
        let totp =
            Builder::new().with_secret(secret).build().map_err(|_| anyhow!("the secret cannot be used"))?;
        server.client().log_in(self.duty, &self.password, &totp.generate_current().to_string())
    }
}

/// A credential for each column; nobody has none.
fn callers(
    server: &Server,
    heads: &[String],
    root_key: &str,
    holders: &Holders,
    staff: &[Staff],
) -> Result<Vec<(String, Credential)>> {
    heads
        .iter()
        .map(|head| {
            let credential = match head.as_str() {
                "nobody" => Vec::new(),
                "root" => bearer(root_key),
                "token" => bearer(&holders.token(ACCOUNT)?),
                role if KEYS.contains(&role) => bearer(&key(server, root_key, PLATFORM, role)?),
                other => match staff.iter().find(|member| member.duty == other) {
                    Some(member) => member.log_in(server)?,
                    None => bail!("`{other}` is a kind of caller that this piece does not know"),
                },
            };
            Ok((head.clone(), credential))
        })
        .collect()
}

/// A new key of the platform with that role alone.
fn key(server: &Server, root_key: &str, platform: &str, role: &str) -> Result<String> {
    let body = json!({ "platform": platform, "roles": [role], "label": role }).to_string();
    let root = server.client().with_key(root_key);
    let (status, made) = root.post("/v1/admin/keys", "application/json", body.as_bytes())?;
    ensure!(status == 201, "a key with the role `{role}` is refused with {status}: {made}");
    let token = made["token"].as_str().or(made["key"].as_str());
    Ok(token.context("a key without a token")?.to_owned())
}

/// Keys of another platform, each with its role, at every endpoint that is about a platform and that it opens at home.
fn elsewhere(server: &Server, root_key: &str, table: &Table) -> Result<u32> {
    let body = json!({ "platform": "other", "title": "Other" }).to_string();
    let root = server.client().with_key(root_key);
    // It may be there: the root key has called this endpoint before, with the same words.
    root.post("/v1/admin/platforms", "application/json", body.as_bytes())?;
    let mut calls = 0;
    for role in KEYS {
        let key = key(server, root_key, "other", role)?;
        let at = table.heads.iter().position(|head| head == role).context("a role without a column")?;
        for row in &table.rows {
            let open_to_all = row.may.first().copied().unwrap_or_default();
            // These are about whatever the key may see, and name no platform.
            let about_none = row.path.starts_with("/v1/jobs/")
                || ["/v1/admin/platforms", "/v1/admin/packs/check", "/v1/admin/regions"]
                    .contains(&row.path.as_str());
            if open_to_all || about_none || !row.may.get(at).copied().unwrap_or_default() {
                continue;
            }
            let status = call(server, row, &bearer(&key))?;
            ensure!(
                status == 403,
                "`{} {}` answers {status} to a key of another platform with the role `{role}`",
                row.method,
                row.path
            );
            calls += 1;
        }
    }
    Ok(calls)
}

/// Calls an endpoint in a sound way. Returns the status.
fn call(server: &Server, row: &Row, credential: &[(String, String)]) -> Result<u16> {
    let path = row
        .path
        .replace("{platform}", PLATFORM)
        .replace("{account}", ACCOUNT)
        .replace("{job}", "1")
        .replace("{filter}", "1")
        .replace("{key}", "kaaaaaaaaaaaa")
        .replace("{pack}", "weibo-2023")
        .replace("{webhook}", "shop")
        .replace("{rule}", "legal-name")
        .replace("{number}", "1")
        .replace("{type}", "not-found");
    ensure!(!path.contains('{'), "`{}` has a part that this piece does not know", row.path);
    let path = format!("{path}{}", query(row));
    let (content_type, body) = body(row);
    server.client().call(&row.method, &path, credential, content_type, body.as_deref())
}

fn query(row: &Row) -> &'static str {
    match (row.method.as_str(), row.path.as_str()) {
        ("post", "/v1/ingest") => "?platform=tabled",
        (
            "get",
            "/v1/effects"
            | "/v1/admin/packs"
            | "/v1/admin/proposals"
            | "/v1/admin/cases"
            | "/v1/admin/holds"
            | "/v1/admin/dead-letters"
            | "/v1/webhooks"
            | "/v1/webhooks/{webhook}/deliveries",
        )
        | ("get", "/v1/admin/keys")
        | ("get" | "delete", "/v1/admin/packs/{pack}")
        | ("delete", "/v1/webhooks/{webhook}")
        | ("delete", "/v1/admin/keys/{key}") => "?platform=tabled",
        ("get", "/v1/nameplates/{platform}/{account}" | "/v1/me/preview") => {
            "?viewer=verified&surface=profile"
        }
        ("get", "/p") => "?platform=tabled&account=ann",
        _ => "",
    }
}

/// What a sound request says.
fn body(row: &Row) -> (&'static str, Option<String>) {
    let item = |more: Value| {
        let mut item = json!({ "account": ACCOUNT });
        if let (Some(item), Some(more)) = (item.as_object_mut(), more.as_object()) {
            item.extend(more.clone());
        }
        json!({ "platform": PLATFORM, "items": [item] })
    };
    let about_a_case = |more: Value| {
        let mut said = json!({
            "platform": PLATFORM, "account": ACCOUNT, "pack": "weibo-2023", "rule": "legal-name", "round": 1,
            "reason": "looked_at", "legal_basis": "terms_4",
        });
        if let (Some(said), Some(more)) = (said.as_object_mut(), more.as_object()) {
            said.extend(more.clone());
        }
        said
    };
    let at = "2024-01-01T00:00:00Z";
    let said = match (row.method.as_str(), row.path.as_str()) {
        ("post", "/v1/ingest") => {
            let line = json!({ "type": "follow", "follower": "bob", "account": ACCOUNT, "at": at });
            return ("application/x-ndjson", Some(format!("{line}\n")));
        }
        ("post", "/v1/accounts") => item(json!({ "facts": { "class": "creator" } })),
        ("put", "/v1/accounts/{platform}/{account}") => json!({ "class": "creator" }),
        ("post", "/v1/amounts") => item(json!({ "metric": "sales", "day": "2023-01-01", "total": 1 })),
        ("post", "/v1/sightings") => item(json!({ "ip": "2001:db8::9" })),
        ("post", "/v1/purges") => json!({ "platform": PLATFORM, "accounts": ["gone"] }),
        ("put", "/v1/identities/{platform}/{account}") => json!({
            "holder": "h", "kind": "person", "verified": true, "fields": { "legal_name": "Fictional Holder 1" },
        }),
        ("post", "/v1/nameplates") => item(json!({ "viewer": "verified", "surface": "profile" })),
        ("post", "/v1/me/answers") => {
            json!({ "pack": "weibo-2023", "rule": "legal-name", "round": 1, "answer": "refuse" })
        }
        ("post", "/v1/me/filters" | "/v1/me/filters/preview") => json!({ "criteria": { "all": [] } }),
        ("post", "/v1/me/appeals") => {
            json!({ "pack": "weibo-2023", "rule": "legal-name", "round": 1, "ground": "wrong_topic" })
        }
        ("post", "/v1/admin/appeals/decide") => about_a_case(json!({ "ruling": "overturned" })),
        ("post", "/v1/admin/notices/extend") => about_a_case(json!({ "until": "2030-01-01T00:00:00Z" })),
        // Another account than the token's: the holder stays.
        ("post", "/v1/me/leave") => json!({ "account": "somebody-else" }),
        ("post", "/v1/admin/platforms") => json!({ "platform": "other", "title": "Other" }),
        ("post", "/v1/admin/keys") => json!({ "platform": PLATFORM, "roles": ["read"], "label": "another" }),
        ("post", "/v1/admin/packs/check") => json!({ "files": { "pack.toml": "id = \"none\"" } }),
        ("post", "/v1/admin/packs/activate" | "/v1/admin/packs/simulate") => {
            json!({ "platform": PLATFORM, "pack": "weibo-2023" })
        }
        ("post", "/v1/admin/proposals") => json!({ "platform": PLATFORM, "blast_radius": 2_000 }),
        ("post", "/v1/admin/proposals/confirm") => {
            json!({ "platform": PLATFORM, "proposal": 1, "accounts": 2_000 })
        }
        ("post", "/v1/admin/proposals/discard") => json!({ "platform": PLATFORM, "proposal": 1 }),
        ("post", "/v1/admin/blast-radius") => json!({ "platform": PLATFORM, "accounts": 1_000 }),
        ("post", "/v1/admin/holds" | "/v1/admin/holds/release") => {
            json!({ "platform": PLATFORM, "account": ACCOUNT, "reason": "minor", "legal_basis": "terms_4" })
        }
        ("post", "/v1/admin/dead-letters/settle") => {
            json!({ "platform": PLATFORM, "from": 1, "to": 1, "action": "let_go" })
        }
        // Nothing there takes it: the name leads nowhere.
        ("put", "/v1/webhooks/{webhook}") => json!({ "platform": PLATFORM, "url": "https://shop.invalid/" }),
        ("post", "/v1/webhooks/{webhook}/rotate" | "/v1/webhooks/{webhook}/ping") => {
            json!({ "platform": PLATFORM })
        }
        ("post", "/v1/webhooks/{webhook}/rewind") => json!({ "platform": PLATFORM, "after": "1-0" }),
        ("post", "/v1/admin/clock") => json!({ "to": "2030-01-01T00:00:00Z" }),
        // Said in part only, because a wrong password is refused as a wrong caller is.
        ("post", "/v1/session") => json!({}),
        ("post", "/v1/admin/recounts") => json!({ "platform": PLATFORM }),
        _ => return ("application/json", None),
    };
    ("application/json", Some(said.to_string()))
}

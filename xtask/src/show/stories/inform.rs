//! A seller's year under the INFORM Consumers Act: qualify, notice, certify, lapse, suspend, restore.

use anyhow::{Result, ensure};
use serde_json::{Value, json};

use super::stage::{JSON, Platform, Stage, bytes, done, moment};

const SELLER: &str = "shop_on_the_corner";
/// Two sales a day of 30 dollars each.
const SALES: u32 = 2;
const REVENUE: u32 = 60_00;

/// Plays it, from where the clock stands.
pub(super) fn play(stage: &mut Stage) -> Result<String> {
    let market = stage.platform("market")?;
    stage.activate(&market, "us-inform", &[])?;
    let client = stage.staff(&market)?;
    let facts = json!({ "class": "trader", "holder_kind": "person", "identity_verified": false });
    done(client.put(&format!("/v1/accounts/market/{SELLER}"), JSON, &bytes(&facts)), SELLER)?;
    // 99 days: 198 sales, and nothing.
    sells(stage, &market, 99)?;
    heard(stage, &market, "before", &[])?;
    // The two hundredth sale: who it is has to be given and proven, and certified.
    sells(stage, &market, 1)?;
    heard(stage, &market, "qualify and notice", &["notice_due certification", "notice_due verification"])?;
    // Within the ten days it is.
    sells(stage, &market, 4)?;
    certifies(stage, &market)?;
    gives_its_information(stage, &market)?;
    sells(stage, &market, 1)?;
    heard(stage, &market, "certify", &["withdrawn certification", "withdrawn verification"])?;

    // 20,000 dollars: named to its buyers after another notice, and to nobody else.
    sells(stage, &market, 334 - 105)?;
    let named = ["notice_due address", "notice_due disclosure", "notice_due phone"];
    heard(stage, &market, "the larger tier", &named)?;
    ensure!(stage.sees(&market, SELLER, "buyer", "order")?.is_empty(), "named before the ten days are over");
    sells(stage, &market, 10)?;
    heard(stage, &market, "named", &["shown address", "shown disclosure", "shown phone"])?;
    let mut fields = stage.sees(&market, SELLER, "buyer", "order")?;
    fields.sort_unstable();
    ensure!(fields == ["address", "email", "legal_name", "phone"], "buyers are shown {fields:?}");
    for (viewer, surface) in [("verified", "order"), ("logged_out", "listing"), ("buyer", "profile")] {
        let fields = stage.sees(&market, SELLER, viewer, surface)?;
        ensure!(fields.is_empty(), "{viewer} is shown {fields:?} on the {surface}");
    }

    // A year after it was certified it lapses, and not a day before.
    sells(stage, &market, 104 + 364 - 344)?;
    heard(stage, &market, "the year", &[])?;
    sells(stage, &market, 1)?;
    heard(stage, &market, "lapse", &["notice_due certification"])?;
    stage.kill_and_restart()?;
    // Ten days without an answer.
    sells(stage, &market, 9)?;
    heard(stage, &market, "the last day", &[])?;
    sells(stage, &market, 1)?;
    heard(stage, &market, "suspend", &["restricted certification suspend_sales"])?;
    certifies(stage, &market)?;
    stage.tick()?;
    heard(stage, &market, "restore", &["lifted certification suspend_sales", "withdrawn certification"])?;
    Ok("a seller's year: qualify, notice, certify, 20,000 dollars and named to buyers, lapse, suspend, restore".to_owned())
}

/// Lets days pass on each of which it sells.
fn sells(stage: &mut Stage, market: &Platform, days: i64) -> Result<()> {
    for _ in 0..days {
        stage.now_ms += super::stage::DAY_MS;
        stage.clock()?;
        let id = format!("d-{}", stage.now_ms / super::stage::DAY_MS);
        let item = |metric: &str, amount: u32, currency: Option<&str>| {
            let mut item = json!({ "account": SELLER, "metric": metric, "amount": amount, "at": moment(stage.now_ms), "id": id });
            if let Some(currency) = currency {
                item["currency"] = currency.into();
            }
            item
        };
        add(stage, market, vec![item("sales", SALES, None), item("revenue", REVENUE, Some("USD"))])?;
        stage.tick()?;
    }
    Ok(())
}

/// Certifies that everything is up to date.
fn certifies(stage: &Stage, market: &Platform) -> Result<()> {
    let at = moment(stage.now_ms);
    add(
        stage,
        market,
        vec![
            json!({ "account": SELLER, "metric": "certifications", "amount": 1, "at": at, "id": format!("c-{}", stage.now_ms) }),
        ],
    )
}

fn add(stage: &Stage, market: &Platform, items: Vec<Value>) -> Result<()> {
    let body = json!({ "platform": market.id, "items": items });
    let answer = done(stage.staff(market)?.post("/v1/amounts", JSON, &bytes(&body)), "amounts")?;
    let results = answer["items"].as_array().into_iter().flatten();
    for result in results {
        ensure!(result["result"] == "accepted", "an amount is not taken: {answer}");
    }
    Ok(())
}

/// It gives who it is, and the platform has verified it.
fn gives_its_information(stage: &Stage, market: &Platform) -> Result<()> {
    let identity = json!({
        "holder": "h-shop", "kind": "person", "verified": true,
        "fields": {
            "legal_name": "Fictional Seller", "address": "1 Made-up Street, Nowhere", "address_area": "Nowhere, US",
            "email": "shop@example.com", "phone": "+1 555 0100",
        },
    });
    let client = stage.staff(market)?;
    done(client.put(&format!("/v1/identities/market/{SELLER}"), JSON, &bytes(&identity)), SELLER).map(drop)
}

/// What the endpoint heard since the chapter before, in any order, is this.
fn heard(stage: &mut Stage, market: &Platform, chapter: &str, expected: &[&str]) -> Result<()> {
    stage.is_heard(market)?;
    let mut heard = stage.receiver.news(market.id);
    heard.sort_unstable();
    ensure!(heard == expected, "{chapter}: heard {heard:?}, expected {expected:?}");
    Ok(())
}

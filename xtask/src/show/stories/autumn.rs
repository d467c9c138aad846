//! Autumn 2023: six accounts get the notice of 31 October and do what people did.

use std::fmt::Write as _;

use anyhow::{Context, Result, ensure};
use serde_json::json;

use super::stage::{JSON, Platform, Stage, bytes, done, moment};

const FINANCE: &[&str] = &["finance"];
const AFFAIRS: &[&str] = &["current_affairs"];
/// Handle, followers at the beginning, topics.
const PEOPLE: [(&str, u32, &[&str]); 6] = [
    ("stock_king", 1_200_000, FINANCE),
    ("book_reviewer", 1_050_000, AFFAIRS),
    ("market_voice", 1_050_000, FINANCE),
    ("news_desk", 1_030_000, AFFAIRS),
    ("chief_editor", 1_000_240, AFFAIRS),
    ("lifestyle_writer", 35_000, &["medicine"]),
];
/// Whoever follows has an id from here on.
const FOLLOWERS_FROM: u32 = 10_000_000;
const LINES: u32 = 50_000;

/// Plays it, on 31 October at the beginning and in December at the end.
pub(super) fn play(stage: &mut Stage) -> Result<String> {
    let weibo = stage.platform("weibo")?;
    stage.activate(&weibo, "weibo-2023", &[("legal-name.phase.one-million.starts", "at_activation")])?;
    // What a tick saw first is where everyone stands, and nobody's crossing.
    stage.tick()?;
    let mut follows = 0;
    for (handle, followers, topics) in PEOPLE {
        let client = stage.staff(&weibo)?;
        let facts = json!({ "class": "creator", "topics": topics });
        done(client.put(&format!("/v1/accounts/weibo/{handle}"), JSON, &bytes(&facts)), handle)?;
        let identity = json!({
            "holder": format!("h-{handle}"), "kind": "person", "verified": true,
            "fields": { "legal_name": format!("Fictional Holder of {handle}") },
        });
        done(client.put(&format!("/v1/identities/weibo/{handle}"), JSON, &bytes(&identity)), handle)?;
        follow(stage, &weibo, "follow", handle, 0, followers)?;
        follows += followers;
    }
    stage.tick()?;

    // A week over the line, as the operator asks: five get the notice, and nothing is shown.
    stage.days_pass(7)?;
    stage.is_heard(&weibo)?;
    for (handle, followers, _) in PEOPLE {
        let told = stage.receiver.story_of("weibo", handle).contains(&"notice_due");
        ensure!(told == (followers >= 1_000_000), "`{handle}` has {followers} followers; told: {told}");
        ensure!(stage.sees(&weibo, handle, "verified", "profile")?.is_empty(), "`{handle}` is shown at once");
    }

    // One lets the newest followers go, in one evening, and the case is over.
    let filter = json!({ "criteria": { "all": [] }, "order": "newest", "leave_at": 899_999 });
    stage.me(&weibo, "stock_king", "/v1/me/filters", &filter)?;
    stage.me(&weibo, "book_reviewer", "/v1/me/leave", &json!({ "account": "book_reviewer" }))?;
    let answer =
        |word: &str| json!({ "pack": "weibo-2023", "rule": "legal-name", "round": 1, "answer": word });
    let mut yes = answer("consent");
    yes["fields"] = json!(["legal_name"]);
    yes["text_version"] = json!("v1");
    stage.me(&weibo, "market_voice", "/v1/me/answers", &yes)?;
    stage.me(&weibo, "news_desk", "/v1/me/answers", &answer("refuse"))?;
    stage.tick()?;

    // The server dies with messages on their way. What was answered stands, and what was not sent is.
    stage.kill_and_restart()?;
    stage.is_heard(&weibo)?;

    // One falls under the line and is pushed back by strangers: no name, another week, another notice.
    follow(stage, &weibo, "unfollow", "chief_editor", 0, 500)?;
    stage.days_pass(2)?;
    follow(stage, &weibo, "follow", "chief_editor", 3_000_000, 600)?;
    stage.days_pass(1)?;
    stage.days_pass(7)?;
    stage.is_heard(&weibo)?;

    // The thirty days are over.
    stage.days_pass(20)?;
    stage.is_heard(&weibo)?;
    let ends: [(&str, &[&str]); 6] = [
        ("stock_king", &["crossed", "notice_due", "filtered", "crossed", "withdrawn"]),
        ("book_reviewer", &["crossed", "notice_due", "left"]),
        ("market_voice", &["crossed", "notice_due", "shown"]),
        ("news_desk", &["crossed", "notice_due", "restricted"]),
        ("chief_editor", &["crossed", "notice_due", "crossed", "withdrawn", "crossed", "notice_due"]),
        ("lifestyle_writer", &[]),
    ];
    for (handle, story) in ends {
        let heard = stage.receiver.story_of("weibo", handle);
        ensure!(heard == *story, "`{handle}`: heard {heard:?}, the story goes {story:?}");
    }
    for (handle, ..) in PEOPLE {
        let named = stage.sees(&weibo, handle, "verified", "profile")?;
        ensure!(named.is_empty() != (handle == "market_voice"), "`{handle}` is shown as {named:?}");
        let barred = stage.sees(&weibo, handle, "logged_out", "profile")?;
        ensure!(barred.is_empty(), "`{handle}` is shown to who is not logged in: {barred:?}");
    }
    Ok(format!(
        "autumn 2023: 6 accounts, {follows} follows over HTTP; 1 filtered, 1 left, 1 shown, 1 restricted, 1 under and back"
    ))
}

/// Follows or unfollows by so many, from one on, all of now.
fn follow(stage: &Stage, weibo: &Platform, what: &str, account: &str, from: u32, count: u32) -> Result<()> {
    let client = stage.staff(weibo)?;
    let at = moment(stage.now_ms);
    let last = from + count;
    for from in (from..last).step_by(LINES as usize) {
        let mut lines = String::new();
        for follower in from..last.min(from + LINES) {
            let follower = FOLLOWERS_FROM + follower;
            writeln!(
                lines,
                r#"{{"type":"{what}","follower":"{follower}","account":"{account}","at":"{at}"}}"#
            )?;
        }
        let answer = done(
            client.post("/v1/ingest?platform=weibo", "application/x-ndjson", lines.as_bytes()),
            "a body of follows",
        )?;
        let refused = answer["refused"].as_u64().context("an answer without `refused`")?;
        ensure!(refused == 0, "{refused} lines were refused: {answer}");
    }
    Ok(())
}

//! Events in bulk: counts, codings, limits, and lines that are refused by their number.

use std::fmt::Write as _;
use std::io::Write as _;

use serde_json::{Value, json};

use crate::house::{House, START};

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

fn zstd(bytes: &[u8]) -> Vec<u8> {
    ruzstd::encoding::compress_to_vec(bytes, ruzstd::encoding::CompressionLevel::Fastest)
}

fn lines(followers: std::ops::Range<u32>) -> String {
    let mut out = String::new();
    for follower in followers {
        writeln!(out, r#"{{"type":"follow","follower":{follower},"account":"ann","at":{START}}}"#).unwrap();
    }
    out
}

#[tokio::test]
async fn every_line_has_an_answer_and_only_problems_are_listed() {
    let house = House::new().await;
    let body = format!(
        "{}not json\n{}\n{}{}",
        lines(1..3),
        "",
        r#"{"type":"follow","follower":"ann","account":"ann","at":1}"#.to_owned() + "\n",
        lines(2..4),
    );
    let path = "/v1/ingest?platform=demo";
    let answer = house.ndjson(path, body.clone().into_bytes(), "").await;
    assert_eq!(answer.says(), "200");
    let answer = answer.json();
    assert_eq!(
        (&answer["lines"], &answer["accepted"], &answer["duplicate"], &answer["refused"]),
        (&json!(6), &json!(3), &json!(1), &json!(2))
    );
    let listed: Vec<(u64, &str)> = answer["results"]
        .as_array()
        .unwrap()
        .iter()
        .map(|line| (line["line"].as_u64().unwrap(), line["result"].as_str().unwrap()))
        .collect();
    assert_eq!(listed.len(), 3, "{listed:?}");
    assert_eq!(listed[0], (3, "line_is_not_an_object"));
    assert_eq!(listed[1].0, 5);
    assert_eq!(listed[2], (6, "duplicate"));
    assert_eq!(answer["complete"], true);
    let all = house.ndjson(&format!("{path}&results=all"), body.into_bytes(), "").await.json();
    assert_eq!(all["results"].as_array().unwrap().len(), 6);
    assert_eq!(all["duplicate"], 4);
}

#[tokio::test]
async fn codings_and_batches_give_the_same_counts() {
    for (coding, encode) in
        [("", (|bytes: &[u8]| bytes.to_vec()) as fn(&[u8]) -> Vec<u8>), ("gzip", gzip), ("zstd", zstd)]
    {
        // Three batches, and for the codings two windows.
        let house = House::new().await;
        let body = lines(1..80_001);
        assert!(body.len() > 4 << 20);
        let answer = house.ndjson("/v1/ingest?platform=demo", encode(body.as_bytes()), coding).await;
        assert_eq!(answer.says(), "200", "{coding}");
        let answer = answer.json();
        assert_eq!(answer["accepted"], 80_000, "{coding}");
        assert_eq!(answer["results"], json!([]), "{coding}");
        let account = house.ok("read GET /v1/accounts/demo/ann", Value::Null).await.json();
        assert_eq!(account["followers"], 80_000, "{coding}");
    }
}

#[tokio::test]
async fn line_numbers_go_on_from_window_to_window() {
    let house = House::new().await;
    let mut body = lines(1..80_001);
    body.push_str("nonsense\n");
    let answer = house.ndjson("/v1/ingest?platform=demo", gzip(body.as_bytes()), "gzip").await.json();
    assert_eq!(answer["results"][0]["line"], 80_001);
    assert_eq!(answer["refused"], 1);
}

#[tokio::test]
async fn a_bomb_and_a_long_line_are_too_large() {
    let limits = web::Limits { ingest_expanded_bytes_max: 20 << 20, ..web::Limits::default() };
    let house = House::with(limits).await;
    let newlines = vec![b'\n'; 40 << 20];
    let zeros = vec![b'a'; 40 << 20];
    for (what, body) in [("newlines", newlines), ("one line", zeros)] {
        for (coding, encode) in [("gzip", gzip as fn(&[u8]) -> Vec<u8>), ("zstd", zstd)] {
            let answer = house.ndjson("/v1/ingest?platform=demo", encode(&body), coding).await;
            assert_eq!(answer.says(), "413 too-large", "{what} {coding}");
        }
    }
}

#[tokio::test]
async fn a_long_list_of_problems_says_that_it_is_not_complete() {
    let limits = web::Limits { results_listed_max: 10, ..web::Limits::default() };
    let house = House::with(limits).await;
    let answer = house.ndjson("/v1/ingest?platform=demo", b"x\n".repeat(11), "").await.json();
    assert_eq!(answer["refused"], 11);
    assert_eq!(answer["results"].as_array().unwrap().len(), 10);
    assert_eq!(answer["complete"], false);
}

/// Requests of one event share commands; each still hears of its own event, as a body of several lines would say it.
#[tokio::test]
async fn single_events_share_a_command_and_each_is_answered_for_itself() {
    let house = House::new().await;
    let path = "/v1/ingest?platform=demo";
    let event = |follower: &str| {
        format!(r#"{{"type":"follow","follower":"{follower}","account":"ann","at":{START}}}"#).into_bytes()
    };
    let (one, two, again, itself, bad) = tokio::join!(
        house.ndjson(path, event("1"), ""),
        house.ndjson(path, event("2"), ""),
        house.ndjson(path, event("2"), ""),
        house.ndjson(path, event("ann"), ""),
        house.ndjson(path, b"not json".to_vec(), ""),
    );
    let says = |name: &str, answer: &crate::house::Answer| {
        let answer = answer.json();
        assert_eq!((&answer["lines"], &answer["complete"]), (&json!(1), &json!(true)), "{name}");
        let of = |count: &str| answer[count].as_u64().unwrap();
        [of("accepted"), of("duplicate"), of("stale"), of("refused")]
    };
    assert_eq!(says("one", &one), [1, 0, 0, 0]);
    let [two, again] = [says("two", &two), says("again", &again)];
    assert_eq!((two[0] + again[0], two[1] + again[1]), (1, 1), "one of the two was first");
    assert_eq!(says("itself", &itself), [0, 0, 0, 1]);
    assert_eq!(itself.json()["results"][0]["result"], "account_cannot_follow_itself");
    assert_eq!(says("bad", &bad), [0, 0, 0, 1]);
    let unknown = house.ndjson("/v1/ingest?platform=demo&results=all", event("3"), "").await;
    assert_eq!(unknown.json()["results"][0]["result"], "accepted");
}

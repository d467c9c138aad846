//! The NDJSON of a request, line by line.

use connectors::ingest::{Events, LINE_BYTES_MAX};
use proptest::prelude::*;

use crate::support::{body, platform, told};

const GOOD: &str = r#"{"type":"follow","follower":"42","account":"7","at":9}"#;

/// One line of a body and what comes of it, without the line's number.
fn check(line: &str, outcome: &str) {
    assert_eq!(body(line.as_bytes()), [format!("1 {outcome}")], "{line}");
}

#[test]
fn events_are_read_in_every_spelling() {
    check(GOOD, "follow 42 7 @9");
    check(r#" { "at" : 9 , "account" : 7, "follower" : 42, "type" : "follow" } "#, "follow 42 7 @9");
    check(
        r#"{"type":"unfollow","follower":"ann","account":"鲍勃","at":"1970-01-01T00:00:01Z"}"#,
        "unfollow ann 鲍勃 @1000",
    );
    check(
        r#"{"type":"follow","follower":"\u0061nn","account":"b\"ob","at":"1970-01-01T08:00:00.009+08:00"}"#,
        "follow ann b\"ob @9",
    );
    check(
        r#"{"type":"follow","follower":1,"account":18446744073709551615,"at":0,"id":"e-1"}"#,
        "follow 1 18446744073709551615 @0 #e-1",
    );
    check(r#"{"type":"follow","follower":1,"account":2,"at":0,"id":0}"#, "follow 1 2 @0 #0");
    check(
        r#"{"type":"follow","follower":1,"account":2,"at":0,"id":18446744073709551615}"#,
        "follow 1 2 @0 #18446744073709551615",
    );
    // The machine says no to this one, and counts it.
    check(r#"{"type":"follow","follower":1,"account":"1","at":0}"#, "follow 1 1 @0");
}

#[test]
fn a_refused_line_says_why() {
    check("x", "line_is_not_an_object");
    check("[1]", "line_is_not_an_object");
    check("7", "line_is_not_an_object");
    check("null", "line_is_not_an_object");
    check(r#"{"type":"follow""#, "line_is_not_an_object");
    check(&format!("{GOOD}{GOOD}"), "line_is_not_an_object");
    check(&format!("{GOOD},"), "line_is_not_an_object");
    check("{}", "field_is_missing");
    check(r#"{"type":"follow","follower":1,"account":2}"#, "field_is_missing");
    check(r#"{"type":"follow","follower":1,"at":2}"#, "field_is_missing");
    check(r#"{"type":"follow","account":1,"at":2}"#, "field_is_missing");
    check(r#"{"follower":1,"account":2,"at":2}"#, "field_is_missing");
    check(r#"{"type":"follow","follower":1,"account":2,"at":2,"name":"Ada"}"#, "field_is_unknown");
    check(r#"{"type":"follow","follower":1,"account":2,"at":2,"at":3}"#, "field_is_twice");
    check(r#"{"type":"block","follower":1,"account":2,"at":2}"#, "type_is_unknown");
    check(r#"{"type":1,"follower":1,"account":2,"at":2}"#, "type_is_unknown");
    let amount = |rest: &str| format!(r#"{{"type":"amount","account":1,"metric":"sales",{rest}}}"#);
    check(&amount(r#""amount":1,"at":2"#), "amount_is_incomplete");
    check(&amount(r#""amount":1.5,"at":2,"id":"a""#), "amount_is_incomplete");
    check(&amount(r#""amount":1,"at":2,"id":"a","day":"2026-10-01""#), "amount_is_incomplete");
    check(&amount(r#""amount":1,"at":2,"id":"a","follower":3"#), "amount_is_incomplete");
    check(&amount(r#""amount":1,"at":"noon","id":"a""#), "time_is_refused");
    check(&amount(r#""amount":1,"at":2,"id":"""#), "event_id_is_refused");
    check(&amount(r#""amount":1,"at":2,"id":"a","currency":"usd""#), "currency_is_unknown");
    check(&amount(r#""day":"2026-02-30","total":1"#), "day_is_refused");
    check(r#"{"type":"amount","account":1,"metric":"a b","amount":1,"at":2,"id":"a"}"#, "metric_is_refused");
    check(
        r#"{"type":"amount","account":"a/b","metric":"a","amount":1,"at":2,"id":"a"}"#,
        "account_is_refused",
    );
    check(r#"{"type":"follow","follower":1,"account":"a/b","at":2}"#, "account_is_refused");
    check(r#"{"type":"follow","follower":"","account":1,"at":2}"#, "account_is_refused");
    check(r#"{"type":"follow","follower":"203.0.113.9","account":1,"at":2}"#, "account_is_refused");
    check(
        &format!(r#"{{"type":"follow","follower":"{}","account":1,"at":2}}"#, "x".repeat(65)),
        "account_is_refused",
    );
    for kind in ["-1", "1.5", "1e3", "18446744073709551616", "true", "null", "[1,2]", r#"{"a":1}"#] {
        check(
            &format!(r#"{{"type":"follow","follower":{kind},"account":2,"at":2}}"#),
            "field_has_another_kind",
        );
        check(&format!(r#"{{"type":"follow","follower":1,"account":2,"at":{kind}}}"#), "time_is_refused");
        check(
            &format!(r#"{{"type":"follow","follower":1,"account":2,"at":2,"id":{kind}}}"#),
            "field_has_another_kind",
        );
    }
    for at in
        [r#""2026-11-23T08:00:00""#, r#""yesterday""#, r#""""#, "99999999999999", "18446744073709551615"]
    {
        check(&format!(r#"{{"type":"follow","follower":1,"account":2,"at":{at}}}"#), "time_is_refused");
    }
    check(r#"{"type":"follow","follower":1,"account":2,"at":2,"id":""}"#, "event_id_is_refused");
    check(
        &format!(r#"{{"type":"follow","follower":1,"account":2,"at":2,"id":"{}"}}"#, "x".repeat(65)),
        "event_id_is_refused",
    );
}

#[test]
fn deep_nesting_is_refused_and_not_followed() {
    let deep = format!(r#"{{"type":{}"#, "[".repeat(3000));
    check(&deep, "line_is_not_an_object");
}

#[test]
fn a_long_line_is_refused_and_the_next_is_read() {
    let fits = format!("{GOOD}{}", " ".repeat(LINE_BYTES_MAX));
    let long = format!(r#"{{"type":"{}"}}"#, "x".repeat(LINE_BYTES_MAX));
    assert_eq!(
        body(format!("{fits}\n{long}\n{GOOD}").as_bytes()),
        ["1 follow 42 7 @9", "2 line_is_too_long", "3 follow 42 7 @9"]
    );
}

#[test]
fn bad_utf8_is_refused_on_its_line_alone() {
    let mut text = GOOD.as_bytes().to_vec();
    text.extend_from_slice(b"\n{\"type\":\"fo\xff\"}\n\r\n  \n");
    text.extend_from_slice(GOOD.as_bytes());
    text.extend_from_slice(b"\r\n");
    assert_eq!(body(&text), ["1 follow 42 7 @9", "2 line_is_not_utf8", "5 follow 42 7 @9"]);
}

#[test]
fn batches_are_no_larger_than_asked_and_lines_go_on() {
    let text = format!("\u{feff}{GOOD}\nx\n{GOOD}\n{GOOD}\n{GOOD}");
    let mut events = Events::new(text.as_bytes());
    assert_eq!(told(&events.next_batch(&platform(), 2).unwrap()).len(), 3);
    assert_eq!(told(&events.next_batch(&platform(), 2).unwrap()), ["4 follow 42 7 @9", "5 follow 42 7 @9"]);
    assert!(events.next_batch(&platform(), 2).is_none());
    assert!(Events::new(b"").next_batch(&platform(), 2).is_none());
    assert!(Events::new(b"\n\n").next_batch(&platform(), 2).unwrap().edges.is_empty());
}

#[test]
fn no_refusal_repeats_the_line() {
    let text = r#"{"type":"canary","canary":"canary","follower":"canary/","account":1,"at":"canary"}"#;
    for line in [text.to_owned(), text.replace(r#""canary":"canary","#, ""), "canary".to_owned()] {
        let batch = Events::new(line.as_bytes()).next_batch(&platform(), 9).unwrap();
        let refused = batch.refused.first()[0];
        assert!(!format!("{} {refused:?}", refused.why).contains("canary"), "{refused:?}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn any_bytes_are_read_without_panic_and_every_line_is_answered(
        pieces in prop::collection::vec(prop_oneof![
            prop::collection::vec(any::<u8>(), 0..20),
            Just(GOOD.as_bytes().to_vec()),
            Just(b"\n".to_vec()),
            "[{}\":,\\\\a-f0-9\\[\\]]{0,20}".prop_map(String::into_bytes),
        ], 0..12)
    ) {
        let text: Vec<u8> = pieces.concat();
        let lines = text.split(|byte| *byte == b'\n').filter(|line| !line.trim_ascii().is_empty()).count();
        let lines = lines - usize::from(text == b"\xef\xbb\xbf");
        prop_assert_eq!(body(&text).len(), lines);
    }

    #[test]
    fn what_is_written_is_read(follower: u64, account in "[a-z\"\\\\é]{1,16}", at in 0_i64..5_000_000_000_000, id in "\\PC{1,16}", unfollow: bool) {
        let op = if unfollow { "unfollow" } else { "follow" };
        let line = serde_json::json!({"type": op, "follower": follower, "account": account, "at": at, "id": id}).to_string();
        prop_assert_eq!(body(line.as_bytes()), [format!("1 {op} {follower} {account} @{at} #{id}")]);
    }
}

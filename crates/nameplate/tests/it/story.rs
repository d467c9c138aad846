//! The demo, with a small crowd: its story holds every promise.

use crate::house::House;

#[test]
fn the_story_holds_its_promises_and_ends_with_the_six() {
    let house = House::new();
    let told = house.run(&["demo", "--accounts", "2000", "--port", "0", "--exit", "--json"]).ok().json();
    assert_eq!(told["broken_promise"], serde_json::Value::Null);
    let summary = told["summary"].as_array().unwrap();
    let row = |account: &str| summary.iter().find(|row| row["account"] == account).unwrap();
    assert_eq!(summary.len(), 6);
    assert_eq!(row("stock_king")["followers_before"], 7_058_000);
    assert!(row("stock_king")["followers"].as_u64().unwrap() < 900_000);
    assert_eq!(row("book_reviewer")["status"], "left");
    assert_eq!(row("market_voice")["verified_viewers_see"], "Fictional Holder 0003");
    assert_eq!(row("market_voice")["others_see"], "-");
    assert!(row("news_desk")["status"].as_str().unwrap().starts_with("restricted"));
    assert_eq!(row("chief_editor")["followers"], 1_000_400);
    assert_eq!(row("lifestyle_writer")["status"], "no case");
    let names: Vec<_> = summary.iter().filter(|row| row["verified_viewers_see"] != "-").collect();
    assert_eq!(names.len(), 1, "one name in all, to those who may see it");
}

//! The public pages: what a visitor sees, and who may look through other eyes.

use std::collections::BTreeMap;

use serde_json::Value;
use state::PlatformId;
use web::{PlatformSettings, Settings};

use crate::house::{House, MARKS, NAME};

fn open_the_switch(house: &House) {
    let demo = PlatformId::new("demo").unwrap();
    let platform = PlatformSettings { public_view_as: true, ..PlatformSettings::default() };
    house.app.set_settings(Settings { platforms: BTreeMap::from([(demo, platform)]), ..Settings::default() });
}

#[tokio::test]
async fn a_visitor_is_logged_out_whatever_the_address_says() {
    let house = House::with_a_name().await;
    for viewer in ["", "?as=verified", "?as=holder", "?as=staff"] {
        let page = house.ask(&format!("- GET /p/demo/ann{viewer}"), Value::Null).await;
        assert_eq!(page.status, 200);
        assert!(!page.text().contains(MARKS[0]), "{viewer}");
        assert!(page.text().contains("not logged in"), "{viewer}");
        assert!(page.headers["content-security-policy"].to_str().unwrap().contains("default-src 'none'"));
        assert_eq!(page.headers["cache-control"], "no-store");
    }
}

#[tokio::test]
async fn with_the_switch_a_demo_shows_each_viewers_page_and_why() {
    let house = House::with_a_name().await;
    open_the_switch(&house);
    let page = house.ask("- GET /p/demo/ann?as=verified", Value::Null).await.text();
    // Escaped, but there.
    assert!(page.contains(&NAME.replace('"', "&#34;")), "{page}");
    for part in ["Why is this shown?", "A pack for tests", "test-2026/name", "https://example.org", "View as"]
    {
        assert!(page.contains(part), "{part} is not in {page}");
    }
    for viewer in ["logged_out", "unverified", "bad_standing", "buyer", "staff"] {
        let page = house.ask(&format!("- GET /p/demo/ann?as={viewer}"), Value::Null).await.text();
        assert!(!page.contains(MARKS[0]) && !page.contains(MARKS[1]), "{viewer}");
    }
    assert!(!page.contains("<script"));
}

#[tokio::test]
async fn a_hold_cannot_be_read_off_a_page() {
    let house = House::with_a_name().await;
    open_the_switch(&house);
    let before = house.ask("- GET /p/demo/ann", Value::Null).await.text();
    let body = serde_json::json!({"platform": "demo", "account": "ann", "reason": "stalking", "legal_basis": "terms_4"});
    house.ok("operator POST /v1/admin/holds", body).await;
    let after = house.ask("- GET /p/demo/ann", Value::Null).await.text();
    let without_position =
        |page: &str| page.lines().filter(|line| !line.contains("Position ")).collect::<String>();
    assert_eq!(without_position(&before), without_position(&after));
}

#[tokio::test]
async fn problems_of_pages_are_pages() {
    let house = House::with_a_name().await;
    for (path, status) in [
        ("/p/demo/nobody", 404),
        ("/p/none/ann", 404),
        ("/p/demo/ann?x=1", 400),
        ("/p/UPPER/ann", 400),
        ("/p/demo/%ff", 400),
    ] {
        let page = house.ask(&format!("- GET {path}"), Value::Null).await;
        assert_eq!(page.status, status, "{path}");
        assert_eq!(page.headers["content-type"], "text/html; charset=utf-8", "{path}");
        assert!(page.text().contains("What to do"), "{path}");
    }
    let found = house.ask("- GET /p?platform=demo&account=%E5%BC%A0", Value::Null).await;
    assert_eq!(
        (found.status.as_u16(), found.headers["location"].to_str().unwrap()),
        (303, "/p/demo/%E5%BC%A0")
    );
    assert_eq!(house.ask("- GET /", Value::Null).await.status, 200);
    assert_eq!(
        house.ask("- GET /style.css", Value::Null).await.headers["content-type"],
        "text/css; charset=utf-8"
    );
}

#[tokio::test]
async fn every_problem_type_is_a_page_and_markdown() {
    let house = House::new().await;
    for (file, text) in web::error_pages() {
        let path = format!("- GET /errors/{}", file.trim_end_matches(".md"));
        let page = house.ask(&path, Value::Null).await;
        assert_eq!(
            (page.status.as_u16(), page.headers["content-type"].to_str().unwrap()),
            (200, "text/html; charset=utf-8")
        );
        let mut request = house.request(&path, Value::Null).unwrap();
        request.headers_mut().insert("accept", "text/markdown".parse().unwrap());
        assert_eq!(house.send(request).await.text(), text);
    }
    assert_eq!(house.ask("- GET /errors/none-such", Value::Null).await.says(), "404 not-found");
}

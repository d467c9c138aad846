//! Which tables are in use, and what pages say beside a region.

use serde_json::{Value, json};
use web::Regions;

use crate::house::House;

#[tokio::test]
async fn what_the_licence_asks_for_stands_beside_a_region_and_nowhere_else() {
    let house = House::new().await;
    house.activate().await;
    let lines = "198.51.100.0/24,CN,Zhejiang\n";
    let asked = "Regions by Made-up <Data>".to_owned();
    house.app.set_regions(Regions::with_overrides(lines).unwrap().with_attribution(Some(asked.clone())));
    let sighted = json!({"platform": "demo", "items": [{"account": "ann", "ip": "198.51.100.7"}]});
    house.ok("ingest POST /v1/sightings", sighted).await;
    house.follow("bob", &["1"]).await;
    house.tick().await;
    let page = |account: &str| format!("- GET /p/demo/{account}");
    let with = house.ok(&page("ann"), Value::Null).await.text();
    assert!(with.contains("Zhejiang") && with.contains("Regions by Made-up &#60;Data&#62;"), "{with}");
    assert!(!house.ok(&page("bob"), Value::Null).await.text().contains("Made-up"));

    let tables = house.ok("auditor GET /v1/admin/regions", Value::Null).await.json();
    assert_eq!(tables, json!({"lines": 1, "builtin": "iptocc", "attribution": asked}));
    assert_eq!(house.ask("read GET /v1/admin/regions", Value::Null).await.status, 403);
}

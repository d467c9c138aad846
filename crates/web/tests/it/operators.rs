//! What an operator does: packs with their questions, holds, queues.

use serde_json::{Value, json};

use crate::house::{House, NAME, pack};

fn files() -> Value {
    pack()
        .files
        .into_iter()
        .map(|(path, bytes)| (path, Value::from(String::from_utf8(bytes).unwrap())))
        .collect()
}

#[tokio::test]
async fn a_pack_is_checked_asked_about_activated_and_taken_out() {
    let house = House::new().await;
    let listed = house.ok("operator GET /v1/admin/packs?platform=demo", Value::Null).await.json();
    assert_eq!(listed["items"][0]["pack"], "test-2026");
    assert_eq!(listed["items"][0].get("active_since"), None);

    let mut open = files();
    let rule = open["rules/name.toml"].as_str().unwrap();
    let rule = rule.replace("period = \"1d\"", "period = \"unspecified\"")
        + "[ask.\"notice.period\"]\nquestion = \"How long?\"\nsuggestion = \"30d\"\nwhy = \"a month\"\n";
    open["rules/name.toml"] = rule.into();
    let report = house.ok("operator POST /v1/admin/packs/check", json!({"files": open})).await.json();
    assert_eq!(report["usable"], true, "{report}");
    assert_eq!(report["questions"][0]["suggestion"], "30d", "{report}");
    let key = report["questions"][0]["key"].as_str().unwrap().to_owned();

    let mut body = json!({"platform": "demo", "files": open});
    let missing = house.ask("operator POST /v1/admin/packs/activate", body.clone()).await;
    assert_eq!(missing.says(), "409 refused missing_choice");
    assert_eq!(missing.json()["errors"][0]["pointer"], format!("/choices/{key}"));
    body["choices"] = json!({key: "30d"});
    assert_eq!(house.ok("operator POST /v1/admin/packs/activate", body).await.json()["version"], 1);

    let listed = house.ok("auditor GET /v1/admin/packs?platform=demo", Value::Null).await.json();
    assert!(listed["items"][0]["active_since"].is_string());
    let one = house.ok("operator GET /v1/admin/packs/test-2026?platform=demo", Value::Null).await.json();
    assert_eq!(one["choices"].as_object().unwrap().len(), 1);
    house.ok("operator DELETE /v1/admin/packs/test-2026?platform=demo", Value::Null).await;
    let again = house.ask("operator DELETE /v1/admin/packs/test-2026?platform=demo", Value::Null).await;
    assert_eq!(again.says(), "404 unknown-thing unknown_pack");
}

#[tokio::test]
async fn a_simulation_says_what_activation_then_does() {
    let house = House::new().await;
    house.follow("ann", &["1", "2", "3", "4"]).await;
    house.follow("bob", &["1", "2"]).await;
    let body = json!({"platform": "demo", "pack": "test-2026"});
    let said = house.ok("auditor POST /v1/admin/packs/simulate", body.clone()).await.json();
    let (name, region) = (&said["rules"][0], &said["rules"][1]);
    assert_eq!(said["accounts"], 6, "{said}");
    assert_eq!((&name["rule"], &name["begins"]), (&json!("test-2026/name"), &json!(1)), "{said}");
    assert_eq!(name["sample_begins"], json!(["ann"]), "{said}");
    assert_eq!(name["reach"][0], json!({"followers": 3, "accounts": 1}), "{said}");
    assert_eq!((&region["begins"], &region["reach"]), (&json!(6), &json!([])), "{said}");

    house.ok("operator POST /v1/admin/packs/activate", body.clone()).await;
    let again = house.ok("operator POST /v1/admin/packs/simulate", body).await.json();
    for rule in again["rules"].as_array().unwrap() {
        assert_eq!((&rule["begins"], &rule["ends"]), (&json!(0), &json!(0)), "{again}");
        assert_eq!(rule["before"], rule["after"], "{again}");
    }
    // Who left is nobody: no rule asks about them, although their number stays taken.
    let left = house.me("POST /v1/me/leave", "bob", json!({"account": "bob"})).await;
    assert_eq!(left.says(), "200", "{}", left.text());
    // A count that nobody has asked for is not known, and not 0.
    let mut uncounted = files();
    let rule =
        uncounted["rules/name.toml"].as_str().unwrap().replace("\"followers\"", "\"followers.active\"");
    uncounted["rules/name.toml"] = rule.into();
    let two = uncounted["pack.toml"].as_str().unwrap().replace("language = 1", "language = 2");
    uncounted["pack.toml"] = two.into();
    let body = json!({"platform": "demo", "files": uncounted});
    let refused = house.ask("operator POST /v1/admin/packs/simulate", body).await;
    assert_eq!(refused.says(), "409 refused not_counted", "{}", refused.text());
    // A pack that lacks a rule ends it for everyone.
    let mut fewer = files();
    fewer.as_object_mut().unwrap().remove("rules/region.toml");
    let body = json!({"platform": "demo", "files": fewer});
    let without = house.ok("operator POST /v1/admin/packs/simulate", body).await.json();
    assert_eq!((&without["accounts"], &without["rules"][1]["ends"]), (&json!(5), &json!(5)), "{without}");
}

#[tokio::test]
async fn a_change_of_many_accounts_takes_two_others() {
    let mut house = House::new().await;
    for who in ["second", "third"] {
        let body = json!({"platform": "demo", "roles": ["operator"], "label": who});
        let key = house.ok("root POST /v1/admin/keys", body).await.json();
        house.keys.insert(who, key["token"].as_str().unwrap().to_owned());
    }
    house.follow("ann", &["1", "2", "3", "4"]).await;
    let lower = json!({"platform": "demo", "accounts": 1});
    house.ok("operator POST /v1/admin/blast-radius", lower).await;
    let higher = json!({"platform": "demo", "accounts": 2});
    let refused = house.ask("operator POST /v1/admin/blast-radius", higher).await;
    assert_eq!(refused.says(), "409 refused wider_takes_two");

    let body = json!({"platform": "demo", "pack": "test-2026"});
    let simulated = house.ok("operator POST /v1/admin/packs/simulate", body.clone()).await.json();
    let refused = house.ask("operator POST /v1/admin/packs/activate", body.clone()).await;
    assert_eq!(refused.says(), "409 refused change_too_large");
    let said = house.ok("operator POST /v1/admin/proposals", body).await.json();
    assert_eq!((&said["proposal"], &said["accounts"]), (&json!(1), &simulated["concerned"]), "{said}");

    let confirm = json!({"platform": "demo", "proposal": 1, "accounts": said["accounts"]});
    let own = house.ask("operator POST /v1/admin/proposals/confirm", confirm.clone()).await;
    assert_eq!(own.says(), "409 refused somebody_else_must_confirm");
    let other = json!({"platform": "demo", "proposal": 1, "accounts": 4});
    let other = house.ask("second POST /v1/admin/proposals/confirm", other).await;
    assert_eq!(other.says(), "409 refused not_the_number");
    let first = house.ok("second POST /v1/admin/proposals/confirm", confirm.clone()).await.json();
    assert_eq!(first["in_effect"], false);
    let listed = house.ok("auditor GET /v1/admin/proposals?platform=demo", Value::Null).await.json();
    let item = &listed["items"][0];
    assert_eq!(
        (&listed["blast_radius"], &item["kind"], &item["pack"], &item["missing"], &item["lapsed"]),
        (&json!(1), &json!("activate"), &json!("test-2026"), &json!(1), &json!(false)),
        "{listed}"
    );
    let second = house.ok("third POST /v1/admin/proposals/confirm", confirm).await.json();
    assert_eq!(second["in_effect"], true);
    let listed = house.ok("auditor GET /v1/admin/packs?platform=demo", Value::Null).await.json();
    assert!(listed["items"][0]["active_since"].is_string());

    let gone = house.ask("operator DELETE /v1/admin/packs/test-2026?platform=demo", Value::Null).await;
    assert_eq!(gone.says(), "409 refused change_too_large");
    let body = json!({"platform": "demo", "deactivate": "test-2026", "starts": "2100-01-01T00:00:00Z"});
    house.ok("operator POST /v1/admin/proposals", body).await;
    let two = json!({"platform": "demo", "deactivate": "test-2026", "blast_radius": 7});
    let two = house.ask("operator POST /v1/admin/proposals", two).await;
    assert_eq!(two.says(), "409 refused one_change");
    let discard = json!({"platform": "demo", "proposal": 2});
    house.ok("second POST /v1/admin/proposals/discard", discard.clone()).await;
    let again = house.ask("second POST /v1/admin/proposals/discard", discard).await;
    assert_eq!(again.says(), "404 unknown-thing unknown_proposal");
}

#[tokio::test]
async fn files_that_are_no_pack_are_explained_not_activated() {
    let house = House::new().await;
    for files in [
        json!({}),
        json!({"pack.toml": "id = "}),
        json!({"pack.toml": "x"}),
        json!({"../pack.toml": "x"}),
        json!({"rules/a.toml": ""}),
    ] {
        let refused = house.ask("operator POST /v1/admin/packs/check", json!({"files": files})).await;
        if refused.status == 200 {
            assert_eq!(refused.json()["usable"], false, "{files}");
        } else {
            assert_eq!(refused.says(), "422 does-not-fit", "{files}");
        }
        let body = json!({"platform": "demo", "files": files});
        let refused = house.ask("operator POST /v1/admin/packs/activate", body).await;
        assert!(
            ["409 refused pack_does_not_parse", "422 does-not-fit"].contains(&refused.says().as_str()),
            "{files}: {}",
            refused.says()
        );
    }
    let both = json!({"platform": "demo", "files": {}, "pack": "test-2026"});
    assert_eq!(
        house.ask("operator POST /v1/admin/packs/activate", both).await.says(),
        "409 refused pack_or_files"
    );
}

#[tokio::test]
async fn a_hold_beats_every_rule_until_it_is_released() {
    let house = House::with_a_name().await;
    let body = json!({"platform": "demo", "account": "ann", "reason": "stalking", "legal_basis": "terms_4"});
    house.ok("operator POST /v1/admin/holds", body.clone()).await;
    assert_eq!(house.see("verified").await, []);
    let twice = house.ask("operator POST /v1/admin/holds", body.clone()).await;
    assert_eq!(twice.says(), "409 refused already_held");
    let listed = house.ok("auditor GET /v1/admin/holds/demo/ann", Value::Null).await.json();
    assert_eq!(listed["items"][0]["reason"], "stalking");
    assert_eq!(listed["items"][0]["by"], "operator");
    assert_eq!(listed["items"][0]["legal_basis"], "terms_4");
    let queue = house.ok("auditor GET /v1/admin/holds?platform=demo&limit=1", Value::Null).await.json();
    assert_eq!(queue["items"][0]["account"], "ann");
    assert_eq!(queue["items"][0]["holds"], listed["items"]);
    house.ok("operator POST /v1/admin/holds/release", body).await;
    assert_eq!(house.see("verified").await[0].1, NAME);
}

#[tokio::test]
async fn the_queue_of_cases_is_paged() {
    let house = House::new().await;
    house.activate().await;
    for account in ["a", "b", "c"] {
        house.seal(account, NAME).await;
        house.follow(account, &["1", "2", "3"]).await;
    }
    house.tick().await;
    let mut accounts = Vec::new();
    let mut cursor = String::new();
    loop {
        let path = format!("operator GET /v1/admin/cases?platform=demo&status=noticed&limit=2{cursor}");
        let page = house.ok(&path, Value::Null).await.json();
        for item in page["items"].as_array().unwrap() {
            assert_eq!(item["case"]["rule"], "test-2026/name");
            accounts.push(item["account"].as_str().unwrap().to_owned());
        }
        match page["next"].as_str() {
            Some(next) => cursor = format!("&cursor={next}"),
            None => break,
        }
    }
    accounts.sort();
    assert_eq!(accounts, ["a", "b", "c"]);
    let none = house
        .ok("operator GET /v1/admin/cases?platform=demo&rule=test-2026/region", Value::Null)
        .await
        .json();
    assert_eq!((&none["items"], &none["complete"]), (&json!([]), &json!(true)));
}

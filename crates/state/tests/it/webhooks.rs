//! Where effects are sent: made, changed, rewound, removed, and how far each is.

use state::{EffectId, Limits, PlatformId};

use crate::script::{Run, check, check_with};

#[test]
fn an_endpoint_has_keys_one_after_the_other() {
    check(
        "register
         webhook shop shop.example -> unknown_webhook
         webhook shop shop.example key=2 -> webhook_changed
         webhook shop shop.example key=1 -> applied
         webhook shop other.example shown hidden -> applied
         webhook shop other.example rung -> unknown_effect_kind
         webhook shop other.example key=1 -> webhook_changed
         webhook shop other.example key=2 former=10d -> applied
         webhook shop other.example key=3 -> applied
         unhook bank -> unknown_webhook
         unhook shop -> applied
         unhook shop -> unknown_webhook
         webhook shop shop.example key=1 -> applied",
    );
}

#[test]
fn so_many_endpoints_and_no_more() {
    check_with(
        Limits { webhooks_max: 1, ..Limits::default() },
        "register
         webhook shop shop.example key=1 -> applied
         webhook bank bank.example key=1 -> too_many_webhooks
         webhook shop bank.example -> applied",
    );
}

#[test]
fn a_word_about_deliveries_counts_from_where_the_endpoint_is() {
    check(
        "register
         webhook shop shop.example key=1 -> applied
         delivered bank 2-0 9-0 -> unknown_webhook
         delivered shop 1-0 9-0 -> webhook_changed
         delivered shop 2-0 1-0 -> webhook_changed
         delivered shop 2-0 9-0 sent=3 failed=4-1 -> applied
         delivered shop 2-0 9-0 sent=3 -> webhook_changed
         delivered shop 9-0 9-0 sent=1 settled=4-1 -> applied
         rewind shop 9-0 -> unchanged
         rewind shop 5-0 -> applied
         delivered shop 9-0 12-0 -> webhook_changed
         delivered shop 5-0 12-0 sent=2 -> applied",
    );
}

#[test]
fn failures_that_wait_are_bounded() {
    check_with(
        Limits { retries_max: 1, ..Limits::default() },
        "register
         webhook shop shop.example key=1
         delivered shop 2-0 9-0 failed=4-1 -> applied
         delivered shop 9-0 9-0 failed=5-1 -> too_many_items
         delivered shop 9-0 9-0 failed=5-1 given_up=4-1 -> applied",
    );
}

#[test]
fn effects_are_needed_from_the_first_that_an_endpoint_did_not_get() {
    let mut run = Run::new(Limits::default());
    let mut needed = |lines: &str| {
        lines.lines().for_each(|line| drop(run.line(line.trim())));
        run.machine.effects_needed_from().map(|id| (id.position, id.index))
    };
    assert_eq!(needed("register"), None);
    assert_eq!(needed("webhook shop shop.example key=1"), Some((2, 1)));
    assert_eq!(needed("webhook bank bank.example key=1"), Some((2, 1)));
    assert_eq!(needed("delivered shop 2-0 9-4"), Some((3, 1)));
    assert_eq!(needed("delivered bank 3-0 8-0 failed=5-2 failed=7-7"), Some((7, 7)));
    assert_eq!(needed("delivered bank 8-0 8-0 settled=7-7"), Some((8, 1)));
    assert_eq!(needed("delivered bank 8-0 8-0 gone=1"), Some((9, 5)));
    assert_eq!(needed("webhook bank bank.example"), Some((8, 1)));
    assert_eq!(needed("unhook bank\nunhook shop"), None);
}

#[test]
fn an_endpoint_gets_the_kinds_it_asked_for() {
    let mut run = Run::new(Limits::default());
    for line in ["register", "webhook all shop.example key=1", "webhook some shop.example shown key=1"] {
        run.line(line);
    }
    let platform = run.machine.reader().platform(&PlatformId::new("demo").unwrap()).unwrap();
    let webhooks = platform.webhooks();
    assert!(webhooks["all"].wants("hidden") && webhooks["some"].wants("shown"));
    assert!(!webhooks["some"].wants("hidden"));
    assert_eq!(webhooks["some"].through, EffectId { position: 3, index: 0 });
}

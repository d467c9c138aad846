//! Exports of follows in every shape that is read.

use connectors::Refusals;
use connectors::files::{Error, Format, Header, ROW_BYTES_MAX, Separator};

use crate::support::{file, gzip, options, platform, read, told, zstd};

/// A file, its `--columns`, and what comes of its lines.
fn check(columns: &str, text: &str, outcome: &[&str]) {
    assert_eq!(file(text.as_bytes(), options(columns)), outcome, "{columns}\n{text}");
}

#[test]
fn the_first_lines_of_two_real_exports_are_read() {
    check(
        "follower,account",
        "follower,followee,position_in_list,list_created_at\n0,1,0,1752792945\n0,2,1,1752792945\n",
        &["2 backfill 0 1 @5", "3 backfill 0 2 @5"],
    );
    check(
        "follower,account,_,at",
        "follower,followee,position_in_list,list_created_at\n0,1,0,1752792945\n",
        &["2 backfill 0 1 @1752792945000"],
    );
    check(
        "follower,account",
        "# Directed graph: Slashdot0902.txt \r\n# FromNodeId\tToNodeId\r\n0\t0\r\n0\t1\r\n",
        &["3 account_cannot_follow_itself", "4 backfill 0 1 @5"],
    );
}

#[test]
fn separators_are_told_by_the_first_row() {
    check("follower,account", "1,2\n3,4", &["1 backfill 1 2 @5", "2 backfill 3 4 @5"]);
    check("follower,account", "1;2\n", &["1 backfill 1 2 @5"]);
    check("account,follower", "1\t2\n", &["1 backfill 2 1 @5"]);
    check("follower,account", " 1   2\n3 \t 4\n", &["1 backfill 1 2 @5", "2 backfill 3 4 @5"]);
    let mut space = options("follower,account");
    space.format = Some(Format::Separated(Separator::Space));
    space.header = Header::No;
    assert_eq!(file(b"a,b c\n", space), ["1 backfill a,b c @5"]);
}

#[test]
fn objects_are_read_by_their_fields() {
    check(
        "follower,account,at",
        concat!(
            r#"{"follower":1,"account":"ann","at":1752792945,"bio":{"x":[1]}}"#,
            "\r\n",
            r#"{"type":"follow","follower":"2","account":3,"at":"1970-01-01T00:00:00Z"}"#,
            "\n",
            r#"{"type":"unfollow","follower":2,"account":3,"at":1}"#,
            "\n",
            r#"{"follower":2,"account":3}"#,
            "\n",
            "3,4\n",
        ),
        &[
            "1 backfill 1 ann @1752792945000",
            "2 backfill 2 3 @0",
            "3 only_follows_are_imported",
            "4 field_is_missing",
            "5 line_is_not_an_object",
        ],
    );
    check("follower=src,account=dst", r#"{"src":1,"dst":2,"follower":9}"#, &["1 backfill 1 2 @5"]);
}

#[test]
fn a_bad_row_is_refused_and_the_next_is_read() {
    check(
        "follower,account,at",
        "1,2,3\n\n1\n,2,3\n1,,3\n1,2,\n1,2\n1,2,soon\na/b,2,3\n1,203.0.113.9,3\n042,2,3\n4,2,2025-07-17T22:55:45Z\n 5 , 2 ,9,more,values\n6,2,9999999999999\n",
        &[
            "1 backfill 1 2 @3000",
            "3 field_is_missing",
            "4 field_is_missing",
            "5 field_is_missing",
            "6 field_is_missing",
            "7 field_is_missing",
            "8 time_is_refused",
            "9 account_is_refused",
            "10 account_is_refused",
            "11 backfill 042 2 @3000",
            "12 backfill 4 2 @1752792945000",
            "13 backfill 5 2 @9000",
            "14 time_is_refused",
        ],
    );
    let mut bytes = b"1,2\n\xff\xfe,2\n3,4".to_vec();
    assert_eq!(
        file(&bytes, options("follower,account")),
        ["1 backfill 1 2 @5", "2 line_is_not_utf8", "3 backfill 3 4 @5"]
    );
    bytes.splice(0..0, *b"\xef\xbb\xbf");
    assert_eq!(
        file(&bytes, options("follower,account")).len(),
        3,
        "a byte order mark is no part of the first value"
    );
}

#[test]
fn quoted_values_are_read() {
    check(
        "follower,_,account",
        "\"1\",\"a, \"\"b\"\"\",\"2\"\r\n3,\"\",\"4\"\r\n\"a b\",x,5\n",
        &["1 backfill 1 2 @5", "2 backfill 3 4 @5", "3 backfill a b 5 @5"],
    );
    check("follower,account", "\"follower\",\"account\"\n1,2\n", &["2 backfill 1 2 @5"]);
}

#[test]
fn a_biography_cannot_write_follows() {
    // A stranger's biography, exported as a quoted value, holds line ends and what looks like rows.
    let bio = "hello\n666,1\n# not a comment\n667,1";
    check(
        "follower,account",
        &format!("1,2,\"{bio}\"\n3,4,x\n"),
        &["1 backfill 1 2 @5", "5 backfill 3 4 @5"],
    );
    // The same, made too long to be kept, by lines and by one line.
    for filler in ["x".repeat(ROW_BYTES_MAX * 5), format!("{}\n", "x".repeat(100)).repeat(ROW_BYTES_MAX / 50)]
    {
        let lines = filler.matches('\n').count() + 5;
        let text = format!("9,8\n1,2,\"{filler}{bio}\"\n3,4,x\n");
        let after = format!("{} backfill 3 4 @5", lines + 1);
        check("follower,account", &text, &["1 backfill 9 8 @5", "2 line_is_too_long", &after]);
    }
    // Never closed: nothing after it is believed.
    check(
        "follower,account",
        &format!("9,8\n1,2,\"{bio}\n3,4\n"),
        &["1 backfill 9 8 @5", "2 quote_is_not_closed"],
    );
}

#[test]
fn a_long_row_is_refused_and_the_next_is_read() {
    let text = format!("1,2\n{},2\n3,4", "x".repeat(ROW_BYTES_MAX * 10));
    check("follower,account", &text, &["1 backfill 1 2 @5", "2 line_is_too_long", "3 backfill 3 4 @5"]);
}

#[test]
fn a_header_in_another_order_stops_the_import_before_it_began() {
    let mut follows = read(b"followee,follower\n1,2\n", options("follower,account")).unwrap();
    let error = follows.next_batch().unwrap_err();
    assert!(matches!(error, Error::Header(_)), "{error}");
    check("follower,account=followee", "followee,follower\n1,2\n", &["2 backfill 2 1 @5"]);
    let mut no_header = options("follower,account");
    no_header.header = Header::No;
    assert_eq!(file(b"from,to\n", no_header), ["1 backfill from to @5"]);
}

#[test]
fn a_first_row_that_may_be_a_header_is_asked_about() {
    let text = b"ann,bob\ncid,dan\n";
    let error = read(text, options("follower,account")).unwrap().next_batch().unwrap_err();
    assert!(error.to_string().contains("--header"), "{error}");
    for (header, outcome) in
        [("yes", &["2 backfill cid dan @5"][..]), ("no", &["1 backfill ann bob @5", "2 backfill cid dan @5"])]
    {
        let mut options = options("follower,account");
        options.header = Header::parse(header).unwrap();
        assert_eq!(file(text, options), outcome, "{header}");
    }
}

#[test]
fn formats_and_headers_are_told_by_name() {
    for (name, text) in [
        ("csv", "1,2"),
        ("semicolon", "1;2"),
        ("tsv", "1\t2"),
        ("space", "1 2"),
        ("ndjson", r#"{"follower":1,"account":2}"#),
    ] {
        let mut options = options("follower,account");
        options.format = Format::parse(name);
        assert!(options.format.is_some());
        assert_eq!(file(text.as_bytes(), options), ["1 backfill 1 2 @5"], "{name}");
    }
    assert_eq!((Format::parse("xml"), Header::parse("maybe")), (None, None));
}

#[test]
fn utf16_is_told_and_not_guessed_at() {
    assert!(matches!(read(b"\xff\xfe1\0,\0", options("follower,account")), Err(Error::Utf16)));
}

#[test]
fn an_empty_file_has_no_batch() {
    for text in ["", "\n\n", "# only a comment\n", "follower,account\n"] {
        check("follower,account", text, &[]);
    }
    for bytes in [gzip(b""), zstd(b"")] {
        assert!(file(&bytes, options("follower,account")).is_empty());
    }
}

#[test]
fn an_import_goes_on_where_it_stopped() {
    let mut text = "# head\nfollower,account,\"quoted\"\n".to_owned();
    for row in 0..100 {
        let line = match row % 5 {
            0 => format!("{row},1000,\"two\nlines\"\n"),
            1 => "bad\n# between\n\n".to_owned(),
            _ => format!("{row},1000\n"),
        };
        text.push_str(&line);
    }
    let whole = file(text.as_bytes(), options("follower,account"));
    assert_eq!(whole.len(), 100);
    for batch_events_max in [1, 7, 1000] {
        let mut told_so_far = Vec::new();
        let mut rows = 0;
        loop {
            // A new reader for each batch, as if every batch had been followed by a crash.
            let mut options = options("follower,account");
            options.batch_events_max = batch_events_max;
            options.rows_skipped = rows;
            let mut follows = read(text.as_bytes(), options).unwrap();
            let Some(batch) = follows.next_batch().unwrap() else { break };
            told_so_far.extend(told(&batch));
            rows = follows.progress().rows;
        }
        assert_eq!(told_so_far, whole);
        assert_eq!(rows, 100);
    }
}

#[test]
fn progress_counts_what_was_read() {
    let text = b"# a\nfollower,account\n1,2\nbad\n\n# b\n3,4\n";
    let packed = gzip(text);
    let mut follows = read(&packed, options("follower,account")).unwrap();
    let batch = follows.next_batch().unwrap().unwrap();
    assert_eq!(told(&batch).len(), 3);
    assert!(follows.next_batch().unwrap().is_none());
    let progress = follows.progress();
    assert_eq!((progress.rows, progress.lines, progress.comments), (3, 7, 2));
    assert_eq!(progress.bytes, packed.len() as u64);
}

#[test]
fn a_file_of_nothing_but_bad_rows_is_told_in_bounded_pieces() {
    let text = "7\n".repeat(2 * Refusals::KEPT_MAX + 5);
    let mut follows = read(text.as_bytes(), options("follower,account")).unwrap();
    let mut pieces = Vec::new();
    while let Some(batch) = follows.next_batch().unwrap() {
        assert!(batch.refused.is_complete() && batch.edges.is_empty());
        pieces.push(batch.refused.total());
    }
    assert_eq!(pieces, [1000, 1000, 5]);
}

#[test]
fn a_file_on_disk_is_opened_and_a_missing_one_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("follows.csv.gz");
    std::fs::write(&path, gzip(b"1,2\n")).unwrap();
    let mut follows =
        connectors::files::Follows::open(&path, platform(), options("follower,account")).unwrap();
    assert_eq!(told(&follows.next_batch().unwrap().unwrap()), ["1 backfill 1 2 @5"]);
    let missing = folder.path().join("missing.csv");
    let error =
        connectors::files::Follows::open(&missing, platform(), options("follower,account")).unwrap_err();
    assert!(error.to_string().contains("missing.csv"), "{error}");
}

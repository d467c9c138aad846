"""DuckDB on the works load, filter, stream_10k and stream_100; started by bench-peers, prints one JSON object a line.

The load and the filter run without a unique index, which is DuckDB at its best; the streams need one, so that a
repeated follow is not counted twice.
"""
import json
import os
import shutil
import statistics
import sys
import time

import duckdb
import numpy

folder, runs, slices, slice_s, largest, followers, meeting, cut, works = sys.argv[1:]
runs, slices, slice_s = int(runs), int(slices), float(slice_s)
largest, followers, meeting, cut = int(largest), int(followers), int(meeting), int(cut)
works = works.split(",")
layout = numpy.dtype([("followee", "<u4"), ("follower", "<u4"), ("day", "<u2"), ("flags", "<u2")])
path, kept = f"{folder}/follows.duckdb", f"{folder}/kept.duckdb"


def say(**line):
    print(json.dumps(line), flush=True)


def columns(events):
    return {name: numpy.ascontiguousarray(events[name]) for name in layout.names}


def opened():
    return duckdb.connect(path, config={"threads": os.cpu_count(), "memory_limit": "8GB"})


def check(store, expected):
    count = store.execute("SELECT n FROM counts WHERE followee = ?", [largest]).fetchone()[0]
    edges = store.execute("SELECT count(*) FROM follows WHERE followee = ?", [largest]).fetchone()[0]
    assert count == edges == expected, (count, edges, expected)


def load():
    if os.path.exists(path):
        os.unlink(path)
    store = opened()
    store.execute("CREATE TABLE follows(followee UINTEGER, follower UINTEGER, day USMALLINT, flags USMALLINT)")
    store.execute("CREATE TABLE counts(followee UINTEGER PRIMARY KEY, n UBIGINT)")
    begun = time.perf_counter()
    store.execute("BEGIN")
    store.execute("INSERT INTO follows SELECT followee, follower, day, flags FROM source")
    store.execute("INSERT INTO counts SELECT followee, count(*) FROM follows GROUP BY followee")
    store.execute("COMMIT")
    store.execute("CHECKPOINT")
    took = time.perf_counter() - begun
    check(store, followers)
    return store, took


def filtered(store):
    begun = time.perf_counter()
    store.execute("BEGIN")
    removed = store.execute(
        f"DELETE FROM follows WHERE followee = {largest} AND flags <> 0 AND day < {cut}"
    ).fetchone()[0]
    store.execute(f"UPDATE counts SET n = n - {removed} WHERE followee = {largest}")
    store.execute("COMMIT")
    took = time.perf_counter() - begun
    assert removed == meeting, removed
    check(store, followers - meeting)
    return took


def streamed(store, events, at, size):
    rates = []
    for _ in range(slices):
        begun, done = time.perf_counter(), 0
        while time.perf_counter() - begun < slice_s:
            part = columns(events[at : at + size])
            assert len(part["followee"]) == size, "more events are needed"
            store.execute("BEGIN")
            fresh = store.execute(
                "INSERT INTO follows SELECT followee, follower, day, flags FROM part ON CONFLICT DO NOTHING "
                "RETURNING followee"
            ).fetchnumpy()["followee"]
            followees, sums = numpy.unique(fresh, return_counts=True)
            sums = {"followee": followees, "n": sums}
            store.execute(
                "INSERT INTO counts SELECT followee, n FROM sums ON CONFLICT (followee) "
                "DO UPDATE SET n = counts.n + excluded.n"
            )
            store.execute("COMMIT")
            at, done = at + size, done + size
        rates.append(done / (time.perf_counter() - begun))
    return at, statistics.median(rates)


source = columns(numpy.fromfile(f"{folder}/follows.bin", layout))
edges = len(source["followee"])
say(note=f"DuckDB {duckdb.__version__}, {os.cpu_count()} threads; load and filter without a unique index, streams with one")

took = []
for _ in range(runs if "load" in works else 1):
    store, seconds = load()
    took.append(seconds)
    store.close()
if "load" in works:
    say(work="load", unit="edges/s", value=edges / statistics.median(took))
if "filter" in works:
    shutil.copy(path, kept)
    took = []
    for _ in range(runs):
        shutil.copy(kept, path)
        store = opened()
        check(store, followers)
        took.append(filtered(store))
        store.close()
    say(work="filter", unit="ms p50", value=statistics.median(took) * 1000)
    shutil.copy(kept, path)
if "stream_10k" in works or "stream_100" in works:
    coming, at = numpy.fromfile(f"{folder}/coming.bin", layout), 0
    store = opened()
    store.execute("CREATE UNIQUE INDEX once ON follows(followee, follower)")
    for work, size in (("stream_10k", 10_000), ("stream_100", 100)):
        if work in works:
            at, rate = streamed(store, coming, at, size)
            say(work=work, unit="events/s", value=rate)
    counted = store.execute("SELECT sum(n) FROM counts").fetchone()[0]
    stored = store.execute("SELECT count(*) FROM follows").fetchone()[0]
    assert counted == stored, (counted, stored)
    store.close()

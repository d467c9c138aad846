"""What schemathesis must be told about bodies of lines, and a fault of the interpreter it runs on.

The document says that such a body is text. Whatever is put on the wire there is text, so a value of another type cannot
be sent as the mistake that schemathesis means it to be; those are left out, and everything else is sent as it is.

CPython 3.11 counts the depth of a syntax tree once for all threads, so two that parse at the same time fail with
"AST constructor recursion depth mismatch". Hypothesis parses, and several callers run at once: one at a time, then.
"""

import ast
import threading

import schemathesis

parse_unguarded = ast.parse
parsing = threading.RLock()


def parse_alone(*args, **options):
    with parsing:
        return parse_unguarded(*args, **options)


ast.parse = parse_alone

LINES = "application/x-ndjson"


@schemathesis.serializer(LINES)
def ndjson(ctx, value):
    return value if isinstance(value, bytes) else str(value).encode("utf-8", "replace")


@schemathesis.hook
def filter_case(ctx, case):
    return case.media_type != LINES or isinstance(case.body, (str, bytes))

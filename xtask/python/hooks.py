"""What schemathesis must be told about bodies of lines.

The document says that such a body is text. Whatever is put on the wire there is text, so a value of another type cannot
be sent as the mistake that schemathesis means it to be; those are left out, and everything else is sent as it is.
"""

import schemathesis

LINES = "application/x-ndjson"


@schemathesis.serializer(LINES)
def ndjson(ctx, value):
    return value if isinstance(value, bytes) else str(value).encode("utf-8", "replace")


@schemathesis.hook
def filter_case(ctx, case):
    return case.media_type != LINES or isinstance(case.body, (str, bytes))

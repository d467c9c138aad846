"""What schemathesis must be told: how lines of JSON are sent. The document says only that the body is text."""

import schemathesis


@schemathesis.serializer("application/x-ndjson")
def ndjson(ctx, value):
    return value if isinstance(value, bytes) else str(value).encode("utf-8", "replace")

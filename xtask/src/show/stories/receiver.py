"""A platform's endpoint: verifies each message by the Standard Webhooks specification, with nothing but the standard library.

Prints its port, then works until its standard input ends. What came goes to a file, one JSON object a line, sound or not. The first
message of all is answered with 503, so that it has to be sent again.
"""

import base64
import hashlib
import hmac
import http.server
import json
import sys
import threading
import time

secrets_file, journal_file = sys.argv[1:]
lock = threading.Lock()
refused = []


def verifies(secret, headers, body):
    """`v1`: HMAC-SHA-256 over id, timestamp and body; at most five minutes off."""
    at = headers.get("webhook-timestamp", "")
    if not at.isdigit() or abs(time.time() - int(at)) > 300:
        return False
    key = base64.b64decode(secret.removeprefix("whsec_"))
    signed = b".".join([headers.get("webhook-id", "").encode(), at.encode(), body])
    wanted = base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest()).decode()
    given = [part.partition(",") for part in headers.get("webhook-signature", "").split(" ")]
    return any(version == "v1" and hmac.compare_digest(wanted, signature) for version, _, signature in given)


class Endpoint(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self):
        body = self.rfile.read(int(self.headers["content-length"]))
        with open(secrets_file) as file:
            secret = json.load(file)[self.path.strip("/")]
        sound = verifies(secret, self.headers, body)
        names = ["webhook-id", "webhook-timestamp", "webhook-signature"]
        line = {
            "path": self.path.strip("/"),
            "headers": {name: self.headers.get(name, "") for name in names},
            "body": body.decode(),
            "sound": sound,
        }
        with lock:
            line["taken"] = sound and bool(refused)
            refused.append(1)
            with open(journal_file, "a") as file:
                file.write(json.dumps(line) + "\n")
        self.send_response(204 if line["taken"] else 503 if sound else 401)
        self.send_header("content-length", "0")
        self.end_headers()

    def log_message(self, *_):
        pass


class Server(http.server.ThreadingHTTPServer):
    def handle_error(self, request, client_address):
        # The other side is killed in the midst of things.
        if not issubclass(sys.exc_info()[0] or OSError, ConnectionError):
            super().handle_error(request, client_address)


server = Server(("127.0.0.1", 0), Endpoint)
threading.Thread(target=server.serve_forever, daemon=True).start()
print(server.server_address[1], flush=True)
sys.stdin.read()

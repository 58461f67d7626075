"""A stand-in for the ngrok agent: it says what the agent says on its output, and speaks its local API.

Called as the agent is: `start --none --log stdout --config FILE`. The token in FILE must be "good-token". Its tunnels
lead nowhere: the public URL is made up.
"""

import json
import sys
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

TUNNELS: dict[str, dict[str, object]] = {}


class Api(BaseHTTPRequestHandler):
    """Endpoints: list, make, end."""

    def do_GET(self) -> None:
        """All endpoints."""
        self._answer(200, {"endpoints": list(TUNNELS.values())})

    def do_POST(self) -> None:
        """A new one."""
        asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        public = f"https://{len(TUNNELS)}.ngrok.example"
        TUNNELS[asked["name"]] = {"name": asked["name"], "url": public, "upstream": asked["upstream"]}
        self._answer(201, TUNNELS[asked["name"]])

    def do_DELETE(self) -> None:
        """One less."""
        TUNNELS.pop(self.path.rpartition("/")[2], None)
        self.send_response(204)
        self.end_headers()

    def _answer(self, status: int, body: object) -> None:
        data = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


def say(**fields: str) -> None:
    """A line in logfmt."""
    sys.stdout.write(" ".join(f'{name}="{value}"' for name, value in fields.items()) + "\n")
    sys.stdout.flush()


def main() -> None:
    """Check the token, then serve until killed."""
    config = Path(sys.argv[sys.argv.index("--config") + 1])
    token = json.loads(config.read_text())["agent"]["authtoken"]
    if token != "good-token":
        say(t="now", lvl="eror", msg="failed to auth", err=f"The authtoken {token} is not valid. ERR_NGROK_105")
        sys.exit(1)
    server = HTTPServer(("127.0.0.1", 0), Api)
    say(t="now", lvl="info", msg="starting web service", addr=f"127.0.0.1:{server.server_address[1]}")
    say(t="now", lvl="info", msg="client session established")
    say(t="now", lvl="info", msg="tunnel session started")
    server.serve_forever()


if __name__ == "__main__":
    main()

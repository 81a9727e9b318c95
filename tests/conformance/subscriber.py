"""An HTTP endpoint on loopback that takes what SNS delivers."""
import http.server
import json
import threading


class Subscriber:
    """`received` holds the JSON bodies, `headers` the headers that came with them, both in order of arrival. While it
    `refuses`, it answers 503 and keeps nothing."""

    def __init__(self):
        self.received, self.headers, self.refuses = [], [], False
        subscriber = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self):
                body = self.rfile.read(int(self.headers["Content-Length"]))
                if not subscriber.refuses:
                    subscriber.headers.append(self.headers)
                    subscriber.received.append(json.loads(body))
                self.send_response(503 if subscriber.refuses else 200)
                self.end_headers()

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}/"

    def of_type(self, kind):
        return [message for message in self.received if message.get("Type") == kind]

    def __enter__(self):
        threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
        return self

    def __exit__(self, *_):
        self.server.shutdown()
        self.server.server_close()

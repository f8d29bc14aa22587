"""A program with vLLM's name, flags and habits: it loads, starts a worker, answers; or fails as `--fake` says."""

import argparse
import http.server
import json
import os
import signal
import socket
import subprocess
import sys
import time


def terminate(*_):
    print("shutting down in peace", flush=True)
    os._exit(0)


def main():
    parser = argparse.ArgumentParser()
    for name in ("--model", "--served-model-name", "--host", "--runner", "--fake"):
        parser.add_argument(name, default="")
    parser.add_argument("--port", type=int)
    parser.add_argument("--fake-load", type=float, default=0.2)
    args, _ = parser.parse_known_args()
    key = os.environ.get("VLLM_API_KEY", "")
    print(f"non-default args: {sys.argv[1:]}")
    # In a session of its own, as nothing forbids a worker
    subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"], start_new_session=True)
    signal.signal(signal.SIGTERM, terminate)
    if args.fake == "stubborn":
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
    time.sleep(args.fake_load)
    if args.fake == "die":
        print(f"the key is {key}\nRuntimeError: CUDA out of memory", flush=True)
        os._exit(3)
    if args.fake == "hang":
        time.sleep(600)

    class Handler(http.server.BaseHTTPRequestHandler):
        def log_message(self, *_):
            pass

        def reply(self, status, body):
            data = json.dumps(body).encode()
            self.send_response(status)
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        def do_GET(self):
            if self.path == "/health":
                self.reply(200, {})
            elif key and self.headers["Authorization"] != f"Bearer {key}":
                self.reply(401, {"error": "Unauthorized"})
            else:
                name = "another" if args.fake == "wrong-name" else args.served_model_name
                self.reply(200, {"data": [{"id": name}]})

        def do_POST(self):
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            wanted = "/pooling" if args.runner == "pooling" else "/v1/completions"
            if args.fake == "broken":
                print("RuntimeError: Unsupported CPU attention configuration", flush=True)
                self.reply(500, {"error": f"{key} is no help"})
            elif self.path != wanted:
                self.reply(404, {})
            else:
                self.reply(200, {"model": body["model"], "asked": body})

    class Server(http.server.ThreadingHTTPServer):
        address_family = socket.AF_INET

    with Server((args.host, args.port), Handler) as server:
        print("Application startup complete.", flush=True)
        server.serve_forever()


if __name__ == "__main__":
    main()

import http.server
import socket
import sys
import threading
from contextlib import closing

import pytest

from omega_fast.errors import BackendError, ConfigError
from omega_fast.serving import checks, make_plan, placement, read_settings
from tests.serving.serving import free_port


@pytest.fixture
def has_vllm(monkeypatch):
    monkeypatch.setattr(checks, "_HAS_VLLM", "pass")


def plan_on(port, **settings):
    return make_plan(
        read_settings({"policy": "ledger-policy", "policy_port": port, **settings}), visible=(), env={}
    )


def bound(port, *, listening=True):
    held = socket.socket()
    held.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    held.bind(("127.0.0.1", port))
    if listening:
        held.listen()
    return closing(held)


def test_a_free_port_and_an_installed_vllm_are_no_fault(has_vllm):
    checks.check(plan_on(free_port()))


def test_a_port_that_is_taken_is_told_with_the_process_that_has_it(has_vllm, monkeypatch):
    monkeypatch.setattr(checks, "_STRANGER_SECONDS", 0.2)
    port = free_port()
    with bound(port), pytest.raises(ConfigError, match=rf"port {port} is taken by process \d+ \(py") as taken:
        checks.check(plan_on(port))
    assert "--policy-port" in taken.value.hint


def test_a_port_that_a_loading_server_holds_without_listening_is_taken(has_vllm):
    port = free_port()
    with bound(port, listening=False), pytest.raises(ConfigError, match=f"port {port} is taken"):
        checks.check(plan_on(port))


def test_a_port_with_connections_of_an_earlier_server_that_time_out_is_free(has_vllm):
    port = free_port()
    with bound(port) as server, closing(socket.create_connection(("127.0.0.1", port))) as client:
        accepted, _ = server.accept()
        accepted.close()  # the side that closes first waits
        client.recv(1)
    assert not checks._binds("127.0.0.1", port, reuse=False)
    checks.check(plan_on(port))


@pytest.mark.parametrize(
    ("served", "said"),
    [("ledger-policy", "serves ledger-policy already"), ("other", "serves other and not ledger-policy")],
)
def test_what_a_server_there_serves_is_told(has_vllm, served, said):
    class Handler(http.server.BaseHTTPRequestHandler):
        def log_message(self, *_):
            pass

        def do_GET(self):
            body = b'{"data": [{"id": "%s"}]}' % served.encode()
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

    with http.server.HTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            with pytest.raises(ConfigError, match=said):
                checks.check(plan_on(server.server_port))
        finally:
            server.shutdown()
            thread.join()


def test_an_address_of_another_machine_is_refused(has_vllm):
    with pytest.raises(ConfigError, match=r"192\.0\.2\.77 port \d+ cannot be listened at"):
        checks.check(plan_on(free_port(), host="192.0.2.77"))


def test_a_missing_vllm_is_told_with_the_way_to_install_it():
    fault = checks.vllm_fault(sys.executable)
    if fault is None:
        pytest.skip("vLLM is installed here")
    assert isinstance(fault, BackendError)
    assert "vllm is not installed" in fault.message
    assert "--python" in fault.hint


def test_an_interpreter_that_is_none_is_told():
    assert "cannot be run" in checks.vllm_fault("/nowhere/python").message


def test_several_faults_are_told_together(monkeypatch):
    monkeypatch.setattr(checks, "_HAS_VLLM", "import sys; sys.exit(1)")
    port = free_port()
    with bound(port, listening=False), pytest.raises(ConfigError, match="3 things are in the way") as raised:
        checks.check(plan_on(port, policy_gpus="1"))
    for each in ("no GPU 1: none is visible", f"port {port} is taken", "vllm is not installed"):
        assert each in raised.value.message


@pytest.mark.parametrize(
    ("allowed", "visible"),
    [
        (None, ("0", "1", "2")),
        ("2,0", ("2", "0")),
        ("GPU-bb,1", ("GPU-bb", "1")),
        ("1,7,2", ("1",)),
        ("", ()),
        ("-1", ()),
        ("MIG-GPU-aa/1/0", ("MIG-GPU-aa/1/0",)),
    ],
)
def test_visible_gpus_are_those_that_cuda_would_see(tmp_path, monkeypatch, allowed, visible):
    program = tmp_path / "nvidia-smi"
    program.write_text("#!/bin/sh\nprintf 'GPU-aa11\\nGPU-bb22\\nGPU-cc33\\n'\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    env = {} if allowed is None else {"CUDA_VISIBLE_DEVICES": allowed}
    assert placement.visible_gpus(env) == visible

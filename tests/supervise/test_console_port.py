"""`up` and the demo find a port for the console."""

import socket
from pathlib import Path

from driftline.supervise import Child, Supervisor, add_console


class Noting(Supervisor):
    """Notes what it would start."""

    def _start(self, child: Child) -> None:
        child.started = 0.0


def test_the_port_asked_for_or_a_free_one_where_it_is_taken(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        supervisor = Noting(tmp_path)
        address = add_console(supervisor, tmp_path / "stream.yaml", port)
        assert address != f"http://127.0.0.1:{port}"
        assert supervisor.children["console-0"].argv[-1] == address.rpartition(":")[2]
    assert add_console(Noting(tmp_path), tmp_path / "stream.yaml", port) == f"http://127.0.0.1:{port}"

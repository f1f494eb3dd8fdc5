"""Becomes a command in a container without Docker: `box.py PLAN COMMAND…`, in namespaces of its own (Linux only).

It has what PLAN (JSON) gives it: a read-only file system of its own, of the host's system folders, the folders `keep`,
the mounts `binds` ([source, target, writable]) and `tmpfs` ([target, options]), and `hosts` for /etc/hosts; a network
of its own, on which the ports of `forwards` lead to ports of the host; and, if root starts it, the rights of `user`.
The command keeps this process's id, so that signals reach it.
"""

# Run by path and isolated: the standard library only.
from __future__ import annotations

import asyncio
import ctypes
import fcntl
import json
import os
import signal
import socket
import struct
import sys
from pathlib import Path
from typing import Any

_CLONE_NEWNS, _CLONE_NEWNET, _CLONE_NEWUSER = 0x20000, 0x40000000, 0x10000000
_MS_RDONLY, _MS_REMOUNT, _MS_BIND, _MS_REC, _MS_PRIVATE = 1, 32, 4096, 16384, 1 << 18
_PR_SET_PDEATHSIG, _PR_SET_NO_NEW_PRIVS = 1, 38
_SIOCSIFFLAGS, _IFF_UP, _IFF_RUNNING = 0x8914, 0x1, 0x40
_SYSTEM = ("bin", "sbin", "lib", "lib32", "lib64", "libx32", "usr", "etc", "opt", "proc", "dev", "sys")
_LIBC = ctypes.CDLL(None, use_errno=True)


def _call(name: str, *arguments: Any) -> None:
    if getattr(_LIBC, name)(*arguments) != 0:
        raise OSError(ctypes.get_errno(), f"{name}{arguments}: {os.strerror(ctypes.get_errno())}")


def _mount(source: str, target: Path, kind: str | None, flags: int, options: str = "") -> None:
    _call("mount", source.encode(), str(target).encode(), kind and kind.encode(), flags, options.encode() or None)


def _unshare() -> bool:
    """Leave the host's mounts and network; returns whether this is the host's root, who may become anybody."""
    user, group, root = os.geteuid(), os.getegid(), os.geteuid() == 0
    _call("unshare", _CLONE_NEWNS | _CLONE_NEWNET | (0 if root else _CLONE_NEWUSER))
    if not root:
        Path("/proc/self/setgroups").write_text("deny")
        Path("/proc/self/uid_map").write_text(f"0 {user} 1")
        Path("/proc/self/gid_map").write_text(f"0 {group} 1")
    return root


def _build(plan: dict[str, Any], root: Path, everybody: bool) -> None:
    """Mount the command's file system at `root`, an empty folder."""
    _mount("none", Path("/"), None, _MS_REC | _MS_PRIVATE)
    _mount("box", root, "tmpfs", 0, "mode=0755")
    for name in _SYSTEM:
        there = Path("/", name)
        if there.is_symlink():
            (root / name).symlink_to(there.readlink())
        elif there.is_dir():
            _bind(str(there), root / name, name in ("proc", "dev", "sys"), _MS_REC)
    for target, options in plan["tmpfs"]:
        there = root / target.lstrip("/")
        there.mkdir(parents=True, exist_ok=True)
        # A user namespace with one user has no other to give a folder to.
        known = [one for one in options.split(",") if everybody or not one.startswith(("uid=", "gid="))]
        _mount("box", there, "tmpfs", 0, ",".join(known))
    for kept in plan["keep"]:
        _bind(kept, root / kept.lstrip("/"), False)
    for source, target, writable in plan["binds"]:
        _bind(source, root / target.lstrip("/"), writable)
    (root / ".hosts").write_text(plan["hosts"])
    _mount(str(root / ".hosts"), root / "etc" / "hosts", None, _MS_BIND)
    _mount("none", root, None, _MS_REMOUNT | _MS_BIND | _MS_RDONLY)


def _bind(source: str, target: Path, writable: bool, more: int = 0) -> None:
    if Path(source).is_dir():
        target.mkdir(parents=True, exist_ok=True)
    else:
        target.parent.mkdir(parents=True, exist_ok=True)
        target.touch()
    _mount(source, target, None, _MS_BIND | more)
    if not writable:
        _mount("none", target, None, _MS_REMOUNT | _MS_BIND | _MS_RDONLY)


def _listen(ports: list[int]) -> list[socket.socket]:
    """Bring the network's loopback up and listen on these ports of it."""
    with socket.socket() as asking:
        fcntl.ioctl(asking, _SIOCSIFFLAGS, struct.pack("16sH14x", b"lo", _IFF_UP | _IFF_RUNNING))
    return [socket.create_server(("127.0.0.1", port)) for port in ports]


def _forward(channel: socket.socket, targets: list[int]) -> None:
    """Carry what arrives at the listeners that come through `channel` to these ports of the host, for ever.

    A socket belongs to the network in which it was made, so the listeners' process can stay in the host's.
    """
    _, descriptors, _, _ = socket.recv_fds(channel, 1, len(targets))

    async def carry(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while chunk := await reader.read(65_536):
                writer.write(chunk)
                await writer.drain()
        except OSError:
            pass
        finally:
            writer.close()

    async def serve() -> None:
        for descriptor, target in zip(descriptors, targets, strict=True):

            async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, target: int = target) -> None:
                back, there = await asyncio.open_connection("127.0.0.1", target)
                await asyncio.gather(carry(reader, there), carry(back, writer))

            await asyncio.start_server(answer, sock=socket.socket(fileno=descriptor))
        await asyncio.Event().wait()

    asyncio.run(serve())


def _become(user: int) -> None:
    os.setgroups([])
    os.setresgid(user, user, user)
    os.setresuid(user, user, user)


def main() -> None:
    """Never returns."""
    plan, command = json.loads(sys.argv[1]), sys.argv[2:]
    ports = {int(port): target for port, target in plan["forwards"].items()}
    ours, theirs = socket.socketpair()
    me = os.getpid()
    if os.fork() == 0:
        ours.close()
        if os.geteuid() == 0:
            # A dying process signals its children by its own rights, and the command will have this user's.
            _become(plan["user"])
        _call("prctl", _PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
        if os.getppid() == me:
            _forward(theirs, list(ports.values()))
        os._exit(0)
    theirs.close()
    everybody = _unshare()
    listeners = _listen(list(ports))
    socket.send_fds(ours, [b"!"], [one.fileno() for one in listeners])
    _build(plan, Path(plan["root"]), everybody)
    os.chroot(plan["root"])
    os.chdir(plan["folder"])
    if everybody:
        _become(plan["user"])
    _call("prctl", _PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
    os.execvp(command[0], command)


if __name__ == "__main__":
    main()

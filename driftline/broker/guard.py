"""Run a command that cannot outlive the process which asked for it.

``python -m driftline.broker.guard PARENT_PID SIGNAL -- CMD...`` runs ``CMD``; when the process ``PARENT_PID``
is gone, for whatever reason, SIGKILL included, ``CMD`` is sent ``SIGNAL``. Programs get the argv from
:func:`guarded`.

On Linux the kernel does it (``PR_SET_PDEATHSIG``) and the guard replaces itself by the command: same pid, no
process in between. Elsewhere the guard stays, forwards signals to the command and watches its own parent.

.. warning::
   The kernel's "parent" is the *thread* that spawned the child, not the process. Spawn guarded children from
   the main thread, or from one that lives as long as the child should: the signal comes when it ends.
"""

# Only the standard library, and little of it: this file is run, by path, for every child (about 40 ms).
from __future__ import annotations

import os
import signal
import sys

_PR_SET_PDEATHSIG = 1
_POLL_S = 0.2
_GRACE_S = 5.0
_USAGE = "usage: python -m driftline.broker.guard PARENT_PID SIGNAL -- CMD [ARG...]"


def guarded(cmd: list[str], sig: int = signal.SIGTERM) -> list[str]:
    """Return the argv which runs a command that dies with the calling process.

    Parameters
    ----------
    cmd : list of str
        The command; ``cmd[0]`` is looked up on ``PATH`` when it holds no slash.
    sig : int, default SIGTERM
        The signal the command gets when the calling process is gone.

    Returns
    -------
    list of str
        What to hand to ``subprocess.Popen``, from the main thread (see the module's warning).
    """
    # By path and isolated (-I -S) instead of -m: it works wherever the package was imported from, whatever
    # the working directory and PYTHONPATH are, and skips site-packages. None of this reaches the command.
    me = os.path.abspath(__file__)
    return [sys.executable, "-I", "-S", me, str(os.getpid()), str(int(sig)), "--", *cmd]


def main(argv: list[str]) -> int:
    """Run the guard; on Linux this does not return when all is well.

    Parameters
    ----------
    argv : list of str
        ``PARENT_PID SIGNAL -- CMD...``

    Returns
    -------
    int
        The exit status: the command's own, 126 if it could not be run, 2 for a wrong call.
    """
    if len(argv) < 4 or argv[2] != "--" or not argv[0].isdigit() or not argv[1].isdigit():
        print(_USAGE, file=sys.stderr)
        return 2
    parent, sig, cmd = int(argv[0]), int(argv[1]), argv[3:]
    try:
        if sys.platform == "linux":
            return _become(parent, sig, cmd)
        return _watch(parent, sig, cmd)
    except OSError as error:
        print(f"cannot run {cmd[0]}: {error}", file=sys.stderr)
        return 126


def _become(parent: int, sig: int, cmd: list[str]) -> int:
    """Ask the kernel for the signal, then turn into the command."""
    import ctypes

    if ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, sig, 0, 0, 0) != 0:
        raise OSError(ctypes.get_errno(), "prctl(PR_SET_PDEATHSIG) refused")
    # The parent may have died before the prctl above, and then no signal will ever come. Checked after it, so
    # that there is no gap: from here on either the check or the kernel sees the death.
    if os.getppid() != parent:
        return 128 + sig
    # Python ignores these at its start, and an ignored signal stays ignored across exec: give the command the
    # defaults that it would have had without the guard.
    signal.signal(signal.SIGPIPE, signal.SIG_DFL)
    signal.signal(signal.SIGXFSZ, signal.SIG_DFL)
    return os.execvp(cmd[0], cmd)


def _watch(parent: int, sig: int, cmd: list[str]) -> int:
    """Run the command as a child and signal it when our own parent has changed (no PDEATHSIG on macOS)."""
    import subprocess

    child: subprocess.Popen[bytes] | None = None
    early: list[int] = []

    def forward(number: int, _frame: object) -> None:
        # A signal may arrive before there is a child to hand it to; it must not be lost.
        if child is None:
            early.append(number)
        else:
            child.send_signal(number)

    signal.signal(signal.SIGTERM, forward)
    signal.signal(signal.SIGINT, forward)
    child = subprocess.Popen(cmd)
    for number in early:
        child.send_signal(number)
    while True:
        try:
            status = child.wait(_POLL_S)
            return status if status >= 0 else 128 - status
        except subprocess.TimeoutExpired:
            if os.getppid() != parent:
                break
    child.send_signal(sig)
    try:
        child.wait(_GRACE_S)
    except subprocess.TimeoutExpired:
        child.kill()
    return 128 + sig


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

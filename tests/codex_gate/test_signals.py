"""The end that a signal asks for, each in a process of its own."""

import signal
import subprocess
import sys

import pytest

BEFORE = "import os, signal, sys, time\nfrom codex_gate.signals import Ended, unwinding\nsignal.signal(signal.SIGHUP, signal.SIG_DFL)\n"  # nohup ignores it


def ran(code: str) -> subprocess.CompletedProcess[bytes]:
    return subprocess.run([sys.executable, "-c", BEFORE + code], capture_output=True, timeout=20)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_the_block_is_left_as_by_an_error_and_the_process_dies_of_the_signal(number: signal.Signals) -> None:
    done = ran(
        f"with unwinding():\n    try:\n        os.kill(os.getpid(), {int(number)})\n        time.sleep(9)\n"
        "    except Exception:\n        print('taken for an error', flush=True)\n    finally:\n        print('cleaned', flush=True)\nprint('went on', flush=True)"
    )
    assert (done.returncode, done.stdout, done.stderr) == (-number, b"cleaned\n", b"")


def test_what_another_handles_or_ignores_is_left_to_him() -> None:
    done = ran(
        "mine = lambda *_: print('mine', flush=True)\nsignal.signal(signal.SIGTERM, mine)\nsignal.signal(signal.SIGHUP, signal.SIG_IGN)\n"
        "with unwinding():\n    os.kill(os.getpid(), signal.SIGHUP)\n    os.kill(os.getpid(), signal.SIGTERM)\n"
        "assert signal.getsignal(signal.SIGTERM) is mine and signal.getsignal(signal.SIGHUP) is signal.SIG_IGN"
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, b"mine\n", b"")


def test_after_the_block_a_signal_means_what_it_did_before() -> None:
    done = ran("with unwinding():\n    assert callable(signal.getsignal(signal.SIGTERM))\nassert signal.getsignal(signal.SIGTERM) is signal.SIG_DFL")
    assert (done.returncode, done.stderr) == (0, b"")


def test_a_forked_worker_dies_at_once_and_unwinds_nothing_of_its_parent() -> None:
    done = ran(
        "ready, told = os.pipe()\nwith unwinding():\n    try:\n        child = os.fork()\n        if not child:\n            os.write(told, b'.')\n"
        "            for _ in range(180):\n                time.sleep(0.05)\n            os._exit(1)\n        os.read(ready, 1)\n        os.kill(child, signal.SIGTERM)\n        print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)\n    finally:\n        print('cleaned', flush=True)"
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, b"-15\ncleaned\n", b"")


def test_a_thread_that_is_not_the_first_sets_no_handler() -> None:
    done = ran(
        "import threading\ndef work():\n    with unwinding():\n        pass\n    print('done', flush=True)\n"
        "thread = threading.Thread(target=work)\nthread.start()\nthread.join()"
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, b"done\n", b"")

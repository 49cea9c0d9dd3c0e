"""What a program may do to the worker, and what is said about it: each is contained, and the next program runs."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from automl_codex import sandbox
from automl_codex.sandbox import Job, Sandbox


@pytest.fixture(scope="module")
def box() -> Iterator[Sandbox]:
    with Sandbox(seconds=0.2, silence=4.0) as made:
        yield made


def outcome(box: Sandbox, source: str) -> str:
    first, after = box.run([Job(source, "f", [()]), Job("def f(x):\n    return x + 1\n", "f", [(1,), (41,)])])
    assert after == ["2", "42"], "the next program runs as if nothing had been"
    assert len(first) == 1
    return first[0]


ESCAPE = "[c for c in ().__class__.__base__.__subclasses__() if c.__name__ == '_wrap_close'][0].__init__.__globals__"


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ("return 1", "1"),
        ("return {'b', 'a'}", "set([\"'a'\", \"'b'\"])"),
        ("return {'b': {2, 1}, 'a': 0}", "{'b': set(['1', '2']), 'a': 0}"),
        ("return object()", "<object object>"),
        ("raise ValueError('no')", "!ValueError"),
        ("return f()", "!RecursionError"),
        ("raise SystemExit", "!SystemExit"),
        ("while True: pass", "?timeout"),
        ("while True:\n        try:\n            while True: pass\n        except Exception: pass", "?timeout"),
        ("return [0] * 10**10", "?memory"),
        ("import os\n    os.fork()", "!ImportError"),
        ("import socket", "!ImportError"),
        ("import ctypes", "!ImportError"),
        ("return open('x', 'w')", "!TypeError"),
        (f"{ESCAPE}['system']('true')", "?refused: os.system"),
        (f"{ESCAPE}['fork']()", "?refused: os.fork"),
        (f"try:\n        {ESCAPE}['fork']()\n    except BaseException:\n        return 'caught'", "?refused: os.fork"),
        (f"return {ESCAPE}['open']('/etc/passwd', 0)", "?refused: open"),
        (f"return {ESCAPE}['environ']", "environ({})"),
        (f"{ESCAPE}['sys'].modules['posix']._exit(0)", "?crash 0"),
        (f"{ESCAPE}['kill'](1, 0)", "?refused: os.kill"),
        (f"{ESCAPE}['sys'].modules['resource'].setrlimit(7, (99, 99))", "?refused: resource.setrlimit"),
    ],
)
def test_program_is_contained_and_named(box: Sandbox, body: str, expected: str) -> None:
    assert outcome(box, f"def f():\n    {body}\n") == expected


def test_what_no_signal_stops_costs_the_worker_and_no_more(box: Sandbox) -> None:
    before = box.restarts
    assert outcome(box, "def f():\n    return sum(range(10**12))\n") == "?timeout"
    assert box.restarts == before + 1


def test_program_that_does_not_compile(box: Sandbox) -> None:
    assert outcome(box, "def f(:\n").startswith("!SyntaxError: ")


def test_coroutine_is_driven_and_one_that_is_not_awaited_shows(box: Sandbox) -> None:
    assert outcome(box, "async def g():\n    return 3\n\nasync def f():\n    return await g()\n") == "3"
    assert outcome(box, "async def g():\n    return 3\n\nasync def f():\n    return [g()]\n") == "[<coroutine object g>]"


def test_arguments_are_fresh_for_each_program(box: Sandbox) -> None:
    source = "def f(xs):\n    xs.append(1)\n    return xs\n"
    values: list[tuple[list[int]]] = [([0],)]
    assert list(box.run([Job(source, "f", values)] * 2)) == [["[0, 1]"], ["[0, 1]"]]
    assert values == [([0],)]


def test_builtins_that_a_program_changes_are_its_own(box: Sandbox) -> None:
    assert outcome(box, "def f():\n    __builtins__['len'] = None\n    return 0\n") == "0"
    assert outcome(box, "def f():\n    return len('ab')\n") == "2"


def test_long_result_is_cut(box: Sandbox) -> None:
    text = outcome(box, "def f():\n    return 'x' * 50_000\n")
    assert len(text) < 10_100
    assert text.endswith("(50002 characters)")


def test_worker_has_nothing_to_reach_out_with(box: Sandbox) -> None:
    """The limits beneath the audit hook: what the kernel says to this process."""
    import os
    import re
    from pathlib import Path

    outcome(box, "def f():\n    return 0\n")
    process = box._process
    assert process is not None
    limits = Path(f"/proc/{process.pid}/limits").read_text()
    found = {name: re.search(rf"^{name} +(\d+)", limits, re.MULTILINE) for name in ("Max open files", "Max processes", "Max file size", "Max core file size")}
    assert {name: match and int(match[1]) for name, match in found.items()} == {
        "Max open files": 3, "Max processes": 0, "Max file size": 0, "Max core file size": 0,
    }  # fmt: skip
    status = Path(f"/proc/{process.pid}/status").read_text()
    if os.getuid() == 0:
        assert re.search(r"^Uid:\t65534\t65534\t65534", status, re.MULTILINE)
        assert re.search(r"^CapEff:\t0+$", status, re.MULTILINE)
    assert set(map(int, os.listdir(f"/proc/{process.pid}/fd"))) <= {0, 1, 2, 3}


def test_directory_of_the_worker_goes_with_it() -> None:
    with Sandbox() as made:
        place = made._place.name
        assert list(made.run([Job("def f():\n    return 1\n", "f", [()])])) == [["1"]]
        process = made._process
    assert process is not None and process.returncode is not None
    assert not sandbox.Path(place).exists()

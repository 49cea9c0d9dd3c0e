"""The resident process in which py2many runs, limited as the one that runs generated programs.

Standard input and output are those of `sandbox_worker.py`; an answer is one of ["ok", Rust], ["unsupported", why], ["crash", why].
"""

from __future__ import annotations

import gc
import json
import marshal
import resource
import signal
import struct

from automl_codex.sandbox_worker import OutOfTime, limit, out_of_time, streams

_WARM_UP = """
import math

class Box:
    def __init__(self, size: int) -> None:
        self.size = size

def solve(a: int, b: float, words: list[str], table: dict[str, int]) -> tuple[int, str]:
    total = math.floor(b) + len(words) + Box(a).size
    for word in words:
        if word in table and a > 2:
            total += max(table[word], 1)
    return (total, f"{a} {total}")
"""


def answer(source: str, seconds: float) -> list[str]:
    """What became of one program."""
    from automl_codex.py2many_adapter import Unsupported, transpile

    signal.setitimer(signal.ITIMER_VIRTUAL, seconds, 0.05)
    try:
        return ["ok", transpile(source)]
    except OutOfTime:
        return ["?timeout"]
    except Unsupported as error:
        return ["unsupported", str(error)]
    except MemoryError:
        return ["?memory"]
    except Exception as error:  # noqa: BLE001 - whatever breaks in py2many is what became of the program
        return ["crash", f"{type(error).__name__}: {str(error).strip().partition(chr(10))[0][:200]}"]
    finally:
        signal.setitimer(signal.ITIMER_VIRTUAL, 0)


def main() -> None:
    incoming, outgoing = streams()
    answer(_WARM_UP, 60.0)  # imports what it needs while files can still be read
    memory_mb = struct.unpack(">I", incoming.read(4))[0]
    signal.signal(signal.SIGVTALRM, out_of_time)
    limit(memory_mb)
    gc.disable()
    gc.freeze()  # what was imported is looked through at no collection
    while head := incoming.read(4):
        seconds, programs = marshal.loads(incoming.read(struct.unpack(">I", head)[0]))
        for number, (source, _, _) in enumerate(programs):
            used = resource.getrusage(resource.RUSAGE_SELF)
            resource.setrlimit(resource.RLIMIT_CPU, (int(used.ru_utime + used.ru_stime + 2 * seconds) + 2, resource.RLIM_INFINITY))
            outgoing.write(json.dumps(answer(source, seconds)).encode("ascii") + b"\n")
            outgoing.flush()
            if number % 20 == 0:
                gc.collect()


if __name__ == "__main__":
    main()

"""A repository whose fixes are known, for the tests of the backtest.

Seventy changes, one a day, small but for four of 60 or 80 lines, which the model of `samples.write_model` finds risky:

    place 10  large, repaired at 30 and again at 50     place 12  large, never repaired
    place 20  a merge that brings 60 lines and, on its own branch, a fix of them; repaired at 40, by a merge
    place 54  small, repaired at 55                     place 60  large, young
"""

from __future__ import annotations

from tests.conftest import BOB, DAY, START, Node, Repo

N = 70
LARGE = (10, 12, 20, 60)
REPAIRS = {10: 30, 20: 40, 54: 55}
RIPENING_DAYS = 20  # the median of 20, 20 and 1
HOSTILE = '<script>alert(1)</script> \u202eevil ##[error]x " & 50 %'


def lines(name: str, n: int, **changed: str) -> str:
    """n statements; `changed` replaces the value of some, for example l3="30"."""
    return "".join(f"{name}_{i} = {changed.get(f'l{i}', str(i))}\n" for i in range(n))


def nodes() -> tuple[list[Node], list[int]]:
    """The history, and the node of each place on the first-parent line."""
    found: list[Node] = []
    line: list[int] = []

    def add(message: str, changes: dict[str, str], parents: tuple[int, ...], day: float) -> int:
        found.append(Node(changes, parents, BOB if len(found) % 2 else "Ada <ada@example.org>", START + int(day * DAY), message))  # type: ignore[arg-type]
        return len(found) - 1

    for place in range(N):
        before = (line[-1],) if line else ()
        if place in (10, 12, 60):
            node = add(f"add part {place}", {f"src/part{place}.py": lines("part", 80)}, before, place)
        elif place == 20:
            first = add("add branch", {"src/branch.py": lines("branch", 60)}, before, place - 0.5)
            second = add("fix: crash in branch", {"src/branch.py": lines("branch", 60, l5="50")}, (first,), place - 0.4)
            node = add(f"Merge pull request #7 from bob/branch\n\n{HOSTILE}", {"src/branch.py": lines("branch", 60, l5="50")}, (*before, second), place)
        elif place == 30:
            node = add("fix: wrong value in part", {"src/part10.py": lines("part", 80, l3="30")}, before, place)
        elif place == 40:
            text = lines("branch", 60, l5="50", l7="70")
            first = add("fix: crash on empty input", {"src/branch.py": text}, before, place - 0.5)
            node = add("Merge branch 'empty'", {"src/branch.py": text}, (*before, first), place)
        elif place == 50:
            node = add("fix: another wrong value in part", {"src/part10.py": lines("part", 80, l3="30", l4="40")}, before, place)
        elif place == 55:
            node = add("fix: crash in the last work", {"src/work54.py": lines("work54", 3, l1="10")}, before, place)
        else:
            node = add(f"work {place}", {f"src/work{place}.py": lines(f"work{place}", 3)}, before, place)
        line.append(node)
    return found, line


def build(repo: Repo) -> list[str]:
    """Make the history in an empty repository; the SHA of each place on the first-parent line."""
    made, line = nodes()
    shas = repo.build(made)
    return [shas[node] for node in line]

"""The sentences that the reporters for people share, so that every surface says the same in the same words."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Final

from codex_gate.taxonomy import DEFINITIONS, DefectCategory
from codex_gate.types import Classification, Evidence, Finding, Level, LineScore, ModelKind, Notice, Report, Thresholds

MESSAGE: Final = "message"  # Evidence.where of a match in the commit message
MAX_CATEGORIES: Final = 3  # chosen, as the two below: what fits on a screen beside the rest
MAX_EVIDENCE: Final = 2
MAX_FILES: Final = 3


def hundredths(share: float) -> int:
    """A probability in [0, 1] as so many of a hundred, half up: the number in a headline, in a natural frequency and of marked dots."""
    return math.floor(100 * share + 0.5)


def percent(share: float, digits: int = 0) -> str:
    """A probability in [0, 1] as a person would write it: "31 %", never a false 0 or 100."""
    least = 10.0**-digits
    value = 100 * share if digits else hundredths(share)
    if round(value, digits) < least:
        return f"<{least:g} %"
    if round(value, digits) > 100 - least:
        return f">{100 - least:g} %"
    return f"{value:.{digits}f} %"


def digits(report: Report) -> int:
    """Digits after the point, at most 2, without which a risk would read like a threshold that it exceeds, or two thresholds alike."""
    risks = [finding.risk for finding in (report.change, *report.commits) if finding is not None and finding.risk is not None]
    limits = set(report.thresholds.at.values())
    for n in (0, 1):
        shown = {share: round(100 * share, n) if n else hundredths(share) for share in (*limits, *risks)}
        if len({shown[at] for at in limits}) == len(limits) and not any(risk > at and shown[risk] == shown[at] for risk in risks for at in limits):
            return n
    return 2


def folder(repository: str) -> str:
    """The last part of a repository's path: what people call it."""
    return repository.rstrip("/").rpartition("/")[2] or repository


def count(n: int, one: str, many: str | None = None) -> str:
    return f"{n:,} {one if n == 1 else many or one + 's'}"


def verdict(finding: Finding, n: int) -> str:
    """The headline: "31 % risk – high", with `n` digits after the point."""
    if finding.risk is None:
        return "Risk unknown"
    of = " of what could be read" if finding.is_blind else ""
    return f"{percent(finding.risk, n)} risk{of} – {'no level' if finding.level is Level.UNKNOWN else finding.level}"


def standing(finding: Finding, thresholds: Thresholds) -> str:
    """How the risk compares with this repository's recent changes, "" where it cannot be said."""
    if finding.risk is None or finding.above is None:
        return ""
    others = f"of this repository's last {thresholds.n_changes:,} changes" if thresholds.n_changes else "of the recent changes before it"
    if finding.above >= 100:
        return f"more than any {others}"
    whole = int(finding.above)  # rounded down: "more than 100 %" of 1,000 would be untrue at 99.9
    return f"more than {whole} % {others}" if whole else f"among the lowest {others}"


WHERE: Final = {
    ModelKind.GENERAL: "where the model learned",
    ModelKind.ADAPTED: "at the base rate that the model was moved to",
    ModelKind.RETRAINED: "where the model was retrained",
}
NEEDED: Final = {ModelKind.GENERAL: "needed", ModelKind.ADAPTED: "would need", ModelKind.RETRAINED: "needed"}


def meaning(finding: Finding, kind: ModelKind) -> str:
    """The calibrated risk as a natural frequency, claimed for what the model was calibrated on alone; "" without one, and for a part of a change, which nothing there was."""
    if finding.risk is None or finding.is_blind:
        return ""
    tenths, of_hundred = math.floor(10 * finding.risk + 0.5), hundredths(finding.risk)
    if of_hundred == 0:
        often = "fewer than 1 in 100"
    elif of_hundred >= 100:
        often = "nearly all"
    elif of_hundred < 50 or tenths == 10:
        often = f"about {of_hundred} in 100"
    else:
        often = f"about {tenths} in 10"
    where = WHERE[kind]
    return f"{where[0].upper()}{where[1:]}, {often} changes scored like this {NEEDED[kind]} a fix."


def levels(thresholds: Thresholds, n: int) -> str:
    """Where the levels begin in this repository, "" where there are none."""
    if not thresholds.at:
        return ""
    begins = ", ".join(f"{level} above {percent(at, n)}" for level, at in sorted(thresholds.at.items(), key=lambda item: item[0].rank))
    return f"Levels here: {begins} (from the last {thresholds.n_changes:,} changes, never below the base rate of {percent(thresholds.base_rate, n)})"


def tally(commits: Sequence[Finding]) -> str:
    """How many commits reach each level, the loudest first: "2 high, 1 moderate, 12 low"."""
    seen = Counter(finding.level for finding in commits)
    names = {Level.UNKNOWN: "without a level"}
    return ", ".join(f"{seen[level]:,} {names.get(level, level)}" for level in (*reversed(list(Level)[1:]), Level.UNKNOWN) if seen[level])


def highest(commits: Iterable[Finding]) -> Finding | None:
    """The commit with the greatest risk, the first of equals; None where no risk is known."""
    return max((finding for finding in commits if finding.risk is not None), key=lambda finding: finding.risk or 0.0, default=None)


def summary(commits: Sequence[Finding]) -> str:
    """The commits of a quiet change in one line; "" where there is but one, which is the change."""
    top = highest(commits)
    if len(commits) < 2 or top is None or top.risk is None:
        return ""
    loud = max(finding.level.rank for finding in commits)
    start = count(len(commits), "commit")
    if loud <= Level.LOW.rank:
        start += ", none above low"
    return f"{start}, the riskiest {short(top.sha)} with {percent(top.risk)}"


def loudest_first(commits: Sequence[Finding], limit: int) -> list[Finding]:
    """The `limit` riskiest commits, in their own order; those without a risk come last."""
    risks = [-1.0 if finding.risk is None else finding.risk for finding in commits]
    ranked = sorted(range(len(commits)), key=lambda i: (-risks[i], i))[:limit]
    return [commits[i] for i in sorted(ranked)]


def notices(report: Report) -> list[Notice]:
    """Every notice on the report and the change once, then those that tell why commits have no risk."""
    found = [*report.notices]
    if report.change is not None:
        found += [*report.change.notices, *report.change.features.notices]
    said = set(found)
    why = Counter(n for f in report.commits if f.risk is None for n in dict.fromkeys((*f.notices, *f.features.notices)) if n not in said)
    found += [Notice(n.code, f"{count(times, 'commit')}: {n.text}") for n, times in why.items()]
    return list(dict.fromkeys(found))


def categories(finding: Finding) -> list[Classification]:
    """What the classifier sees, "unclassified" left out."""
    return [c for c in finding.classifications if c.category is not None]


def about(found: Classification) -> str:
    """What a category is, in a sentence; its name alone says little to whoever meets it first."""
    return DEFINITIONS[DefectCategory(found.category)].is_a if found.category in set(DefectCategory) else ""


def place(path: str, line: int) -> str:
    return f"{path}:{line}" if line > 0 else path


def in_message(evidence: Evidence) -> bool:
    return evidence.where == MESSAGE


def by_place(found: Iterable[Evidence]) -> list[tuple[Evidence, list[str]]]:
    """Evidence with the texts that spoke there, those of one place, or of the message, together; deleted ones apart."""
    groups: dict[tuple[str, int, bool], tuple[Evidence, list[str]]] = {}
    for one in found:
        texts = groups.setdefault((one.where, 0 if in_message(one) else one.line, one.deleted), (one, []))[1]
        texts += [text for text in (matched(one),) if text and text not in texts]
    return list(groups.values())


def matched(evidence: Evidence) -> str:
    """The text that spoke, "" where it is the path itself, which stands beside it anyway."""
    return "" if evidence.text == evidence.where else evidence.text


def alike(lines: Iterable[LineScore]) -> list[list[LineScore]]:
    """The lines of one side that say the same but for their indentation together, in the order of the first of each: a list of places names such once."""
    groups: dict[tuple[bool, bytes], list[LineScore]] = {}
    for line in lines:
        groups.setdefault((line.added, line.text.strip()), []).append(line)
    return list(groups.values())


def like_it(group: Sequence[LineScore]) -> str:
    """How many lines are like the first of a group: " and 7 like it", "" where it is alone."""
    return f" and {len(group) - 1:,} like it" if len(group) > 1 else ""


def told(evidence: Evidence, texts: str) -> str:
    """The texts that spoke at a place, as they are shown there, and before them that the change deleted what they stood in."""
    gone = "" if not evidence.deleted else "deleted" if evidence.is_gone else "deleted here"
    return ": ".join(filter(None, (gone, texts)))


def short(sha: str | None) -> str:
    return "staged" if sha is None else sha[:9]


def points(contribution: float) -> str:
    """A reason's share in the risk, in points of a hundred, with its sign."""
    return "" if not contribution else f"{100 * contribution:+.0f}".replace("-", "\u2212")


def mark(contribution: float) -> str:
    return "·" if not contribution else "↑" if contribution > 0 else "↓"


def duration(seconds: float) -> str:
    return f"{seconds:.2f} s" if seconds < 1 else f"{seconds:.1f} s" if seconds < 60 else f"{seconds / 60:.1f} min"

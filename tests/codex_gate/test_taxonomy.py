"""The taxonomy: 18 categories, defined, with the languages where they can occur and their severity."""

from __future__ import annotations

import re

import pytest

from codex_gate.paths import LANGUAGES
from codex_gate.taxonomy import DEFINITIONS, HARMS, KINDS, NONE, DefectCategory, Severity, applies

NAMES = """ASTTransform OwnershipBorrow StdlibMapping TypeErrors ConcurrencyBugs SecurityVulnerabilities MemorySafety ComprehensionBugs TraitBounds
OperatorPrecedence TypeAnnotationGaps IteratorChain ConfigurationErrors IntegrationFailures PerformanceIssues ApiMisuse ResourceLeaks LogicErrors"""


def test_exactly_the_18_of_the_specification_in_its_order() -> None:
    assert [category.name for category in DefectCategory] == NAMES.split()
    assert all(category.value == category.name for category in DefectCategory)
    assert list(DEFINITIONS) == list(DefectCategory)


def test_the_kinds_are_the_categories_in_their_order_and_none_last() -> None:
    assert (*NAMES.split(), "none") == KINDS and KINDS[-1] == NONE
    assert NONE not in {category.value for category in DefectCategory}  # the list of categories stays closed


@pytest.mark.parametrize("category", DefectCategory)
def test_defined_in_two_sentences(category: DefectCategory) -> None:
    definition = DEFINITIONS[category]
    for sentence in (definition.is_a, definition.is_not):
        assert re.fullmatch(r"[A-Z][^.]*\.", sentence), sentence
    assert definition.text == f"{definition.is_a} {definition.is_not}"


@pytest.mark.parametrize("category", DefectCategory)
def test_languages_are_names_that_paths_give(category: DefectCategory) -> None:
    languages = DEFINITIONS[category].languages
    assert languages is None or (languages and languages <= set(LANGUAGES.values()))


@pytest.mark.parametrize(("category", "languages", "holds"), [
    (DefectCategory.OwnershipBorrow, {"rust"}, True),
    (DefectCategory.OwnershipBorrow, {"python", "c"}, False),
    (DefectCategory.TraitBounds, {"go", "rust"}, True),
    (DefectCategory.TraitBounds, {"java"}, False),
    (DefectCategory.MemorySafety, {"python", "c"}, True),
    (DefectCategory.MemorySafety, {"java"}, False),
    (DefectCategory.ComprehensionBugs, {"python"}, True),
    (DefectCategory.ComprehensionBugs, {"clojure"}, False),
    (DefectCategory.TypeAnnotationGaps, {"typescript"}, True),
    (DefectCategory.TypeAnnotationGaps, {"c"}, False),
    (DefectCategory.IteratorChain, {"c"}, False),
    (DefectCategory.ASTTransform, set(), True),
    (DefectCategory.ConfigurationErrors, set(), True),
    (DefectCategory.MemorySafety, set(), False),
])  # fmt: skip
def test_applies(category: DefectCategory, languages: set[str], holds: bool) -> None:
    assert applies(category, languages) is holds


def test_priors_are_the_comments_of_the_specification_and_nothing_else() -> None:
    priors = {category.name: DEFINITIONS[category].prior for category in DefectCategory if DEFINITIONS[category].prior}
    assert priors == {
        "ASTTransform": (0.40, 0.62), "OwnershipBorrow": (0.15, 0.20), "StdlibMapping": (0.05, 0.21), "TypeErrors": (0.02, 0.03), "ConcurrencyBugs": (0.01, 0.05),
        "SecurityVulnerabilities": (0.122, 0.122), "MemorySafety": (0.101, 0.101), "ComprehensionBugs": (0.051, 0.051), "TraitBounds": (0.01, 0.02),
    }  # fmt: skip


@pytest.mark.parametrize("category", DefectCategory)
def test_each_has_a_severity_with_its_reason(category: DefectCategory) -> None:
    assert list(HARMS) == list(DefectCategory)
    assert isinstance(HARMS[category].severity, Severity)
    assert re.fullmatch(r"[A-Z][^\n]{20,160}\.", HARMS[category].why)


def test_severities_are_used_in_full_and_ordered() -> None:
    assert {harm.severity for harm in HARMS.values()} == set(Severity)
    assert [severity.rank for severity in (Severity.LOW, Severity.MODERATE, Severity.HIGH, Severity.CRITICAL)] == [0, 1, 2, 3]
    assert {c for c in DefectCategory if HARMS[c].severity is Severity.CRITICAL} == {DefectCategory.SecurityVulnerabilities, DefectCategory.MemorySafety}

"""Cases of the operator comprehension_element: (original, texts of all its mutants in order)."""

CASES = [
    ("x = [a + 1 for a in b]\n", ["x = [a for a in b]\n"]),
    ("x = [a for a in b]\n", []),
]

"""Cases of the operator dropped_conversion: (original, texts of all its mutants in order)."""

CASES = [
    ("x = int(a)\n", ["x = a\n"]),
    ("x = str(a + b) * 2\n", ["x = (a + b) * 2\n"]),
    ("x = len(a)\n", []),
]

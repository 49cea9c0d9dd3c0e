"""Cases of the operator precedence: (original, texts of all its mutants in order)."""

CASES = [
    ("x = (a + b) * c\n", ["x = a + b * c\n"]),
    ("x = a - (b & c)\n", ["x = a - b & c\n"]),
    ("x = a * (b - c)\n", ["x = a * b - c\n"]),
    ("x = (a or b) and c\n", ["x = a or (b and c)\n"]),
    ("x = a + b * c\n", []),
]

"""Cases of the operator wrong_function: (original, texts of all its mutants in order)."""

CASES = [
    ("x = min(a, b)\n", ["x = max(a, b)\n"]),
    ("x = s.upper()\n", ["x = s.lower()\n"]),
    ("xs.append(1)\n", ["xs.extend(1)\n"]),
    ("x = mine(a)\n", []),
]

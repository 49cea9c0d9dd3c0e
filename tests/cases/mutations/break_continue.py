"""Cases of the operator break_continue: (original, texts of all its mutants in order)."""

CASES = [
    ("for a in b:\n    if a:\n        break\n", ["for a in b:\n    if a:\n        continue\n"]),
    ("for a in b:\n    continue\n", ["for a in b:\n    break\n"]),
]

"""Cases of the operator range_bound: (original, texts of all its mutants in order)."""

CASES = [
    (
        "for i in range(n):\n    x += i\n",
        ["for i in range(n - 1):\n    x += i\n", "for i in range(n + 1):\n    x += i\n", "for i in range(1, n):\n    x += i\n"],
    ),
    ("for i in range(1, n):\n    x += i\n", ["for i in range(1, n - 1):\n    x += i\n", "for i in range(1, n + 1):\n    x += i\n"]),
    ("for i in sorted(n):\n    x += i\n", []),
]

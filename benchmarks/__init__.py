"""The speed, size and accuracy figures of docs/benchmarks.md, each made anew by `python benchmarks/run.py`."""

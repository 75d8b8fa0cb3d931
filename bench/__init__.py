"""The measurements behind docs/explanation/performance.md: `python -m bench`."""

"""What docs/explanation/performance.md says, measured: `python -m bench`."""

"""What docs/performance.md says, measured: `python -m bench`."""

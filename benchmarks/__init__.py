"""The package's promises about speed, measured: ``python -m benchmarks``; see README.md beside this file."""

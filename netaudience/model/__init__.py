"""What all else speaks of: rows, values, limits, verdicts, requests, answers. Plain data without I/O."""

"""What a job would do, found out without sending: its check, its estimate, its first file."""

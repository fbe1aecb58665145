"""A job as it is written down: its model, what reads and checks it, its guards. Nothing is opened."""

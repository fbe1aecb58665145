"""A run of a job: one reading that feeds its steps, each a run of the engine, until all is settled."""

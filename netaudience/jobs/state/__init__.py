"""What outlives a reading: snapshot, checkpoint, dead letters, the run's folder and its summary."""

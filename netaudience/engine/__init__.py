"""The concurrent batch engine: packing, pacing, sending, settling. It knows no vendor."""

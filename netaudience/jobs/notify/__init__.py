"""Tells others how a run ended, where that is worth to be told: a webhook, a health check, a function."""

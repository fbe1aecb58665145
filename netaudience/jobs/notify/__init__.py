"""Tells others how a run ended, where that is worth an alert: a webhook, a health check, a function."""

"""How the cost grows with items, requests at one time, chunks, failures and accounts."""

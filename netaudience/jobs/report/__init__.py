"""The page of a run with its pictures. A run that draws nothing imports none of it."""

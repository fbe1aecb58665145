"""An operation from its declaration to a run of the engine: declared once, bound to a client, dispatched."""

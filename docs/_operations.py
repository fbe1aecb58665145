"""A directive for the site: the operations of a client, each with its signature and its docstring."""

from __future__ import annotations

import inspect

from docutils.nodes import Node
from sphinx.application import Sphinx
from sphinx.ext.napoleon import GoogleDocstring
from sphinx.util.docutils import SphinxDirective
from sphinx.util.inspect import stringify_signature

from netaudience.vendors import clients


class Operations(SphinxDirective):
    """``.. operations:: netmera``: what a vendor's client can be asked to do."""

    required_arguments = 1

    def run(self) -> list[Node]:
        """Write each operation as Sphinx's own directive for a method, and have that read."""
        (vendor,) = (each for each in clients() if each.slug == self.arguments[0])
        written: list[str] = []
        for name, operation in vendor.operations().items():
            signature = stringify_signature(operation.signature, unqualified_typehints=True)
            told = GoogleDocstring(inspect.cleandoc(operation.__doc__ or ""), self.config).lines()
            written += ["", f".. py:method:: netaudience.{vendor.__name__}.{name}{signature}", ""]
            written += [f"   {line}" for line in told]
        return self.parse_text_to_nodes("\n".join(written))


def setup(app: Sphinx) -> dict[str, bool]:
    """Say what there is."""
    app.add_directive("operations", Operations)
    return {"parallel_read_safe": True}

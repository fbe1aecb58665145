"""How the site is made of these pages: `nox -s docs` builds it without a network, and a warning fails."""

from __future__ import annotations

import sys
from importlib.metadata import version as version_of
from pathlib import Path

from docutils.nodes import Element, reference
from sphinx.addnodes import pending_xref
from sphinx.application import Sphinx
from sphinx.environment import BuildEnvironment

from netaudience.cli.app import build
from netaudience.operations.dispatch import Operation

sys.path.insert(0, str(Path(__file__).parent))

project = "netaudience"
copyright = "the netaudience authors"  # noqa: A001 - the name is Sphinx's
release = version = version_of("netaudience")
extensions = [
    "myst_parser",
    "sphinx.ext.autodoc",
    "sphinx.ext.napoleon",
    "sphinx.ext.viewcode",
    "_operations",
]
exclude_patterns = ["_build", "changes"]
#: A name in single quotation marks that two classes have is shown without a link.
suppress_warnings = ["ref.python"]

html_theme = "furo"
html_title = "netaudience"
html_static_path = ["_static"]
html_css_files = ["site.css"]
html_show_sourcelink = False
html_copy_source = False
html_theme_options = {"source_repository": "", "navigation_with_keys": True}

#: Headings of Markdown can be linked to as GitHub names them, so that a link works in both places.
myst_heading_anchors = 4
myst_enable_extensions = ["colon_fence"]

autodoc_typehints = "signature"
autodoc_typehints_format = "short"
autodoc_member_order = "bysource"
autodoc_preserve_defaults = True
autodoc_class_signature = "mixed"
napoleon_google_docstring = True
napoleon_numpy_docstring = False
python_use_unqualified_type_names = True
python_maximum_signature_line_length = 88
#: Where a user imports from: an annotation names the module in which something is defined.
_FACES = (
    "netaudience",
    "netaudience.jobs",
    "netaudience.consumers",
    "netaudience.events",
    "netaudience.sandbox",
)


def _by_its_public_name(
    app: Sphinx, env: BuildEnvironment, node: pending_xref, shown: Element
) -> reference | None:
    """Lead a reference to an inner module's name to where users find it."""
    if node.get("refdomain") != "py" or not str(node["reftarget"]).startswith("netaudience."):
        return None
    name = str(node["reftarget"]).rpartition(".")[2]
    objects = env.domains["py"].objects
    for face in _FACES:
        if (public := f"{face}.{name}") in objects:
            domain = env.domains["py"]
            return domain.resolve_xref(env, node["refdoc"], app.builder, "obj", public, node, shown)
    return None


def _no_operation(*told: object) -> bool | None:
    """Leave operations to the directive that knows their signatures."""
    member = told[3]
    return True if isinstance(member, Operation) else None


def _written_of_the_command(_: Sphinx, page: str, source: list[str]) -> None:
    """Let the command write its own page."""
    if page == "reference/command":
        source[0] += "\n" + build(None, vendors=()).generate_docs(heading_level=2)


def setup(app: Sphinx) -> None:
    """Connect what is above."""
    app.connect("missing-reference", _by_its_public_name)
    app.connect("autodoc-skip-member", _no_operation)
    app.connect("source-read", _written_of_the_command)

"""What MoEngage's operations say of the workspace that they are about."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from netaudience.vendors.moengage.workspace import Workspace


class InWorkspace:
    """The workspace of a client, as its queries name it."""

    _workspace_id: str
    _workspace: Workspace
    _project_code: str | None

    def _app_id(self) -> Mapping[str, str | int | bool]:
        return {"app_id": self._workspace_id}

    def _project(self) -> Mapping[str, str | int | bool]:
        """Return the query that names a project. That bulk takes it, too, is reported without a sample."""
        return {} if self._project_code is None else {**self._app_id(), "project_code": self._project_code}


def bulk(elements: Sequence[Mapping[str, object]]) -> Mapping[str, object]:
    """Return the body of a bulk request."""
    return {"type": "transition", "elements": elements}

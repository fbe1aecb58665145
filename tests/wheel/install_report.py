"""The extra `report`: the page of a run has its pictures."""

from pathlib import Path

from command import run_job

Path("users.csv").write_text("id\n1\n2\n", encoding="utf-8")
page = (run_job("users.csv", ["1", "2"]) / "report.html").read_text(encoding="utf-8")
assert "<svg" in page
assert "pip install" not in page

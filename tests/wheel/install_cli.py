"""The extra `cli`: the command, its demo, and a job over a file; what other extras bring is named."""

from importlib.metadata import version
from pathlib import Path

from command import netaudience, run_job
from workbook import write_workbook

assert netaudience("--version").stdout.strip() == version("netaudience")
assert "set-profile-attributes" in netaudience("operations").stdout
assert "a guard stopped it" in netaudience("help", "exit-codes").stdout
assert "NETAUDIENCE_NETMERA_API_KEY" in netaudience("help", "credentials").stdout
netaudience("demo", "--rows", "5000")

Path("users.csv").write_text("id\n007\n12345678901234567890\n", encoding="utf-8")
page = run_job("users.csv", ["007", "12345678901234567890"]) / "report.html"
assert "<svg" in page.read_text(encoding="utf-8")

write_workbook("users.xlsx")
Path("job.toml").write_text(
    Path("job.toml").read_text(encoding="utf-8").replace(".csv", ".xlsx"), encoding="utf-8"
)
assert "pip install 'netaudience[xlsx]'" in netaudience("plan", "job.toml", code=2).stderr

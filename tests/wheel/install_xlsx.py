"""The extra `xlsx`: a job over a sheet, whose cells keep what they show."""

from command import run_job
from workbook import write_workbook

write_workbook("users.xlsx")
run_job("users.xlsx", ["007", "1042"])

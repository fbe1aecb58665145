"""Write our log as one JSON object per line, with the standard library alone."""

import json
import logging

FIELDS = ("vendor", "operation", "run", "status", "wait_seconds")


class JsonLines(logging.Formatter):
    """Writes a record's text and those of our fields that it has."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the record as a line of JSON."""
        told: dict[str, object] = {"level": record.levelname, "message": record.getMessage()}
        told |= {name: getattr(record, name) for name in FIELDS if getattr(record, name, None) is not None}
        if record.exc_info:
            told["exception"] = self.formatException(record.exc_info)
        return json.dumps(told)


handler = logging.StreamHandler()
handler.setFormatter(JsonLines())
logging.getLogger("netaudience").addHandler(handler)
logging.getLogger("netaudience").setLevel(logging.DEBUG)
logging.getLogger("netaudience").warning(
    "as when the vendor throttles", extra={"vendor": "Netmera", "operation": "tag_users", "wait_seconds": 1.5}
)

"""Reads events with the SDK of CloudEvents, which checks every attribute, and prints what it understood as one JSON list.

cloudevents_reader.py FILE: one event a line, or one batch (a JSON array).
"""

import json
import sys

from cloudevents.core.bindings.http import HTTPMessage, from_structured_event
from cloudevents.v1.http import from_json as from_json_of_sdk_1

with open(sys.argv[1], encoding="utf-8") as file:
    text = file.read()
if text.startswith("["):
    lines = [json.dumps(event) for event in json.loads(text)]
else:
    lines = text.splitlines()

read = []
for line in lines:
    headers = {"content-type": "application/cloudevents+json"}
    event = from_structured_event(HTTPMessage(headers=headers, body=line.encode()))
    # The interface of the earlier releases of the SDK understands the same.
    earlier = from_json_of_sdk_1(line)
    assert earlier["id"] == event.get_id() and earlier.data == event.get_data(), line
    read.append(
        {
            "id": event.get_id(),
            "source": event.get_source(),
            "type": event.get_type(),
            "subject": event.get_subject(),
            "time": event.get_time().timestamp(),
            "round": event.get_extension("round"),
            "snapshot": event.get_extension("snapshot"),
            "data": event.get_data(),
        }
    )
print(json.dumps(read))

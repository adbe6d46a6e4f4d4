"""Compares answers with the description of the API that Google's API client comes with.

gce_schema.py FILE

FILE is a JSON list of objects with the name of a schema and an answer, or with a value of the parameter `fields`. Prints a
line for each difference. A member that the description does not have is one, and so is a word that is not in a list of
words.
"""

import json
import re
import sys
from importlib import resources

import jsonschema

INTEGER = {"int64": r"^-?[0-9]+$", "uint64": r"^[0-9]+$"}


def json_schema(described):
    """The JSON Schema of a schema of the description."""
    if "$ref" in described:
        return {"$ref": f"#/$defs/{described['$ref']}"}
    schema = {"type": described["type"]} if described.get("type") != "any" else {}
    if described.get("type") == "object":
        members = described.get("properties", {})
        schema["properties"] = {name: json_schema(member) for name, member in members.items()}
        others = described.get("additionalProperties")
        schema["additionalProperties"] = json_schema(others) if others else False
    if "items" in described:
        schema["items"] = json_schema(described["items"])
    if "enum" in described:
        schema["enum"] = described["enum"]
    # Numbers of 64 bits are texts.
    if described.get("type") == "string" and described.get("format") in INTEGER:
        schema["pattern"] = INTEGER[described["format"]]
    return schema


def selected(fields):
    """The paths that a value of the parameter `fields` selects, as lists of names."""
    paths, prefixes = [], [[]]
    current = []
    for name, sign in re.findall(r"([^,/()]*)([,/()]|$)", fields):
        if name:
            current = current + [name]
        if sign == "(":
            prefixes.append(current)
            continue
        if sign == "/":
            continue
        if name:
            paths.append(current)
        if sign == ")":
            prefixes.pop()
        current = prefixes[-1]
    return paths


def has(schema, path):
    """Whether a schema of the description has a member."""
    while "$ref" in schema or "items" in schema:
        schema = description["schemas"][schema["$ref"]] if "$ref" in schema else schema["items"]
    if not path:
        return True
    inner = schema.get("properties", {}).get(path[0])
    if path[0] == "*":
        inner = schema.get("additionalProperties")
    return bool(inner) and has(inner, path[1:])


documents = resources.files("googleapiclient") / "discovery_cache" / "documents"
description = json.loads((documents / "compute.v1.json").read_text(encoding="utf-8"))
definitions = {name: json_schema(it) for name, it in description["schemas"].items()}

with open(sys.argv[1], encoding="utf-8") as file:
    answers = json.load(file)
for answer in answers:
    name = answer["schema"]
    if name not in definitions:
        sys.exit(f"there is no schema {name}")
    if "fields" in answer:
        for path in selected(answer["fields"]):
            if not has({"$ref": name}, path):
                print(f"{name}: no {'/'.join(path)}")
        continue
    schema = {"$ref": f"#/$defs/{name}", "$defs": definitions}
    for error in jsonschema.Draft202012Validator(schema).iter_errors(answer["answer"]):
        path = "/".join(str(part) for part in error.absolute_path)
        print(f"{name}/{path}: {error.message}")

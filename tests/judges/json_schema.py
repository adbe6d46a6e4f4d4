"""Validates documents with a JSON Schema.

json_schema.py SCHEMA FILE

FILE has a JSON list of documents. Prints a JSON list with the number of problems of each.
"""

import json
import sys

import jsonschema

with open(sys.argv[1], encoding="utf-8") as file:
    schema = json.load(file)
jsonschema.Draft202012Validator.check_schema(schema)
validator = jsonschema.Draft202012Validator(schema)
with open(sys.argv[2], encoding="utf-8") as file:
    documents = json.load(file)
print(json.dumps([sum(1 for _ in validator.iter_errors(document)) for document in documents]))

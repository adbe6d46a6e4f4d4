"""Loads the tables of the format csv into DuckDB and SQLite with the code of a page, and prints the results of queries.

Arguments: a folder with the tables, perhaps with a folder `yesterday` with older tables, and a JSON file with `loaders` (Python
code that writes inventory.duckdb and inventory.sqlite) and `queries`. Prints {"duckdb": [[row, ...], ...], "sqlite": ...}.
"""

import decimal
import json
import os
import sqlite3
import sys

import duckdb


def load(folder, loaders):
    """Runs the loaders in a folder."""
    before = os.getcwd()
    os.chdir(folder)
    for code in loaders:
        exec(compile(code, "docs/sql.md", "exec"), {})
    os.chdir(before)


def plain(value):
    """A value that JSON has. SQLite has no type for flags, and DuckDB computes sums of large numbers as decimals."""
    if isinstance(value, bool):
        return "true" if value else "false"
    return float(value) if isinstance(value, decimal.Decimal) else value


def results(connection, ending, queries):
    """The rows of each query."""
    if os.path.isdir("yesterday"):
        connection.execute(f"ATTACH 'yesterday/inventory.{ending}' AS yesterday")
    rows = [connection.execute(query).fetchall() for query in queries]
    return [[[plain(value) for value in row] for row in found] for found in rows]


def main():
    folder, request = sys.argv[1:]
    with open(request, encoding="utf-8") as file:
        request = json.load(file)
    os.chdir(folder)
    for place in [".", "yesterday"]:
        if os.path.isdir(place):
            load(place, request["loaders"])
    connections = {
        "duckdb": duckdb.connect("inventory.duckdb"),
        "sqlite": sqlite3.connect("inventory.sqlite"),
    }
    found = {name: results(connection, name, request["queries"]) for name, connection in connections.items()}
    json.dump(found, sys.stdout)


main()

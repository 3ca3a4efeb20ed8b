"""Runs Athena's saved queries with DuckDB on objects in a folder, the table being
what Glue says: columns, types, and partitions projected from the location's
template. Standard input and output are JSON; sql_test.go speaks with it.

DuckDB knows all of the SQL but one function, which is mapped here:

    date_format(date, format)   strftime(date, format), for %Y, %m and %d only
"""

import datetime
import glob
import json
import os
import re
import sys

import duckdb

TYPES = {"string": "VARCHAR", "double": "DOUBLE", "map<string,double>": "MAP(VARCHAR, DOUBLE)"}


def partitions(table):
    """The values of each partition key, as Athena's projection makes them: the
    days up to today, or a list."""
    p = table["Parameters"]
    if p["projection.enabled"] != "true":
        sys.exit("the table's partitions are not projected")
    for key in table["PartitionKeys"] or []:
        prefix = "projection." + key["Name"] + "."
        if p[prefix + "type"] == "enum":
            yield key["Name"], p[prefix + "values"].split(",")
        elif p[prefix + "type"] == "date":
            if p[prefix + "format"] != "yyyy-MM-dd" or p[prefix + "interval"] != "1" or p[prefix + "interval.unit"] != "DAYS":
                sys.exit("the projection of days is not understood")
            first, last = p[prefix + "range"].split(",")
            day = datetime.date.fromisoformat(first)
            # A test may begin before midnight and end after it.
            end = datetime.datetime.now(datetime.timezone.utc).date() if last == "NOW" else datetime.date.fromisoformat(last)
            days = []
            while day <= end:
                days.append(day.isoformat())
                day += datetime.timedelta(days=1)
            yield key["Name"], days
        else:
            sys.exit("a projection of type " + p[prefix + "type"])


def combinations(keys):
    if not keys:
        yield {}
        return
    name, values = keys[0]
    for rest in combinations(keys[1:]):
        for value in values:
            yield {name: value, **rest}


def main():
    given = json.load(sys.stdin)
    table = given["table"]
    storage = table["StorageDescriptor"]
    serde = storage["SerdeInfo"]["SerializationLibrary"]
    if serde != "org.openx.data.jsonserde.JsonSerDe":
        sys.exit("the table is read by " + serde)
    location, template = storage["Location"], table["Parameters"]["storage.location.template"]
    if not template.startswith(location):
        sys.exit(f"the template {template} is not below {location}")
    types = {c["Name"]: TYPES[c["Type"]] for c in storage["Columns"]}
    keys = list(partitions(table))

    db = duckdb.connect()
    db.execute("CREATE MACRO date_format(d, format) AS strftime(d, format)")
    columns = ", ".join(f'"{name}" {t}' for name, t in types.items())
    more = "".join(f', "{name}" VARCHAR' for name, _ in keys)
    db.execute(f"CREATE TABLE posts ({columns}{more})")
    read, filled = set(), []
    for values in combinations(keys):
        folder = re.sub(r"\$\{(\w+)\}", lambda m: values[m.group(1)], template)[len(location):]
        files = [f for f in glob.glob(os.path.join(given["dir"], folder, "**"), recursive=True) if os.path.isfile(f)]
        if not files:
            continue
        filled.append(values)
        read.update(os.path.realpath(f) for f in files)
        fixed = "".join(f", '{values[name]}'" for name, _ in keys)
        db.execute(
            f"INSERT INTO posts SELECT {', '.join(chr(34) + n + chr(34) for n in types)}{fixed} "
            "FROM read_json($files, columns = $columns, format = 'newline_delimited', ignore_errors = false)",
            {"files": files, "columns": types},
        )
    every = [f for f in glob.glob(os.path.join(given["dir"], "**"), recursive=True) if os.path.isfile(f)]
    missed = [f for f in every if os.path.realpath(f) not in read]
    if missed or not every:
        sys.exit(f"no partition of {len(filled)} holds {missed or given['dir']}")

    answer = {
        "partitions": filled,
        "all": db.execute("SELECT count(*) FROM posts").fetchone()[0],
        "null": [n for n in types if db.execute(f'SELECT count("{n}") FROM posts').fetchone()[0] == 0],
    }
    for name, sql in given["queries"].items():
        result = db.execute(sql)
        names = [d[0] for d in result.description]
        answer[name] = [dict(zip(names, row)) for row in result.fetchall()]
    json.dump(answer, sys.stdout)


main()

"""Runs Redshift's statements with DuckDB: the table, the load, and the views, the
load twice, as its schedule does. Standard input and output are JSON;
redshift_test.go speaks with it.

What DuckDB has not is mapped here: the type super is JSON, and COPY reads the
lines given. That a statement is Redshift's own dialect is not shown by this.
"""

import json
import os
import re
import sys
import tempfile

import duckdb

given = json.load(sys.stdin)
table, load, views = ([s for s in sql.split(";\n") if s.strip()] for sql in given["sql"])
db = duckdb.connect()
db.execute("CREATE TYPE super AS JSON")
with tempfile.TemporaryDirectory() as folder:
    path = os.path.join(folder, "posts.json")
    with open(path, "w", encoding="utf-8") as f:
        f.writelines(json.dumps(line) + "\n" for line in given["lines"])
    for _ in range(2):
        for sql in table + load + views:
            copied = re.search(r"^COPY arrived \((.*)\)\nFROM 's3://b/posts/'\nIAM_ROLE 'ROLE'\nREGION 'us-east-1'\nFORMAT JSON 'auto' GZIP\n", sql, re.M)
            if copied:
                types = dict(db.execute("SELECT column_name, data_type FROM duckdb_columns() WHERE table_name = 'arrived'").fetchall())
                names = copied.group(1)
                db.execute(
                    f"INSERT INTO arrived ({names}) SELECT {names} FROM read_json($path, columns = $types, format = 'newline_delimited')",
                    {"path": path, "types": types},
                )
            else:
                db.execute(sql)
        db.execute("DROP TABLE arrived")  # temporary: Redshift drops it with the batch


def rows(sql):
    result = db.execute(sql)
    return [dict(zip([d[0] for d in result.description], row)) for row in result.fetchall()]


json.dump(
    {
        "posts": rows("SELECT id, sentiment FROM posts ORDER BY id, sentiment"),
        "once": rows("SELECT id, sentiment FROM posts_once ORDER BY id, sentiment"),
        "days": rows("SELECT day, sentiment, posts, mean_score FROM posts_by_day ORDER BY day, sentiment"),
    },
    sys.stdout,
)

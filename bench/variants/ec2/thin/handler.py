"""The function in front of the EC2 box, as first published: one request per
record, a new connection each. ENDPOINT_URL is the server's address."""

import base64
import json
import os

import requests

ENDPOINT = os.environ["ENDPOINT_URL"].rstrip("/") + "/predict"
SECONDS = 30  # for one answer


def text_of(record):
    raw = base64.b64decode(record["data"], validate=True).decode("utf-8")
    if raw.lstrip().startswith("{"):
        return json.loads(raw)["text"]
    return raw.removesuffix("\n")


def answer(record):
    try:
        reply = requests.post(ENDPOINT, json={"text": text_of(record)}, timeout=SECONDS)
        reply.raise_for_status()
        line = json.dumps(reply.json()) + "\n"
    except Exception as err:  # whatever is wrong with a record, the others go on
        print(f"record {record.get('recordId')}: {err}")
        return {"recordId": record.get("recordId"), "result": "ProcessingFailed"}
    return {
        "recordId": record["recordId"],
        "result": "Ok",
        "data": base64.b64encode(line.encode("utf-8")).decode("ascii"),
    }


def handler(event, context):
    return {"records": [answer(record) for record in event["records"]]}

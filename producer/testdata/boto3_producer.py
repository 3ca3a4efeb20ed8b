"""Sends a file of JSON lines to a delivery stream as one would write it by hand:
put_record_batch with 500 records, failed records again. No spool, no account.

    python boto3_producer.py FILE STREAM
"""
import itertools
import json
import sys
import time

import boto3


def main(path, stream):
    client = boto3.client("firehose")
    with open(path, encoding="utf-8") as lines:
        while batch := list(itertools.islice(lines, 500)):
            records = []
            for line in batch:
                post = json.loads(line)
                out = {"id": post["id"], "text": post["text"], "lang": post.get("lang")}
                records.append({"Data": json.dumps(out, ensure_ascii=False) + "\n"})
            while records:
                answer = client.put_record_batch(DeliveryStreamName=stream, Records=records)
                if not answer["FailedPutCount"]:
                    break
                records = [r for r, a in zip(records, answer["RequestResponses"]) if "ErrorCode" in a]
                time.sleep(0.2)


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2])

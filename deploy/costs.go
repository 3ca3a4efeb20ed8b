package deploy

//go:generate go run ./costs --readme README.md --run ../bench/results/local.jsonl

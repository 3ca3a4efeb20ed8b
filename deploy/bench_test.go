package deploy

import (
	"encoding/json"
	"testing"

	"coldstream/internal/benchaws"
)

// checkBench demands that bench aws understands the output.
func checkBench(t *testing.T, s *site) {
	b, err := json.Marshal(map[string]any{"bench_targets": map[string]any{"value": s.outputs["bench_targets"]}})
	if err != nil {
		t.Fatal(err)
	}
	targets, err := benchaws.ReadTargets(b)
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]string{"coldstream-aws": "zip", "coldstream-lean": "zip", "fastapi-ec2": "ec2", "container": "container"}
	if len(targets) != len(want) {
		t.Errorf("targets are %+v", targets)
	}
	for _, target := range targets {
		if target.Kind != want[target.Name] || !target.Copy {
			t.Errorf("target %+v", target)
		}
		var tags struct{ Tags map[string]string }
		var f struct {
			Configuration struct{ FunctionArn string }
			Tags          map[string]string
		}
		s.m.json("lambda", "GET", "/2015-03-31/functions/"+target.Function, "", "", &f)
		s.m.json("lambda", "GET", "/2017-03-31/tags/"+f.Configuration.FunctionArn, "", "", &tags)
		if tags.Tags[benchaws.TagBench] != target.Name || tags.Tags[benchaws.TagCopy] != "true" {
			t.Errorf("target %s: tags are %v", target.Name, tags.Tags)
		}
	}
}

package deploy

import (
	"bytes"
	"encoding/json"
	"os/exec"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
)

// TestRedshiftPlan: Moto knows no Redshift Serverless, so that it is planned only.
func TestRedshiftPlan(t *testing.T) {
	needStacks(t)
	w := newWorkspace(t, "stream", startMoto(t).url)
	zip := filepath.Join(t.TempDir(), "function.zip")
	writeZip(t, zip, "x")
	out := w.run("plan", "-no-color", "-input=false", "-var", "zip="+zip, "-var", `redshift={schedule="rate(1 day)"}`)
	for _, resource := range []string{"aws_redshiftserverless_namespace.this", "aws_redshiftserverless_workgroup.this", "aws_scheduler_schedule.load", "aws_iam_role.copy"} {
		if !strings.Contains(out, "module.analytics."+resource+"[0] will be created") {
			t.Errorf("the plan has no %s:\n%s", resource, changes(out))
		}
	}
	t.Log("NOT TESTED: Redshift Serverless is planned, not applied: Moto does not know it")
}

// TestRedshiftSQL: the load, run twice, leaves each id once and all posts without
// one, and the view counts them.
func TestRedshiftSQL(t *testing.T) {
	needStacks(t)
	python := duckDB()
	if python == "" {
		t.Skip("NOT TESTED: Redshift's statements, for want of DuckDB: deploy/test makes it ready")
	}
	w := newWorkspace(t, "stream", "")
	w.dir = filepath.Join(w.dir, "..", "..", "modules", "analytics")
	write(t, filepath.Join(w.dir, "moto_override.tf"), inMoto["stacks/*/moto_override.tf"])
	w.run("init", "-no-color", "-input=false")
	cmd := exec.CommandContext(t.Context(), "terraform", "console", "-no-color", "-var", "name=posts", "-var", "bucket=b", "-var", "kms_key_arn=arn:aws:kms:us-east-1:123456789012:key/x")
	cmd.Dir, cmd.Env = w.dir, w.env
	cmd.Stdin = strings.NewReader(`jsonencode([for file in ["table", "load", "views"] : templatefile("${path.module}/sql/${file}.sql.tftpl", merge(local.redshift_sql, { role = "ROLE", region = "us-east-1" }))])`)
	console, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("terraform console: %v\n%s", err, console)
	}
	var text string
	var sql []string
	if err = json.Unmarshal(console, &text); err == nil { // a string in quotes, as JSON's
		err = json.Unmarshal([]byte(text), &sql)
	}
	if err != nil || len(sql) != 3 {
		t.Fatalf("terraform console: %v in %s", err, console)
	}

	type post map[string]any
	scored := func(id, sentiment string, score float64) post {
		p := post{"message": "m", "sentiment": sentiment, "score": score, "probabilities": post{sentiment: score}, "model": "x", "created_at": "2026-11-22T10:00:00Z"}
		if id != "" {
			p["id"] = id
		}
		return p
	}
	in, err := json.Marshal(map[string]any{"sql": sql, "lines": []post{
		scored("1", "Negative", 0.5), scored("2", "Positive", 0.75), scored("2", "Positive", 0.75), scored("", "Positive", 0.25), scored("", "Positive", 0.5),
	}})
	if err != nil {
		t.Fatal(err)
	}
	var answer, said bytes.Buffer
	cmd = exec.CommandContext(t.Context(), python, filepath.Join("testdata", "redshift.py"))
	cmd.Stdin, cmd.Stdout, cmd.Stderr = bytes.NewReader(in), &answer, &said
	if err := cmd.Run(); err != nil {
		t.Fatalf("Redshift's statements: %v\n%s", err, said.String())
	}
	type row struct {
		ID        *string
		Sentiment string
	}
	var got struct {
		Posts, Once []row
		Days        []struct {
			Day, Sentiment string
			Posts          int
			MeanScore      float64 `json:"mean_score"`
		}
	}
	if err := json.Unmarshal(answer.Bytes(), &got); err != nil {
		t.Fatalf("%v in %s", err, answer.String())
	}
	one, two := "1", "2"
	want := []row{{&one, "Negative"}, {&two, "Positive"}, {nil, "Positive"}, {nil, "Positive"}}
	if !reflect.DeepEqual(got.Posts, want) || !reflect.DeepEqual(got.Once, want) {
		t.Errorf("after two loads the table and the view hold %s", answer.String())
	}
	if d := got.Days; len(d) != 2 || d[0].Day != "2026-11-22" || d[0].Posts != 1 || d[0].MeanScore != 0.5 || d[1].Posts != 3 || d[1].MeanScore != 0.5 {
		t.Errorf("posts_by_day says %+v", got.Days)
	}
}

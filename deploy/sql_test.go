package deploy

import (
	"bytes"
	"encoding/json"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing/fstest"
	"time"

	"coldstream/internal/report"
)

// results are what report counts, and what it does not: by day and by id.
type results struct {
	*report.Results
	ids    map[string]bool
	days   map[string]int     // posts
	labels map[string]dayPart // by day and label, "day label"
}

// A dayPart is the posts of one day and label.
type dayPart struct {
	ids   map[string]bool
	posts int
	score float64 // sum
}

// results reads the objects under where, s3://bucket/prefix, without the programs
// that are tested.
func (p *plane) results(where string) results {
	p.t.Helper()
	_, prefix, _ := strings.Cut(strings.TrimPrefix(where, "s3://"), "/")
	r := results{ids: map[string]bool{}, days: map[string]int{}, labels: map[string]dayPart{}}
	all := fstest.MapFS{}
	for key, body := range p.objects() {
		if !strings.HasPrefix(key, prefix) {
			continue
		}
		all[key] = &fstest.MapFile{Data: body}
		day := regexp.MustCompile(`dt=([0-9-]+)/`).FindStringSubmatch(key)[1]
		_, err := report.Read(fstest.MapFS{key: all[key]}, func(l report.Line) error {
			r.ids[l.ID] = true
			r.days[day]++
			d, ok := r.labels[day+" "+l.Label]
			if !ok {
				d.ids = map[string]bool{}
			}
			d.ids[l.ID] = true
			d.posts++
			d.score += l.Score
			r.labels[day+" "+l.Label] = d
			return nil
		})
		if err != nil {
			p.t.Fatal(err)
		}
	}
	var err error
	if r.Results, err = report.Read(all, nil); err != nil {
		p.t.Fatal(err)
	}
	return r
}

// A table is what Glue knows of the posts.
type table struct {
	Name              string
	Parameters        map[string]string
	PartitionKeys     []column
	StorageDescriptor struct {
		Location  string
		Columns   []column
		SerdeInfo struct{ SerializationLibrary string }
	}
}

type column struct{ Name, Type string }

// checkQueries runs the saved queries of the created workgroup on the delivered
// objects, with the columns and partitions of the created table, and demands that
// they say what the objects hold.
func (p *plane) checkQueries(want results) {
	p.t.Helper()
	python := duckDB()
	if python == "" {
		p.t.Log("NOT TESTED: the saved queries, for want of DuckDB: deploy/test makes it ready")
		return
	}
	sql, database := p.savedQueries()
	var got struct{ Table table }
	p.m.json("glue", "POST", "/", "AWSGlue.GetTable", `{"DatabaseName":"`+database+`","Name":"posts"}`, &got)

	dir := filepath.Join(p.t.TempDir(), "objects")
	where := got.Table.StorageDescriptor.Location
	p.program.run(p.t, p.env, p.program.coldstream, "download", where, dir)
	in, err := json.Marshal(map[string]any{"table": got.Table, "dir": dir, "queries": sql})
	if err != nil {
		p.t.Fatal(err)
	}
	var answer, said bytes.Buffer
	cmd := exec.CommandContext(p.t.Context(), python, filepath.Join("testdata", "athena.py"))
	cmd.Stdin, cmd.Stdout, cmd.Stderr = bytes.NewReader(in), &answer, &said
	cmd.Env = append(os.Environ(), "TZ=UTC")
	if err := cmd.Run(); err != nil {
		p.t.Fatalf("the saved queries: %v\n%s", err, said.String())
	}
	var rows struct {
		PostsByDay []struct {
			Dt         string
			Posts, Ids int
		} `json:"posts_by_day"`
		LabelsByDay []struct {
			Dt, Sentiment string
			Posts         int
			MeanScore     float64 `json:"mean_score"`
		} `json:"labels_by_day"`
		LeastCertain []struct {
			ID, Message, Sentiment string
			Score                  float64
		} `json:"least_certain"`
		Partitions []map[string]string `json:"partitions"` // that hold something
		Columns    []string            `json:"null"`       // columns in which no post has a value
		All        int                 `json:"all"`
	}
	if err := json.Unmarshal(answer.Bytes(), &rows); err != nil {
		p.t.Fatalf("%v in %s", err, answer.String())
	}
	posts, ids := 0, 0
	for _, r := range rows.PostsByDay {
		if r.Posts != want.days[r.Dt] {
			p.t.Errorf("posts_by_day says %+v, the objects %d", r, want.days[r.Dt])
		}
		posts, ids = posts+r.Posts, ids+r.Ids
	}
	// Days are apart in the query: an id on both sides of midnight counts twice.
	if posts != want.Scored || rows.All != want.Scored || ids < len(want.ids) || len(rows.PostsByDay) == 1 && ids != len(want.ids) {
		p.t.Errorf("posts_by_day says %+v, the objects hold %d posts with %d ids", rows.PostsByDay, want.Scored, len(want.ids))
	}
	if len(rows.LabelsByDay) != len(want.labels) {
		p.t.Errorf("labels_by_day says %+v, the objects hold %v", rows.LabelsByDay, want.labels)
	}
	for _, r := range rows.LabelsByDay {
		w := want.labels[r.Dt+" "+r.Sentiment]
		if r.Posts != len(w.ids) || !(math.Abs(r.MeanScore-w.score/float64(w.posts)) < 1e-9) {
			p.t.Errorf("labels_by_day says %+v, the objects %d ids, %d posts with scores of %g together", r, len(w.ids), w.posts, w.score)
		}
	}
	today := time.Now().UTC().Format(time.DateOnly)
	if n := min(100, want.days[today]); len(rows.LeastCertain) != n && want.days[today] == want.Scored {
		p.t.Errorf("least_certain has %d rows, want %d", len(rows.LeastCertain), n)
	}
	for i := 1; i < len(rows.LeastCertain); i++ {
		if !(rows.LeastCertain[i-1].Score <= rows.LeastCertain[i].Score) {
			p.t.Errorf("least_certain has a score of %g before %g", rows.LeastCertain[i-1].Score, rows.LeastCertain[i].Score)
		}
	}
	p.t.Logf("DuckDB on %d posts in partitions %v: posts_by_day %+v, labels_by_day %+v, least_certain %d rows; columns without a value: %v",
		rows.All, rows.Partitions, rows.PostsByDay, rows.LabelsByDay, len(rows.LeastCertain), rows.Columns)
	for _, c := range []string{"message", "sentiment", "score", "probabilities", "model", "id"} {
		if slices.Contains(rows.Columns, c) {
			p.t.Errorf("no post has a value in column %s", c)
		}
	}
}

// savedQueries reads the SQL of the workgroup's queries back, by name, and their
// database.
func (p *plane) savedQueries() (sql map[string]string, database string) {
	p.t.Helper()
	group := p.outputs["workgroup"].(string)
	var ids struct{ NamedQueryIds []string }
	p.m.json("athena", "POST", "/", "AmazonAthena.ListNamedQueries", `{"WorkGroup":"`+group+`"}`, &ids)
	sql = make(map[string]string)
	for _, id := range ids.NamedQueryIds {
		var q struct {
			NamedQuery struct{ Name, Database, QueryString, WorkGroup string }
		}
		p.m.json("athena", "POST", "/", "AmazonAthena.GetNamedQuery", `{"NamedQueryId":"`+id+`"}`, &q)
		if q.NamedQuery.WorkGroup == group {
			sql[q.NamedQuery.Name], database = q.NamedQuery.QueryString, q.NamedQuery.Database
		}
	}
	for name, text := range p.outputs["queries"].(map[string]any) {
		if sql[name] != text {
			p.t.Errorf("the saved query %s is %q, the output says %q", name, sql[name], text)
		}
	}
	if len(sql) == 0 {
		p.t.Fatalf("workgroup %s has no saved queries", group)
	}
	return sql, database
}

// duckDB returns the Python that has DuckDB, which deploy/test makes ready; "" if
// there is none.
func duckDB() string {
	cache, err := os.UserCacheDir()
	if err != nil {
		return ""
	}
	ready, _ := filepath.Glob(filepath.Join(cache, "coldstream-bench", "deploy-*", "complete"))
	if len(ready) == 0 {
		return ""
	}
	return filepath.Join(filepath.Dir(ready[len(ready)-1]), "bin", "python3")
}

package deploy

import (
	"encoding/json"
	"regexp"
	"strings"
	"sync"
	"testing"
)

// A listing is a call that lists what there is of one kind. Moto's own account of
// its state is of no use: it lists what was deleted, too.
type listing struct {
	kind, service string
	method, path  string // "" = POST /
	target        string // of a JSON call; a body of {} follows
	form          string // of a query call
}

// allListings are the kinds that the stacks make and that have a life of their own.
// Policies, rules, versions and the like go with their owners.
var allListings = []listing{
	{kind: "function", service: "lambda", method: "GET", path: "/2015-03-31/functions"},
	{kind: "delivery stream", service: "firehose", target: "Firehose_20150804.ListDeliveryStreams"},
	{kind: "data stream", service: "kinesis", target: "Kinesis_20131202.ListStreams"},
	{kind: "bucket", service: "s3", method: "GET", path: "/"},
	{kind: "role", service: "iam", form: "Action=ListRoles&Version=2010-05-08"},
	{kind: "instance profile", service: "iam", form: "Action=ListInstanceProfiles&Version=2010-05-08"},
	{kind: "log group", service: "logs", target: "Logs_20140328.DescribeLogGroups"},
	{kind: "repository", service: "ecr", target: "AmazonEC2ContainerRegistry_V20150921.DescribeRepositories"},
	{kind: "active task definition", service: "ecs", target: "AmazonEC2ContainerServiceV20141113.ListTaskDefinitions"},
	{kind: "schedule", service: "scheduler", method: "GET", path: "/schedules"},
	{kind: "secret", service: "secretsmanager", target: "secretsmanager.ListSecrets"},
	{kind: "alarm", service: "monitoring", form: "Action=DescribeAlarms&Version=2010-08-01"},
	{kind: "dashboard", service: "monitoring", form: "Action=ListDashboards&Version=2010-08-01"},
	{kind: "topic", service: "sns", form: "Action=ListTopics&Version=2010-03-31"},
	{kind: "workgroup", service: "athena", target: "AmazonAthena.ListWorkGroups"},
	{kind: "database", service: "glue", target: "AWSGlue.GetDatabases"},
	{kind: "VPC", service: "ec2", form: "Action=DescribeVpcs&Version=2016-11-15"},
	{kind: "subnet", service: "ec2", form: "Action=DescribeSubnets&Version=2016-11-15"},
	{kind: "route table", service: "ec2", form: "Action=DescribeRouteTables&Version=2016-11-15"},
	{kind: "internet gateway", service: "ec2", form: "Action=DescribeInternetGateways&Version=2016-11-15"},
	{kind: "security group", service: "ec2", form: "Action=DescribeSecurityGroups&Version=2016-11-15"},
	{kind: "VPC endpoint", service: "ec2", form: "Action=DescribeVpcEndpoints&Version=2016-11-15&Filter.1.Name=vpc-endpoint-state&Filter.1.Value.1=available"},
	{kind: "launch template", service: "ec2", form: "Action=DescribeLaunchTemplates&Version=2016-11-15"},
	{kind: "instance", service: "ec2", form: "Action=DescribeInstances&Version=2016-11-15&Filter.1.Name=instance-state-name&Filter.1.Value.1=running&Filter.1.Value.2=pending&Filter.1.Value.3=stopped"},
	{kind: "load balancer", service: "elasticloadbalancing", form: "Action=DescribeLoadBalancers&Version=2015-12-01"},
	{kind: "target group", service: "elasticloadbalancing", form: "Action=DescribeTargetGroups&Version=2015-12-01"},
	{kind: "auto scaling group", service: "autoscaling", form: "Action=DescribeAutoScalingGroups&Version=2011-01-01"},
}

// ours is in the names or the tags of what the stacks make.
var ours = regexp.MustCompile(`(coldstream|posts-by-|posts_by_)[\w-]*`)

// listings are looked at while there is something, too: a listing that never
// shows anything could not tell that something is left.
type listings struct {
	mu      sync.Mutex
	seen    map[string]bool // by kind
	queries map[string]bool // ids of saved queries
}

func newListings() *listings {
	return &listings{seen: make(map[string]bool), queries: make(map[string]bool)}
}

// look lists what there is now, and returns what is ours by kind.
func (l *listings) look(m *moto) map[string][]string {
	m.t.Helper()
	found := make(map[string][]string)
	for _, c := range allListings {
		method, path, body := c.method, c.path, c.form
		if method == "" {
			method, path = "POST", "/"
		}
		if c.target != "" {
			body = "{}"
		}
		status, answer := m.call(c.service, method, path, c.target, body)
		if status/100 != 2 {
			m.t.Fatalf("list every %s: status %d: %.300s", c.kind, status, answer)
		}
		text := string(answer)
		if c.service == "s3" { // a bucket is named after the owner, too
			_, text, _ = strings.Cut(text, "<Buckets>")
		}
		if names := ours.FindAllString(text, -1); len(names) > 0 {
			found[c.kind] = names
		}
	}
	if keys := m.keys(); len(keys) > 0 {
		found["key"] = keys
	}
	if clusters := m.clusters(); len(clusters) > 0 {
		found["cluster"] = clusters
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	for kind := range found {
		l.seen[kind] = true
	}
	for _, group := range found["workgroup"] {
		var queries struct{ NamedQueryIds []string }
		m.json("athena", "POST", "/", "AmazonAthena.ListNamedQueries", `{"WorkGroup":"`+group+`"}`, &queries)
		for _, id := range queries.NamedQueryIds {
			l.queries[id] = true
		}
	}
	return found
}

// clusters returns the clusters that are not inactive, which is what deleted ones
// are: Moto lists them still.
func (m *moto) clusters() []string {
	m.t.Helper()
	var all struct{ ClusterArns []string }
	m.json("ecs", "POST", "/", "AmazonEC2ContainerServiceV20141113.ListClusters", "{}", &all)
	arns, err := json.Marshal(map[string]any{"clusters": all.ClusterArns})
	if err != nil {
		m.t.Fatal(err)
	}
	var described struct {
		Clusters []struct{ ClusterName, Status string }
	}
	m.json("ecs", "POST", "/", "AmazonEC2ContainerServiceV20141113.DescribeClusters", string(arns), &described)
	var names []string
	for _, c := range described.Clusters {
		if c.Status != "INACTIVE" {
			names = append(names, c.ClusterName)
		}
	}
	return names
}

// keys returns the ids of the keys that are not waiting for their end, without
// those that services make for themselves.
func (m *moto) keys() []string {
	m.t.Helper()
	var aliases struct {
		Aliases []struct{ AliasName, TargetKeyId string }
	}
	m.json("kms", "POST", "/", "TrentService.ListAliases", "{}", &aliases)
	services := make(map[string]bool)
	for _, a := range aliases.Aliases {
		if strings.HasPrefix(a.AliasName, "alias/aws/") {
			services[a.TargetKeyId] = true
		}
	}
	var all struct{ Keys []struct{ KeyId string } }
	m.json("kms", "POST", "/", "TrentService.ListKeys", "{}", &all)
	var ids []string
	for _, k := range all.Keys {
		var d struct {
			KeyMetadata struct{ KeyState, KeyManager, Description string }
		}
		m.json("kms", "POST", "/", "TrentService.DescribeKey", `{"KeyId":"`+k.KeyId+`"}`, &d)
		if d.KeyMetadata.KeyManager == "CUSTOMER" && d.KeyMetadata.KeyState != "PendingDeletion" && !services[k.KeyId] {
			ids = append(ids, k.KeyId+" ("+d.KeyMetadata.Description+")")
		}
	}
	return ids
}

// checkNothingLeft lists again after everything was destroyed. AWS keeps keys for
// seven days, and the inactive revisions of tasks.
func (l *listings) checkNothingLeft(t *testing.T, m *moto, f *front) {
	t.Helper()
	for _, c := range append(allListings, listing{kind: "key"}, listing{kind: "cluster"}) {
		if !l.seen[c.kind] {
			t.Errorf("no %s was ever listed: that none is left says nothing", c.kind)
		}
	}
	for kind, names := range l.look(m) {
		t.Errorf("left: %s %v", kind, names)
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	for id := range l.queries {
		if !f.deleted[id] {
			t.Errorf("left: saved query %s", id)
		}
	}
	if len(l.queries) == 0 {
		t.Error("no saved query was ever listed: that none is left says nothing")
	}
}

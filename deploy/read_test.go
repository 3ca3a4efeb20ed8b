package deploy

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
)

// A destination is what a delivery stream says about its bucket.
type destination struct {
	Prefix                  string
	ErrorOutputPrefix       string
	CompressionFormat       string
	BufferingHints          struct{ SizeInMBs, IntervalInSeconds int }
	EncryptionConfiguration struct {
		KMSEncryptionConfig struct{ AWSKMSKeyARN string }
	}
	DynamicPartitioningConfiguration struct{ Enabled bool }
	ProcessingConfiguration          struct {
		Enabled    bool
		Processors []struct {
			Type       string
			Parameters []struct{ ParameterName, ParameterValue string }
		}
	}
}

// checkDelivery reads a stream and its bucket back.
func checkDelivery(t *testing.T, s *site, prefix string, size, seconds int) destination {
	t.Helper()
	m, o := s.m, s.outputs
	var d struct {
		DeliveryStreamDescription struct {
			DeliveryStreamEncryptionConfiguration struct{ Status, KeyType string }
			Destinations                          []struct{ ExtendedS3DestinationDescription destination }
		}
	}
	m.json("firehose", "POST", "/", "Firehose_20150804.DescribeDeliveryStream", fmt.Sprintf(`{"DeliveryStreamName":%q}`, o["stream"]), &d)
	got := d.DeliveryStreamDescription.Destinations[0].ExtendedS3DestinationDescription
	if e := d.DeliveryStreamDescription.DeliveryStreamEncryptionConfiguration; e.Status != "ENABLED" || e.KeyType != "CUSTOMER_MANAGED_CMK" {
		t.Errorf("the stream's encryption is %+v", e)
	}
	if got.BufferingHints.SizeInMBs != size || got.BufferingHints.IntervalInSeconds != seconds {
		t.Errorf("buffers are %+v, want %d MB and %d s", got.BufferingHints, size, seconds)
	}
	if got.Prefix != prefix || !strings.HasPrefix(got.ErrorOutputPrefix, "processing-failed/") || got.CompressionFormat != "GZIP" {
		t.Errorf("prefixes %q and %q, compression %s", got.Prefix, got.ErrorOutputPrefix, got.CompressionFormat)
	}
	key := got.EncryptionConfiguration.KMSEncryptionConfig.AWSKMSKeyARN
	bucket, _, _ := strings.Cut(strings.TrimPrefix(o["objects"].(string), "s3://"), "/")
	if e := m.sub(bucket, "encryption"); !strings.Contains(e, "<SSEAlgorithm>aws:kms</SSEAlgorithm>") || key == "" || !strings.Contains(e, key) {
		t.Errorf("bucket %s: encryption is %s, the stream's key %q", bucket, e, key)
	}
	public := m.sub(bucket, "publicAccessBlock")
	for _, what := range []string{"BlockPublicAcls", "IgnorePublicAcls", "BlockPublicPolicy", "RestrictPublicBuckets"} {
		if !strings.Contains(public, "<"+what+">true</"+what+">") {
			t.Errorf("bucket %s: %s is not set: %s", bucket, what, public)
		}
	}
	var tls struct {
		Statement []struct {
			Effect, Principal json.RawMessage
			Action            list
			Condition         json.RawMessage
		}
	}
	if err := json.Unmarshal([]byte(m.sub(bucket, "policy")), &tls); err != nil || len(tls.Statement) != 1 ||
		string(tls.Statement[0].Effect) != `"Deny"` || !strings.Contains(string(tls.Statement[0].Condition), "aws:SecureTransport") {
		t.Errorf("bucket %s: plain HTTP is not denied: %+v, %v", bucket, tls, err)
	}
	return got
}

// checkStream reads the product back, with the producer in a VPC that reaches AWS
// only, and sends posts through it.
func checkStream(t *testing.T, s *site) {
	d := checkDelivery(t, s, "posts/dt=!{timestamp:yyyy-MM-dd}/", 64, 60)
	p := d.ProcessingConfiguration
	if !p.Enabled || len(p.Processors) != 1 || p.Processors[0].Parameters[0].ParameterValue != s.outputs["function"] {
		t.Errorf("the stream's transformation is %+v, want %v", p, s.outputs["function"])
	}
	endpoints := string(s.m.form("ec2", "Action=DescribeVpcEndpoints&Version=2016-11-15"))
	for _, service := range []string{"kinesis-firehose", "ecr.api", "ecr.dkr", "logs", "s3"} {
		if !strings.Contains(endpoints, "com.amazonaws.us-east-1."+service+"<") {
			t.Errorf("the private VPC has no endpoint of %s: %s", service, endpoints)
		}
	}
	command := checkTask(t, s, "coldstream-producer")
	if got, want := strings.Join(command, " "), "--source sample --count 300 --to firehose --stream coldstream --spool /spool --emf"; got != want {
		t.Errorf("the task runs %s, want %s", got, want)
	}
	var repositories struct {
		Repositories []struct {
			ImageTagMutability         string
			ImageScanningConfiguration struct{ ScanOnPush bool }
		}
	}
	s.m.json("ecr", "POST", "/", "AmazonEC2ContainerRegistry_V20150921.DescribeRepositories", `{"repositoryNames":["coldstream-producer"]}`, &repositories)
	if r := repositories.Repositories[0]; r.ImageTagMutability != "IMMUTABLE" || !r.ImageScanningConfiguration.ScanOnPush {
		t.Errorf("the repository is %+v", r)
	}
	checkRoles(t, s.m)
	checkData(t, s, command)
}

// checkTask reads the producer's task back and returns its command.
func checkTask(t *testing.T, s *site, family string) []string {
	t.Helper()
	var task struct {
		TaskDefinition struct {
			NetworkMode          string
			ContainerDefinitions []struct {
				User                   string
				ReadonlyRootFilesystem bool
				StopTimeout            int
				Command                []string
			}
		}
	}
	s.m.json("ecs", "POST", "/", "AmazonEC2ContainerServiceV20141113.DescribeTaskDefinition", `{"taskDefinition":"`+family+`"}`, &task)
	c := task.TaskDefinition.ContainerDefinitions[0]
	if task.TaskDefinition.NetworkMode != "awsvpc" || c.User != "65532:65532" || !c.ReadonlyRootFilesystem || c.StopTimeout != 30 {
		t.Errorf("the task is %+v", task)
	}
	return c.Command
}

// checkLabels reads back the stream with a folder for each label, whose producer
// starts by a schedule and has a token, and sends posts through it.
func checkLabels(t *testing.T, s *site) {
	d := checkDelivery(t, s, "posts/label=!{partitionKeyFromQuery:label}/dt=!{timestamp:yyyy-MM-dd}/", 64, 60)
	if n := len(d.ProcessingConfiguration.Processors); n != 2 || !d.DynamicPartitioningConfiguration.Enabled {
		t.Errorf("%d processors, partitions %+v", n, d.DynamicPartitioningConfiguration)
	}
	var secret struct{ SecretString string }
	s.m.json("secretsmanager", "POST", "/", "secretsmanager.GetSecretValue", `{"SecretId":"posts-by-label-producer/token"}`, &secret)
	if secret.SecretString != "secret" {
		t.Errorf("the secret is %q", secret.SecretString)
	}
	if c := strings.Join(checkTask(t, s, "posts-by-label-producer"), " "); !strings.Contains(c, "--token arn:aws:secretsmanager:") || strings.Contains(c, "secret ") {
		t.Errorf("the task runs %s", c)
	}
	var schedule struct {
		ScheduleExpression, State string
		Target                    struct {
			EcsParameters struct {
				TaskDefinitionArn string
				TaskCount         int
			}
		}
	}
	s.m.json("scheduler", "GET", "/schedules/posts-by-label-producer", "", "", &schedule)
	if e := schedule.Target.EcsParameters; schedule.ScheduleExpression != "rate(1 hour)" || schedule.State != "ENABLED" || e.TaskCount != 1 ||
		!strings.Contains(e.TaskDefinitionArn, ":task-definition/posts-by-label-producer") {
		t.Errorf("the schedule is %+v", schedule)
	}
	checkLabelData(t, s)
}

// checkKinesis reads back the stream whose posts come by a data stream.
func checkKinesis(t *testing.T, s *site) {
	var d struct {
		DeliveryStreamDescription struct {
			DeliveryStreamType string
			Source             struct {
				KinesisStreamSourceDescription struct{ KinesisStreamARN string }
			}
		}
	}
	s.m.json("firehose", "POST", "/", "Firehose_20150804.DescribeDeliveryStream", `{"DeliveryStreamName":"posts-by-kinesis"}`, &d)
	var source struct {
		StreamDescriptionSummary struct{ StreamARN, EncryptionType, KeyId string }
	}
	s.m.json("kinesis", "POST", "/", "Kinesis_20131202.DescribeStreamSummary", `{"StreamName":"posts-by-kinesis-source"}`, &source)
	k := source.StreamDescriptionSummary
	if got := d.DeliveryStreamDescription; got.DeliveryStreamType != "KinesisStreamAsSource" || k.StreamARN == "" ||
		got.Source.KinesisStreamSourceDescription.KinesisStreamARN != k.StreamARN {
		t.Errorf("the stream's source is %+v, want %s", got, k.StreamARN)
	}
	if k.EncryptionType != "KMS" || !strings.HasPrefix(k.KeyId, "arn:aws:kms:") {
		t.Errorf("the data stream's encryption is %+v", k)
	}
	if c := strings.Join(checkTask(t, s, "posts-by-kinesis-producer"), " "); !strings.Contains(c, "--to kinesis --stream posts-by-kinesis-source") {
		t.Errorf("the task runs %s", c)
	}
}

func checkRaw(t *testing.T, s *site) {
	if d := checkDelivery(t, s, "raw/dt=!{timestamp:yyyy-MM-dd}/", 128, 300); d.ProcessingConfiguration.Enabled {
		t.Errorf("raw posts are transformed: %+v", d)
	}
}

// checkParquet reads back the stream that formats posts on their way into the
// bucket, as the columns of the table.
func checkParquet(t *testing.T, s *site) {
	var d struct {
		DeliveryStreamDescription struct {
			Destinations []struct {
				ExtendedS3DestinationDescription struct {
					BucketARN                         string
					CompressionFormat                 string
					DataFormatConversionConfiguration struct {
						Enabled             bool
						SchemaConfiguration struct{ DatabaseName, TableName string }
					}
				}
			}
		}
	}
	s.m.json("firehose", "POST", "/", "Firehose_20150804.DescribeDeliveryStream", `{"DeliveryStreamName":"posts-by-column"}`, &d)
	to := d.DeliveryStreamDescription.Destinations[0].ExtendedS3DestinationDescription
	f := to.DataFormatConversionConfiguration
	if !f.Enabled || f.SchemaConfiguration.DatabaseName != "posts_by_column" || f.SchemaConfiguration.TableName != "posts" || to.CompressionFormat != "UNCOMPRESSED" {
		t.Errorf("the stream's format is %+v", to)
	}
	var got struct{ Table table }
	s.m.json("glue", "POST", "/", "AWSGlue.GetTable", `{"DatabaseName":"posts_by_column","Name":"posts"}`, &got)
	if l := got.Table.StorageDescriptor.SerdeInfo.SerializationLibrary; !strings.HasSuffix(l, "ParquetHiveSerDe") || len(got.Table.StorageDescriptor.Columns) == 0 {
		t.Errorf("the table is read by %s, its columns are %v", l, got.Table.StorageDescriptor.Columns)
	}
	bucket := strings.TrimPrefix(to.BucketARN, "arn:aws:s3:::")
	if v := s.m.sub(bucket, "versioning"); !strings.Contains(v, "<Status>Enabled</Status>") {
		t.Errorf("bucket %s: versioning is %s", bucket, v)
	}
	if l := s.m.sub(bucket, "lifecycle"); !strings.Contains(l, "<Days>30</Days>") || !strings.Contains(l, "<AbortIncompleteMultipartUpload>") {
		t.Errorf("bucket %s: its lifecycle is %s", bucket, l)
	}
}

func checkEndpoint(t *testing.T, s *site) {
	checkDelivery(t, s, "posts/dt=!{timestamp:yyyy-MM-dd}/", 64, 60)
	var f struct {
		Environment struct{ Variables map[string]string }
		VpcConfig   struct{ SubnetIds, SecurityGroupIds []string }
	}
	s.m.json("lambda", "GET", "/2015-03-31/functions/coldstream-ec2-thin/configuration", "", "", &f)
	if f.Environment.Variables["ENDPOINT_URL"] != s.outputs["endpoint"] || len(f.VpcConfig.SubnetIds) != 2 || len(f.VpcConfig.SecurityGroupIds) != 1 {
		t.Errorf("the thin function is %+v, the endpoint %v", f, s.outputs["endpoint"])
	}
	checkRoles(t, s.m)
}

// anyResource are the actions that roles may do on everything.
var anyResource = map[string]string{
	"ecr:GetAuthorizationToken":      "knows no resource",
	"ec2:CreateNetworkInterface":     "Lambda demands it for a function in a VPC",
	"ec2:DeleteNetworkInterface":     "Lambda demands it for a function in a VPC",
	"ec2:DescribeNetworkInterfaces":  "Lambda demands it for a function in a VPC",
	"ec2:DescribeSubnets":            "Lambda demands it for a function in a VPC",
	"ec2:AssignPrivateIpAddresses":   "Lambda demands it for a function in a VPC",
	"ec2:UnassignPrivateIpAddresses": "Lambda demands it for a function in a VPC",
}

// checkRoles lists all statements of all roles.
func checkRoles(t *testing.T, m *moto) {
	t.Helper()
	for _, r := range m.roles() {
		if len(r.Attached) > 0 {
			t.Errorf("role %s has policies that are not ours: %+v", r.Name, r.Attached)
		}
		for _, p := range r.Policies {
			all, err := statements(p.Document)
			if err != nil {
				t.Errorf("role %s: %v", r.Name, err)
			}
			for _, s := range all {
				t.Logf("role %s: %s: %v on %v", r.Name, s.Sid, s.Action, s.Resource)
				for _, action := range s.Action {
					if strings.Contains(action, "*") {
						t.Errorf("role %s: %s allows %s", r.Name, s.Sid, action)
					}
					for _, resource := range s.Resource {
						if resource == "*" && anyResource[action] == "" {
							t.Errorf("role %s: %s allows %s on everything", r.Name, s.Sid, action)
						}
					}
				}
			}
		}
	}
}

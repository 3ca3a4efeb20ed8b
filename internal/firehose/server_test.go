package firehose_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"coldstream/internal/firehose"
	"coldstream/internal/runtimeapi"

	"github.com/aws/aws-sdk-go-v2/aws"
	sdk "github.com/aws/aws-sdk-go-v2/service/firehose"
	"github.com/aws/aws-sdk-go-v2/service/firehose/types"
	"github.com/aws/smithy-go"
)

// wantAPIError checks the error as the SDK reads it.
func wantAPIError(t *testing.T, err error, code, words string) {
	t.Helper()
	var api smithy.APIError
	if !errors.As(err, &api) || api.ErrorCode() != code || !strings.Contains(api.ErrorMessage(), words) {
		t.Errorf("got %v; want %s with %q", err, code, words)
	}
}

func TestLimitsOfTheService(t *testing.T) {
	sink := &memory{}
	stream := newStream(t, firehose.Config{Sink: sink})
	client, _, _ := serve(t, stream)
	record := strings.Repeat("x", firehose.MaxRecordBytes)
	n := 0
	accept := func(what string, texts ...string) {
		t.Helper()
		out, err := putBatch(client, texts...)
		if err != nil || *out.FailedPutCount != 0 || len(out.RequestResponses) != len(texts) || *out.Encrypted {
			t.Errorf("%s: %+v, %v", what, out, err)
			return
		}
		n += len(texts)
	}
	refuse := func(what, code, words string, texts ...string) {
		t.Helper()
		_, err := putBatch(client, texts...)
		if err == nil {
			t.Errorf("%s was accepted", what)
			return
		}
		wantAPIError(t, err, code, words)
	}
	accept("500 records", slices.Repeat([]string{"x"}, 500)...)
	refuse("501 records", "ValidationException", "less than or equal to 500", slices.Repeat([]string{"x"}, 501)...)
	refuse("no record", "ValidationException", "greater than or equal to 1")
	accept("1,024,000 bytes", record)
	refuse("1,024,001 bytes", "ValidationException", "records.2.member.data", "x", record+"x")
	accept("4 MiB", record, record, record, record, strings.Repeat("x", 4<<20-4*len(record)))
	refuse("4 MiB and a byte", "InvalidArgumentException", "4 MB", record, record, record, record, strings.Repeat("x", 4<<20-4*len(record)+1))
	accept("an empty record", "")

	put := func(name string, data []byte) (*sdk.PutRecordOutput, error) {
		return client.PutRecord(context.Background(), &sdk.PutRecordInput{DeliveryStreamName: &name, Record: &types.Record{Data: data}})
	}
	one, err := put("posts", []byte(record))
	two, err2 := put("posts", []byte{})
	if err != nil || err2 != nil || *one.RecordId == "" || *one.RecordId == *two.RecordId || *one.Encrypted {
		t.Errorf("PutRecord: %+v %v, %+v %v", one, err, two, err2)
	}
	n += 2
	_, err = put("posts", []byte(record+"x"))
	wantAPIError(t, err, "ValidationException", "record.data")
	_, err = put("none", []byte("x"))
	wantAPIError(t, err, "ResourceNotFoundException", "none")
	var notFound *types.ResourceNotFoundException
	if !errors.As(err, &notFound) {
		t.Errorf("%T", err)
	}
	drain(t, stream)
	checkStats(t, stream, n)
}

// TestWireErrors sends what an SDK would not.
func TestWireErrors(t *testing.T) {
	_, _, server := serve(t, newStream(t, firehose.Config{Sink: &memory{}}))
	for _, c := range []struct {
		target, body string
		status       int
		code         string
	}{
		{"PutRecord", `{"DeliveryStreamName":"posts","Record":{"Data":"eA=="}}`, 200, ""},
		{"PutRecord", `{"DeliveryStreamName":"posts","Record":{"Data":"\u0065A\u003d="}}`, 200, ""},
		{"PutRecord", `{"DeliveryStreamName":"posts","Record":{"Data":null}}`, 400, "ValidationException"},
		{"PutRecord", `{"DeliveryStreamName":"posts","Record":{}}`, 400, "ValidationException"},
		{"PutRecord", `{"DeliveryStreamName":"posts"}`, 400, "ValidationException"},
		{"PutRecord", `{"Record":{"Data":"eA=="}}`, 400, "ValidationException"},
		{"PutRecord", `{"DeliveryStreamName":"","Record":{"Data":"eA=="}}`, 400, "ValidationException"},
		{"PutRecord", `{"DeliveryStreamName":"posts","Record":{"Data":"e"}}`, 400, "SerializationException"},
		{"PutRecord", `{"DeliveryStreamName":"posts","Record":{"Data":7}}`, 400, "SerializationException"},
		{"PutRecord", `{"DeliveryStreamName":7}`, 400, "SerializationException"},
		{"PutRecord", `{"DeliveryStreamName":`, 400, "SerializationException"},
		{"PutRecord", ``, 400, "SerializationException"},
		{"PutRecordBatch", `{"DeliveryStreamName":"posts"}`, 400, "ValidationException"},
		{"PutRecordBatch", `{"DeliveryStreamName":"posts","Records":[{"Data":"eA=="},{}]}`, 400, "ValidationException"},
		{"PutRecordBatch", `{"DeliveryStreamName":"none","Records":[{"Data":"eA=="}]}`, 400, "ResourceNotFoundException"},
		{"PutRecordBatch", strings.Repeat(" ", 9<<20) + `{}`, 413, "RequestEntityTooLargeException"},
		{"DescribeDeliveryStream", `{"DeliveryStreamName":"none"}`, 400, "ResourceNotFoundException"},
		{"DescribeDeliveryStream", `[]`, 400, "SerializationException"},
		{"ListDeliveryStreams", `{"Limit":0}`, 400, "ValidationException"},
		{"DeleteDeliveryStream", `{}`, 400, "UnknownOperationException"},
		{"", `{}`, 400, "UnknownOperationException"},
	} {
		request, _ := http.NewRequest(http.MethodPost, server.URL, strings.NewReader(c.body))
		request.Header.Set("Content-Type", "application/x-amz-json-1.1")
		if c.target != "" {
			request.Header.Set("X-Amz-Target", "Firehose_20150804."+c.target)
		}
		response, err := http.DefaultClient.Do(request)
		if err != nil {
			t.Fatal(err)
		}
		body, _ := io.ReadAll(response.Body)
		response.Body.Close()
		var got struct {
			Type    string `json:"__type"`
			Message string `json:"message"`
		}
		err = json.Unmarshal(body, &got)
		if err != nil || response.StatusCode != c.status || got.Type != c.code || (c.code != "") != (got.Message != "") ||
			response.Header.Get("Content-Type") != "application/x-amz-json-1.1" || response.Header.Get("X-Amzn-Requestid") == "" {
			t.Errorf("%s %.80s: %d %s %v; want %d %s", c.target, c.body, response.StatusCode, body, err, c.status, c.code)
		}
	}
	response, err := http.Get(server.URL)
	if err != nil || response.StatusCode != http.StatusBadRequest {
		t.Error(response, err)
	}
}

func TestDescriptionGivesTheConfigurationBack(t *testing.T) {
	invoke := func(context.Context, []byte) (runtimeapi.Result, error) { return runtimeapi.Result{}, nil }
	configs := map[string]firehose.Config{
		"plain": {Bucket: "local"},
		"full": {Region: "eu-west-1", Account: "123456789012", Bucket: "scored", GZIP: true, FileExtension: ".gz", TimeZone: time.UTC,
			Prefix:      "label=!{partitionKeyFromLambda:label}/dt=!{timestamp:yyyy-MM-dd}/",
			ErrorPrefix: "errors/!{firehose:error-output-type}/!{timestamp:yyyy/MM/dd/HH}/",
			Buffer:      firehose.Buffer{Bytes: 64 << 20, Interval: time.Minute},
			Transform: &firehose.Transform{ARN: "arn:aws:lambda:eu-west-1:123456789012:function:scorer:live", Retries: -1,
				Buffer: firehose.Buffer{Bytes: 1 << 19, Interval: 30 * time.Second}}},
		"query": {Bucket: "scored", PartitionQuery: "{label:.sentiment}", Prefix: "!{partitionKeyFromQuery:label}/", ErrorPrefix: "!{firehose:error-output-type}/"},
	}
	for name, want := range configs {
		t.Run(name, func(t *testing.T) {
			config := want
			config.Name, config.Sink = name, &memory{}
			if config.Transform != nil {
				transform := *config.Transform
				transform.Invoke = invoke
				config.Transform = &transform
			}
			stream := newStream(t, config)
			client, _, server := serve(t, stream)
			out, err := client.DescribeDeliveryStream(context.Background(), &sdk.DescribeDeliveryStreamInput{DeliveryStreamName: &name})
			if err != nil {
				t.Fatal(err)
			}
			d := out.DeliveryStreamDescription
			if d.DeliveryStreamStatus != types.DeliveryStreamStatusActive || *d.DeliveryStreamARN != stream.ARN() || *d.VersionId != "1" ||
				*d.HasMoreDestinations || time.Since(*d.CreateTimestamp).Abs() > time.Hour || d.DeliveryStreamType != types.DeliveryStreamTypeDirectPut {
				t.Errorf("described as %+v", d)
			}
			ofSDK, err := json.Marshal(out)
			if err != nil {
				t.Fatal(err)
			}
			request, _ := http.NewRequest(http.MethodPost, server.URL, strings.NewReader(fmt.Sprintf(`{"DeliveryStreamName":%q}`, name)))
			request.Header.Set("X-Amz-Target", "Firehose_20150804.DescribeDeliveryStream")
			response, err := http.DefaultClient.Do(request)
			if err != nil {
				t.Fatal(err)
			}
			ofWire, _ := io.ReadAll(response.Body)
			response.Body.Close()
			for form, answer := range map[string][]byte{"SDK": ofSDK, "wire": ofWire} {
				got, err := firehose.ParseDescription(answer)
				if err != nil {
					t.Fatalf("%s: %v", form, err)
				}
				got.Sink = &memory{}
				if got.Transform != nil {
					got.Transform.Invoke = invoke
				}
				again := newStream(t, got)
				client2, _, _ := serve(t, again)
				out2, err := client2.DescribeDeliveryStream(context.Background(), &sdk.DescribeDeliveryStreamInput{DeliveryStreamName: &name})
				if err != nil {
					t.Fatal(err)
				}
				out2.DeliveryStreamDescription.CreateTimestamp = d.CreateTimestamp
				a, _ := json.Marshal(d)
				b, _ := json.Marshal(out2.DeliveryStreamDescription)
				if !bytes.Equal(a, b) {
					t.Errorf("%s: described as\n%s, again as\n%s", form, a, b)
				}
				if got.Bucket != want.Bucket || got.GZIP != want.GZIP || got.Prefix != want.Prefix || got.PartitionQuery != want.PartitionQuery ||
					(want.Transform != nil) && (got.Transform == nil || got.Transform.ARN != want.Transform.ARN || got.Transform.Buffer != want.Transform.Buffer) {
					t.Errorf("%s: %+v", form, got)
				}
			}
		})
	}
}

func TestDescriptionsThatCannotBeFollowedAreRefused(t *testing.T) {
	const good = `{"DeliveryStreamName":"s","DeliveryStreamARN":"arn:aws:firehose:us-east-1:1:deliverystream/s","DeliveryStreamType":"DirectPut",
		"Destinations":[{"DestinationId":"d","S3DestinationDescription":{},"ExtendedS3DestinationDescription":{"BucketARN":"arn:aws:s3:::b",
		"BufferingHints":{"SizeInMBs":5,"IntervalInSeconds":0},"CompressionFormat":"GZIP","S3BackupMode":"Disabled",
		"ProcessingConfiguration":{"Enabled":true,"Processors":[{"Type":"Lambda","Parameters":[{"ParameterName":"LambdaArn","ParameterValue":"f"},
		{"ParameterName":"BufferSizeInMBs","ParameterValue":"0.5"}]}]}}}]}`
	c, err := firehose.ParseDescription([]byte(good))
	if err != nil || c.Buffer != (firehose.Buffer{Bytes: 5 << 20}) || c.Transform.Buffer != (firehose.Buffer{Bytes: 1 << 19, Interval: time.Minute}) {
		t.Fatalf("%+v, %v", c, err)
	}
	for _, r := range [][3]string{
		{`"DirectPut"`, `"KinesisStreamAsSource"`, "KinesisStreamAsSource"},
		{`"ExtendedS3DestinationDescription"`, `"RedshiftDestinationDescription"`, "extended S3"},
		{`"arn:aws:s3:::b"`, `"b"`, "BucketARN"},
		{`"GZIP"`, `"Snappy"`, "Snappy"},
		{`"Disabled"`, `"Enabled"`, "S3BackupMode"},
		{`"Type":"Lambda"`, `"Type":"AppendDelimiterToRecord"`, "AppendDelimiterToRecord"},
		{`"0.5"`, `"half"`, "BufferSizeInMBs"},
		{`"LambdaArn"`, `"RoleArn"`, "no LambdaArn"},
		{`"Type":"Lambda"`, `"Type":"MetadataExtraction"`, "no MetadataExtractionQuery"},
		{`"Type":"Lambda","Parameters":[`, `"Type":"MetadataExtraction","Parameters":[{"ParameterName":"JsonParsingEngine","ParameterValue":"JQ-9"},`, "JQ-9"},
		{`"CompressionFormat"`, `"DataFormatConversionConfiguration":{"Enabled":true},"CompressionFormat"`, "DataFormatConversion"},
		{`"CompressionFormat"`, `"CustomTimeZone":"Moon/Sea","CompressionFormat"`, "CustomTimeZone"},
		{`"DeliveryStreamName":"s"`, `"DeliveryStreamName":""`, "DeliveryStreamName"},
		{`"arn:aws:firehose:us-east-1:1:deliverystream/s"`, `"s"`, "DeliveryStreamARN"},
		{`{"DeliveryStreamName"`, `{"DeliveryStreamName`, "invalid character"},
	} {
		if !strings.Contains(good, r[0]) {
			t.Fatalf("%s is not in the description", r[0])
		}
		if _, err := firehose.ParseDescription([]byte(strings.Replace(good, r[0], r[1], 1))); err == nil || !strings.Contains(err.Error(), r[2]) {
			t.Errorf("%s: %v; want %q", r[1], err, r[2])
		}
	}
}

// TestHostileSizesAreRefused: what overflows on its way to bytes or nanoseconds
// does not come out as a buffer that is allowed.
func TestHostileSizesAreRefused(t *testing.T) {
	const form = `{"DeliveryStreamName":"s","DeliveryStreamARN":"arn:aws:firehose:us-east-1:1:deliverystream/s",
		"Destinations":[{"ExtendedS3DestinationDescription":{"BucketARN":"arn:aws:s3:::b","BufferingHints":{"SizeInMBs":%s,"IntervalInSeconds":%s},
		"ProcessingConfiguration":{"Enabled":true,"Processors":[{"Type":"Lambda","Parameters":[{"ParameterName":"LambdaArn","ParameterValue":"f"},
		{"ParameterName":"BufferSizeInMBs","ParameterValue":"%s"},{"ParameterName":"BufferIntervalInSeconds","ParameterValue":"%s"}]}]}}}]}`
	made := func(values ...any) error {
		c, err := firehose.ParseDescription(fmt.Appendf(nil, form, values...))
		if err != nil {
			return err
		}
		c.Sink = &memory{}
		c.Transform.Invoke = func(context.Context, []byte) (runtimeapi.Result, error) { return runtimeapi.Result{}, nil }
		_, err = firehose.NewStream(c)
		return err
	}
	if err := made("128", "900", "3", "900"); err != nil {
		t.Fatal(err)
	}
	for i, values := range [][]string{
		{"129", "0", "-1", "17592186044421", "9223372036854775807"}, // 17592186044421 MB are 5 MB modulo 2^64 bytes
		{"901", "-1", "9223372036854775807", "18446744074"},
		{"3.1", "0.1", "0", "-1", "NaN", "+Inf", "1e300", "", "1 MB"},
		{"901", "-1", "18446744074", "1.5", "99999999999999999999"},
	} {
		for _, value := range values {
			given := []any{"5", "60", "1", "60"}
			given[i] = value
			if made(given...) == nil {
				t.Errorf("%v makes a stream", given)
			}
		}
	}
}

func TestStreamsAreListed(t *testing.T) {
	var streams []*firehose.Stream
	for _, name := range []string{"c", "a", "b"} {
		streams = append(streams, newStream(t, firehose.Config{Name: name, Sink: &memory{}}))
	}
	client, _, _ := serve(t, streams...)
	var got []string
	in := &sdk.ListDeliveryStreamsInput{Limit: aws.Int32(2)}
	for {
		out, err := client.ListDeliveryStreams(context.Background(), in)
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, out.DeliveryStreamNames...)
		if !*out.HasMoreDeliveryStreams {
			break
		}
		in.ExclusiveStartDeliveryStreamName = &got[len(got)-1]
	}
	if !slices.Equal(got, []string{"a", "b", "c"}) {
		t.Errorf("listed %q", got)
	}
}

func TestInjectedFaults(t *testing.T) {
	sink := &memory{}
	stream := newStream(t, firehose.Config{Sink: sink})
	client, server, _ := serve(t, stream)
	inject := func(f firehose.Fault) {
		server.Inject(func(r firehose.Request) firehose.Fault {
			if r.Operation != "PutRecordBatch" || r.Stream != "posts" || r.Records != 3 {
				t.Errorf("request %+v", r)
			}
			return f
		})
	}
	accepted := int64(0)
	check := func(what string, more int64) {
		t.Helper()
		if accepted += more; stream.Stats().Accepted != accepted {
			t.Errorf("%s: %d records accepted, want %d", what, stream.Stats().Accepted, accepted)
		}
	}

	inject(firehose.Fault{FailRecord: func(i int) bool { return i == 1 }})
	out, err := putBatch(client, "a0\n", "a1\n", "a2\n")
	if err != nil || *out.FailedPutCount != 1 || *out.RequestResponses[1].ErrorCode != "ServiceUnavailableException" ||
		out.RequestResponses[1].RecordId != nil || out.RequestResponses[0].RecordId == nil || out.RequestResponses[2].RecordId == nil {
		t.Errorf("%+v, %v", out, err)
	}
	check("one record failed", 2)

	for code, status := range map[string]int{"ServiceUnavailableException": 503, "InternalFailure": 500, "LimitExceededException": 400} {
		inject(firehose.Fault{Code: code})
		_, err = putBatch(client, "b0", "b1", "b2")
		wantAPIError(t, err, code, "Slow down")
		var response interface{ HTTPStatusCode() int }
		if !errors.As(err, &response) || response.HTTPStatusCode() != status {
			t.Errorf("%v, want status %d", err, status)
		}
		check(code, 0)
	}

	inject(firehose.Fault{Break: firehose.ResetBefore})
	if _, err = putBatch(client, "c0", "c1", "c2"); err == nil {
		t.Error("an answer over a broken connection")
	}
	check("reset before", 0)

	inject(firehose.Fault{Break: firehose.ResetAfter})
	if _, err = putBatch(client, "d0\n", "d1\n", "d2\n"); err == nil {
		t.Error("an answer over a broken connection")
	}
	check("reset after", 3)

	inject(firehose.Fault{Break: firehose.HangAfter, Delay: time.Millisecond})
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	_, err = client.PutRecordBatch(ctx, &sdk.PutRecordBatchInput{DeliveryStreamName: aws.String("posts"),
		Records: []types.Record{{Data: []byte("e0\n")}, {Data: []byte("e1\n")}, {Data: []byte("e2\n")}}})
	cancel()
	if !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("hang: %v", err)
	}
	check("hang after", 3)

	server.Inject(nil)
	putAll(t, client, []string{"f0\n"})
	check("no fault", 1)
	drain(t, stream)
	checkStats(t, stream, int(accepted))
	got := sink.lines(t, false)
	if !slices.Equal(got, []string{"a0", "a2", "d0", "d1", "d2", "e0", "e1", "e2", "f0"}) {
		t.Errorf("delivered %q", got)
	}
}

// TestRandomFaultsLoseNothingThatWasAccepted resends what was refused until
// all is accepted, as a producer does.
func TestRandomFaultsLoseNothingThatWasAccepted(t *testing.T) {
	sink := &memory{}
	stream := newStream(t, firehose.Config{Sink: sink})
	client, server, _ := serve(t, stream)
	server.Inject(firehose.RandomFaults(7, firehose.FaultRates{Record: .1, Unavailable: .1, ResetBefore: .1, ResetAfter: .1, Delay: .3, MaxDelay: time.Millisecond}))
	sent := map[string]bool{}
	var open []string
	for i := range 2000 {
		open = append(open, fmt.Sprintf("%d\n", i))
		sent[fmt.Sprintf("%d", i)] = true
	}
	requests := 0
	for len(open) > 0 && requests < 10_000 {
		requests++
		chunk := open[:min(100, len(open))]
		open = open[len(chunk):]
		out, err := putBatch(client, chunk...)
		if err != nil {
			open = append(open, chunk...)
			continue
		}
		for i, r := range out.RequestResponses {
			if r.ErrorCode != nil {
				open = append(open, chunk[i])
			}
		}
	}
	drain(t, stream)
	got := sink.lines(t, false)
	checkStats(t, stream, len(got))
	for _, line := range got {
		delete(sent, line)
	}
	if len(sent) != 0 || len(got) < 2000 || len(got) > 2000+100*requests {
		t.Errorf("%d records lost, %d delivered", len(sent), len(got))
	}
}

func TestQuotaThrottles(t *testing.T) {
	stream := newStream(t, firehose.Config{Sink: &memory{}, Quota: firehose.Quota{Records: 100}})
	client, _, _ := serve(t, stream)
	out, err := putBatch(client, slices.Repeat([]string{"x"}, 300)...)
	if err != nil {
		t.Fatal(err)
	}
	failed := int(*out.FailedPutCount)
	if failed == 0 || failed > 200 || *out.RequestResponses[299].ErrorCode != "ServiceUnavailableException" {
		t.Errorf("%d of 300 refused at 100 a second", failed)
	}
	if s := stream.Stats(); s.Accepted != int64(300-failed) || s.Refused != int64(failed) {
		t.Errorf("stats %+v", s)
	}
}

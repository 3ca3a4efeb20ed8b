package firehose

import (
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"
)

// The part of a stream's description that stands for its Config. Members of
// the API that this package has no use for are left out of answers and passed
// over in ParseDescription, save those that change what is delivered.
type (
	describeResponse struct {
		DeliveryStreamDescription description
	}
	description struct {
		DeliveryStreamName   string
		DeliveryStreamARN    string
		DeliveryStreamStatus string
		DeliveryStreamType   string
		VersionId            string
		CreateTimestamp      epoch
		Source               json.RawMessage `json:",omitempty"`
		Destinations         []destination
		HasMoreDestinations  bool
	}
	destination struct {
		DestinationId                    string
		ExtendedS3DestinationDescription *s3Destination `json:",omitempty"`
	}
	s3Destination struct {
		RoleARN                           string
		BucketARN                         string
		Prefix                            string `json:",omitempty"`
		ErrorOutputPrefix                 string `json:",omitempty"`
		FileExtension                     string `json:",omitempty"`
		CustomTimeZone                    string `json:",omitempty"`
		BufferingHints                    *bufferingHints
		CompressionFormat                 string
		EncryptionConfiguration           encryption
		S3BackupMode                      string
		ProcessingConfiguration           *processing `json:",omitempty"`
		DynamicPartitioningConfiguration  *switched   `json:",omitempty"`
		DataFormatConversionConfiguration *switched   `json:",omitempty"`
	}
	bufferingHints struct {
		SizeInMBs         *int64
		IntervalInSeconds *int64
	}
	encryption struct {
		NoEncryptionConfig string `json:",omitempty"`
	}
	processing struct {
		Enabled    bool
		Processors []processor
	}
	processor struct {
		Type       string
		Parameters []processorParameter
	}
	processorParameter struct {
		ParameterName  string
		ParameterValue string
	}
	switched struct {
		Enabled bool
	}
)

const directPut = "DirectPut"

// epoch is a time in seconds, as AWS JSON writes it. It is not read back.
type epoch float64

func (*epoch) UnmarshalJSON([]byte) error { return nil }

func (s *Stream) describe() description {
	c := &s.config
	s3 := &s3Destination{
		RoleARN:                 "arn:aws:iam::" + c.Account + ":role/" + c.Name,
		BucketARN:               bucketARN + c.Bucket,
		Prefix:                  c.Prefix,
		ErrorOutputPrefix:       c.ErrorPrefix,
		FileExtension:           c.FileExtension,
		CustomTimeZone:          c.TimeZone.String(),
		BufferingHints:          &bufferingHints{new(c.Buffer.Bytes >> 20), new(int64(c.Buffer.Interval / time.Second))},
		CompressionFormat:       "UNCOMPRESSED",
		EncryptionConfiguration: encryption{"NoEncryption"},
		S3BackupMode:            "Disabled",
	}
	if c.GZIP {
		s3.CompressionFormat = "GZIP"
	}
	var processors []processor
	if t := c.Transform; t != nil {
		processors = append(processors, processor{Type: lambdaProcessor, Parameters: []processorParameter{
			{"LambdaArn", t.ARN},
			{"NumberOfRetries", strconv.Itoa(t.Retries)},
			{"BufferSizeInMBs", strconv.FormatFloat(float64(t.Buffer.Bytes)/(1<<20), 'f', -1, 64)},
			{"BufferIntervalInSeconds", strconv.FormatFloat(t.Buffer.Interval.Seconds(), 'f', -1, 64)},
		}})
	}
	if c.PartitionQuery != "" {
		processors = append(processors, processor{Type: queryProcessor, Parameters: []processorParameter{
			{"MetadataExtractionQuery", c.PartitionQuery},
			{"JsonParsingEngine", queryEngine},
		}})
	}
	if len(processors) > 0 {
		s3.ProcessingConfiguration = &processing{Enabled: true, Processors: processors}
	}
	if len(s.prefix.keys) > 0 {
		s3.DynamicPartitioningConfiguration = &switched{true}
	}
	return description{
		DeliveryStreamName:   c.Name,
		DeliveryStreamARN:    s.arn,
		DeliveryStreamStatus: "ACTIVE",
		DeliveryStreamType:   directPut,
		VersionId:            "1",
		CreateTimestamp:      epoch(float64(s.created.UnixMilli()) / 1e3),
		Destinations:         []destination{{"destinationId-000000000001", s3}},
	}
}

const (
	bucketARN = "arn:aws:s3:::"

	lambdaProcessor = "Lambda"
	queryProcessor  = "MetadataExtraction"
	queryEngine     = "JQ-1.6" // the only one there is
)

// ParseDescription makes the Config that a DescribeDeliveryStream answer
// stands for, in the form of the wire or of the Go SDK's output encoded as
// JSON, with or without the member DeliveryStreamDescription around it. Sink,
// and with a transformation Transform.Invoke, are left to the caller; Bucket
// and Transform.ARN say which. What this package cannot do in the same way is
// refused by name.
func ParseDescription(answer []byte) (Config, error) {
	c, err := parseDescription(answer)
	if err != nil {
		return Config{}, fmt.Errorf("firehose: description: %w", err)
	}
	return c, nil
}

func parseDescription(answer []byte) (Config, error) {
	var wrapped struct{ DeliveryStreamDescription json.RawMessage }
	if err := json.Unmarshal(answer, &wrapped); err != nil {
		return Config{}, err
	}
	if wrapped.DeliveryStreamDescription != nil {
		answer = wrapped.DeliveryStreamDescription
	}
	var d description
	if err := json.Unmarshal(answer, &d); err != nil {
		return Config{}, err
	}
	c := Config{Name: d.DeliveryStreamName}
	arn := strings.Split(d.DeliveryStreamARN, ":")
	switch {
	case c.Name == "":
		return c, errors.New("no DeliveryStreamName")
	case len(arn) != 6 || arn[3] == "":
		return c, fmt.Errorf("DeliveryStreamARN %q is no resource name", d.DeliveryStreamARN)
	case d.DeliveryStreamType != directPut && d.DeliveryStreamType != "":
		return c, fmt.Errorf("source %s is not supported, DirectPut only", d.DeliveryStreamType)
	case len(d.Destinations) != 1 || d.Destinations[0].ExtendedS3DestinationDescription == nil:
		return c, errors.New("it has no extended S3 destination, the only kind supported")
	}
	c.Region, c.Account = arn[3], arn[4]
	err := d.Destinations[0].ExtendedS3DestinationDescription.config(&c)
	return c, err
}

func (d *s3Destination) config(c *Config) error {
	bucket, ok := strings.CutPrefix(d.BucketARN, bucketARN)
	if !ok {
		return fmt.Errorf("BucketARN %q is no bucket", d.BucketARN)
	}
	c.Bucket, c.Prefix, c.ErrorPrefix, c.FileExtension = bucket, d.Prefix, d.ErrorOutputPrefix, d.FileExtension
	if h := d.BufferingHints; h != nil && h.SizeInMBs != nil && h.IntervalInSeconds != nil {
		c.Buffer = Buffer{megabytes(float64(*h.SizeInMBs)), seconds(*h.IntervalInSeconds)}
	}
	switch d.CompressionFormat {
	case "", "UNCOMPRESSED":
	case "GZIP":
		c.GZIP = true
	default:
		return fmt.Errorf("CompressionFormat %s is not supported", d.CompressionFormat)
	}
	if d.CustomTimeZone != "" {
		zone, err := time.LoadLocation(d.CustomTimeZone)
		if err != nil {
			return fmt.Errorf("CustomTimeZone: %w", err)
		}
		c.TimeZone = zone
	}
	if f := d.DataFormatConversionConfiguration; f != nil && f.Enabled {
		return errors.New("DataFormatConversionConfiguration is not supported")
	}
	if d.S3BackupMode == "Enabled" {
		return errors.New("S3BackupMode Enabled is not supported")
	}
	if p := d.ProcessingConfiguration; p != nil && p.Enabled {
		return p.config(c)
	}
	return nil
}

func (p *processing) config(c *Config) error {
	for _, processor := range p.Processors {
		switch {
		case processor.Type == queryProcessor:
			if err := processor.query(c); err != nil {
				return err
			}
			continue
		case processor.Type != lambdaProcessor:
			return fmt.Errorf("processor %s is not supported", processor.Type)
		case c.Transform != nil:
			return errors.New("two Lambda processors; one is allowed")
		}
		t := &Transform{Buffer: Buffer{1 << 20, 60 * time.Second}}
		for _, parameter := range processor.Parameters {
			if err := t.set(parameter.ParameterName, parameter.ParameterValue); err != nil {
				return fmt.Errorf("processor parameter %s: %w", parameter.ParameterName, err)
			}
		}
		if t.ARN == "" {
			return errors.New("the Lambda processor has no LambdaArn")
		}
		c.Transform = t
	}
	return nil
}

// megabytes returns mb in bytes. What no buffer has, NaN among it, becomes -1,
// which NewStream refuses: nothing may overflow into a size that is allowed.
func megabytes(mb float64) int64 {
	if !(mb >= 0 && mb <= 1<<20) {
		return -1
	}
	return int64(mb * (1 << 20))
}

// seconds returns n seconds, -1 ns for what no buffer waits.
func seconds(n int64) time.Duration {
	if n < 0 || n > int64(maxInterval/time.Second) {
		return -1
	}
	return time.Duration(n) * time.Second
}

// query takes the partition query over.
func (p *processor) query(c *Config) error {
	if c.PartitionQuery != "" {
		return errors.New("two " + queryProcessor + " processors; one is allowed")
	}
	for _, parameter := range p.Parameters {
		switch {
		case parameter.ParameterName == "MetadataExtractionQuery":
			c.PartitionQuery = parameter.ParameterValue
		case parameter.ParameterName == "JsonParsingEngine" && parameter.ParameterValue != queryEngine:
			return fmt.Errorf("JsonParsingEngine %s is not supported, %s only", parameter.ParameterValue, queryEngine)
		}
	}
	if c.PartitionQuery == "" {
		return errors.New("the " + queryProcessor + " processor has no MetadataExtractionQuery")
	}
	return nil
}

// set applies one parameter of a Lambda processor.
func (t *Transform) set(name, value string) error {
	switch name {
	case "LambdaArn":
		t.ARN = value
	case "NumberOfRetries":
		n, err := strconv.Atoi(value)
		if err != nil {
			return err
		}
		if t.Retries = n; n == 0 {
			t.Retries = -1 // none: 0 means the default
		}
	case "BufferSizeInMBs":
		mb, err := strconv.ParseFloat(value, 64)
		if err != nil {
			return err
		}
		t.Buffer.Bytes = megabytes(mb)
	case "BufferIntervalInSeconds":
		n, err := strconv.ParseInt(value, 10, 64)
		if err != nil {
			return err
		}
		t.Buffer.Interval = seconds(n)
	}
	return nil // RoleArn has no meaning here
}

package firehose

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strconv"
)

// The wire protocol is AWS JSON 1.1: POST /, the operation in a header.
// https://docs.aws.amazon.com/firehose/latest/APIReference/
const (
	targetHeader = "X-Amz-Target"
	targetPrefix = "Firehose_20150804."
	contentType  = "application/x-amz-json-1.1"
)

// apiError is an error as an AWS SDK reads it.
type apiError struct {
	code, message string
}

func (e *apiError) Error() string { return e.code + ": " + e.message }

// status is what goes with the error's code.
func (e *apiError) status() int {
	switch e.code {
	case codeUnavailable:
		return http.StatusServiceUnavailable
	case codeInternal:
		return http.StatusInternalServerError
	case "RequestEntityTooLargeException":
		return http.StatusRequestEntityTooLarge
	}
	return http.StatusBadRequest
}

// invalid is a violation of the constraints of the API's model, worded as AWS
// does. value may be empty: it is told only where it is short and harmless.
func invalid(value, member, constraint string) *apiError {
	return &apiError{"ValidationException", "1 validation error detected: Value" + value + " at '" + member +
		"' failed to satisfy constraint: Member must " + constraint}
}

// blob is base64 in JSON. null and absence are told from the empty blob. What
// is wrong with it is kept, so that one blob does not spoil the document.
type blob struct {
	set  bool
	data []byte
	err  error
}

func (b *blob) UnmarshalJSON(text []byte) error {
	if string(text) == "null" {
		return nil
	}
	b.set = true
	if text[0] != '"' {
		b.err = errors.New("data is not a base64 string")
		return nil
	}
	encoded := text[1 : len(text)-1]
	if bytes.IndexByte(encoded, '\\') >= 0 {
		var s string
		if err := json.Unmarshal(text, &s); err != nil {
			return err
		}
		encoded = []byte(s)
	}
	if b.data, b.err = base64.StdEncoding.AppendDecode(nil, encoded); b.err != nil {
		b.err = fmt.Errorf("data is not base64: %w", b.err)
	}
	return nil
}

type wireRecord struct {
	Data blob
}

type putRecordRequest struct {
	DeliveryStreamName *string
	Record             *wireRecord
}

type putRecordBatchRequest struct {
	DeliveryStreamName *string
	Records            []wireRecord
}

type putRecordResponse struct {
	RecordId  string
	Encrypted bool
}

type putRecordBatchResponse struct {
	FailedPutCount   int
	Encrypted        bool
	RequestResponses []putRecordBatchResult
}

type putRecordBatchResult struct {
	RecordId     string `json:",omitempty"`
	ErrorCode    string `json:",omitempty"`
	ErrorMessage string `json:",omitempty"`
}

type listResponse struct {
	DeliveryStreamNames    []string
	HasMoreDeliveryStreams bool
}

// decode reads a request's JSON.
func decode(body []byte, v any) error {
	if err := json.Unmarshal(body, v); err != nil {
		return &apiError{"SerializationException", err.Error()}
	}
	return nil
}

// checkRecords applies the limits on the records of one request and returns
// their data.
func checkRecords(records []wireRecord, member func(i int) string) ([][]byte, error) {
	data := make([][]byte, len(records))
	total := 0
	for i := range records {
		switch b := records[i].Data; {
		case !b.set:
			return nil, invalid(" null", member(i), "not be null")
		case b.err != nil:
			return nil, &apiError{"SerializationException", member(i) + ": " + b.err.Error()}
		case len(b.data) > MaxRecordBytes:
			return nil, invalid("", member(i), "have length less than or equal to "+strconv.Itoa(MaxRecordBytes))
		default:
			data[i] = b.data
			total += len(b.data)
		}
	}
	if total > MaxRequestBytes {
		return nil, &apiError{"InvalidArgumentException", "Records size exceeds 4 MB limit"}
	}
	return data, nil
}

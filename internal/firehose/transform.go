package firehose

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"strconv"
	"time"

	"coldstream/internal/runtimeapi"
)

// verdict is what became of one record in the transformation.
type verdict struct {
	result  result
	data    []byte            // with resultOk
	keys    map[string]string // partition keys of the answer, with resultOk
	queried map[string]string // partition keys of the query, with resultOk
	failure failure           // with resultFailed
}

type result uint8

const (
	resultFailed result = iota
	resultOk
	resultDropped
)

// failure is the reason why a record goes to the error output.
type failure struct {
	code, message string
	attempts      int
	ended         time.Time // when the last attempt ended
}

// Reasons, worded as the service does where that is known.
var (
	failureFunction   = failure{code: "Lambda.FunctionError", message: "The Lambda function was successfully invoked but it returned an error result."}
	failureJSON       = failure{code: "Lambda.JsonProcessingException", message: "The Lambda function returned a response that is not JSON of the expected form."}
	failureMissing    = failure{code: "Lambda.MissingRecordId", message: "One or more record Ids were not returned. Ensure that the Lambda function returns all received record Ids."}
	failureDuplicated = failure{code: "Lambda.DuplicatedRecordId", message: "Multiple records were returned with the same record Id. Ensure that the Lambda function returns a unique record Id for each record."}
	failureStatus     = failure{code: "Lambda.ProcessingFailedStatus", message: "ProcessingFailed status set for record"}
	failureNoData     = failure{code: "Lambda.InvalidReturnFormat", message: "The data field cannot be null when the processing result is Ok."}
	failureBase64     = failure{code: "Lambda.InvalidReturnFormat", message: "The data field is not valid base64."}
	failureResult     = failure{code: "Lambda.InvalidReturnFormat", message: "The result field must be one of Ok, Dropped, ProcessingFailed."}
	failurePartition  = failure{code: "DynamicPartitioning.MetadataExtractionFailed", message: "partitionKeys values must not be null or empty and must make a valid object key"}
	failurePartitions = failure{code: "DynamicPartitioning.ActivePartitionLimitExceeded", message: "The number of active partitions exceeds the limit of " + strconv.Itoa(maxPartitions) + "."}
)

// sealInput queues the input for the transformation. The caller holds mu.
func (s *Stream) sealInput() {
	b := s.input
	s.input = nil
	if b.timer != nil {
		b.timer.Stop()
	}
	b.number = s.nextBatch
	s.nextBatch++
	s.waiting = append(s.waiting, b)
	s.startTransforms()
}

// startTransforms keeps as many invocations running as allowed. The caller
// holds mu.
func (s *Stream) startTransforms() {
	for s.running < s.config.Transform.Concurrency && len(s.waiting) > 0 {
		b := s.waiting[0]
		s.waiting[0] = nil
		s.waiting = s.waiting[1:]
		s.running++
		go s.transform(b)
	}
}

// transform has the function work on b and commits it and what waited for it.
func (s *Stream) transform(b *batch) {
	ok := s.call(b)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.running--
	if !ok {
		return // the stream was closed; the records stay counted as buffered
	}
	s.transformed[b.number] = b
	for {
		next, ok := s.transformed[s.nextCommit]
		if !ok {
			break
		}
		delete(s.transformed, s.nextCommit)
		s.nextCommit++
		s.commit(next)
	}
	s.startTransforms()
	s.settleOutputs()
	s.checkEmpty()
}

// commit passes the records of b on by their verdicts. The caller holds mu.
func (s *Stream) commit(b *batch) {
	for i, v := range b.verdicts {
		r := b.records[i]
		switch v.result {
		case resultOk:
			s.stats.Transformed++
			s.appendRecord(r, v.data, v.keys, v.queried)
		case resultDropped:
			s.stats.Dropped++
			s.held -= r.held()
		default:
			s.stats.Failed++
			s.appendFailure(r, v.failure)
		}
	}
}

// call invokes the function, again after a failed invocation, and fills in
// b.verdicts. It returns false when the stream was closed meanwhile.
func (s *Stream) call(b *batch) bool {
	t := s.config.Transform
	payload, idAt := s.event(b)
	backoff := t.Backoff
	for attempt := 1; ; attempt++ {
		copy(payload[idAt:], newUUID()) // every attempt has its own
		answer, err := s.invoke(payload)
		if s.ctx.Err() != nil {
			return false
		}
		now := time.Now()
		if err == nil {
			b.verdicts = judge(b.records, answer, now)
			for i := range b.verdicts {
				if v := &b.verdicts[i]; v.result == resultOk {
					v.queried = s.query.keys(s.ctx, v.data)
				}
			}
			return s.ctx.Err() == nil
		}
		if attempt > t.Retries || errors.Is(err, runtimeapi.ErrTooLarge) {
			f := failureFunction
			f.message += " " + err.Error()
			f.attempts, f.ended = attempt, now
			b.verdicts = make([]verdict, len(b.records))
			for i := range b.verdicts {
				b.verdicts[i].failure = f
			}
			return true
		}
		if !sleep(s.ctx, jitter(backoff)) {
			return false
		}
		backoff *= 2
	}
}

// invoke is one attempt. A function's error is an error here.
func (s *Stream) invoke(payload []byte) ([]byte, error) {
	ctx, cancel := context.WithTimeout(s.ctx, invokeTimeout)
	defer cancel()
	r, err := s.config.Transform.Invoke(ctx, payload)
	if err == nil {
		err = r.Err()
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.stats.Invocations++
	if err != nil {
		s.stats.InvocationErrors++
		s.stats.LastError = err.Error()
	}
	return r.Payload, err
}

// event encodes the transformation event of b. The invocation id, of fixed
// length, stands at idAt.
func (s *Stream) event(b *batch) (payload []byte, idAt int) {
	p := make([]byte, 0, b.encoded+1<<10)
	p = append(p, `{"invocationId":"`...)
	idAt = len(p)
	p = append(p, "00000000-0000-0000-0000-000000000000"...)
	p = append(p, `","deliveryStreamArn":"`...)
	p = append(p, s.arn...)
	p = append(p, `","region":"`...)
	p = append(p, s.config.Region...)
	p = append(p, `","records":[`...)
	for i := range b.records {
		r := &b.records[i]
		if i > 0 {
			p = append(p, ',')
		}
		p = append(p, `{"recordId":"`...)
		p = append(p, r.id...)
		p = append(p, `","approximateArrivalTimestamp":`...)
		p = strconv.AppendInt(p, r.arrival.UnixMilli(), 10)
		p = append(p, `,"data":"`...)
		p = base64.StdEncoding.AppendEncode(p, r.data)
		p = append(p, `"}`...)
	}
	return append(p, "]}"...), idAt
}

// answerRecord is one record of the function's answer.
type answerRecord struct {
	RecordID string `json:"recordId"`
	Result   string `json:"result"`
	Data     blob   `json:"data"`
	Metadata struct {
		PartitionKeys map[string]string `json:"partitionKeys"`
	} `json:"metadata"`
}

// judge reads the function's answer. An invocation that succeeded is final,
// whatever it answered: a record that the answer does not settle has failed.
// Records the batch does not have are passed over.
func judge(records []record, payload []byte, now time.Time) []verdict {
	var answer struct {
		Records []answerRecord `json:"records"`
	}
	missing := failureMissing
	var wrongType *json.UnmarshalTypeError
	// A member of a wrong type leaves the others readable; its record fails below.
	if err := json.Unmarshal(payload, &answer); err != nil && !errors.As(err, &wrongType) {
		missing = failureJSON
	}
	verdicts := make([]verdict, len(records))
	index := make(map[string]int, len(records))
	for i := range records {
		index[records[i].id] = i
		verdicts[i].failure = missing
	}
	seen := make([]bool, len(records))
	for i := range answer.Records {
		at, known := index[answer.Records[i].RecordID]
		if !known {
			continue
		}
		if seen[at] {
			verdicts[at] = verdict{failure: failureDuplicated}
			continue
		}
		seen[at] = true
		verdicts[at] = answer.Records[i].verdict()
	}
	for i := range verdicts {
		verdicts[i].failure.attempts, verdicts[i].failure.ended = 1, now
	}
	return verdicts
}

func (a *answerRecord) verdict() verdict {
	switch a.Result {
	case "Ok":
		switch {
		case !a.Data.set:
			return verdict{failure: failureNoData}
		case a.Data.err != nil:
			return verdict{failure: failureBase64}
		}
		return verdict{result: resultOk, data: a.Data.data, keys: a.Metadata.PartitionKeys}
	case "Dropped":
		return verdict{result: resultDropped}
	case "ProcessingFailed":
		return verdict{failure: failureStatus}
	}
	return verdict{failure: failureResult}
}

// appendErrorLine appends the JSON line that stands for a failed record in an
// error object.
// https://docs.aws.amazon.com/firehose/latest/dev/data-transformation-failure-handling.html
func appendErrorLine(dst []byte, r record, f failure, arn string) []byte {
	dst = fmt.Appendf(dst, `{"attemptsMade":%d,"arrivalTimestamp":%d,"errorCode":%s,"errorMessage":%s,"attemptEndingTimestamp":%d,"rawData":"`,
		f.attempts, r.arrival.UnixMilli(), quote(f.code), quote(f.message), f.ended.UnixMilli())
	dst = base64.StdEncoding.AppendEncode(dst, r.data)
	dst = append(dst, `","lambdaArn":`...)
	dst = append(dst, quote(arn)...)
	return append(dst, "}\n"...)
}

func quote(s string) []byte {
	b, err := json.Marshal(s)
	if err != nil {
		panic("firehose: a string does not marshal: " + err.Error())
	}
	return b
}

// jitter spreads a pause over its second half.
func jitter(d time.Duration) time.Duration {
	if d <= 1 {
		return d
	}
	return d/2 + rand.N(d/2)
}

// sleep returns false when ctx ended first.
func sleep(ctx context.Context, d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-ctx.Done():
		return false
	}
}

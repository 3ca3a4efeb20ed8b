package firehose

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
)

// maxBody bounds the memory of one request: the largest legal one, base64 and
// JSON around it, half as much again for other encoders' taste.
const maxBody = 9 << 20

// Server serves streams over the wire protocol: PutRecord, PutRecordBatch,
// DescribeDeliveryStream and ListDeliveryStreams. Signatures are not checked.
// It is an http.Handler for the root of a host.
type Server struct {
	streams map[string]*Stream
	names   []string // sorted
	faults  atomic.Pointer[func(Request) Fault]
}

// NewServer panics when two streams have one name.
func NewServer(streams ...*Stream) *Server {
	s := &Server{streams: map[string]*Stream{}}
	for _, stream := range streams {
		if s.streams[stream.Name()] != nil {
			panic("firehose: two streams named " + stream.Name())
		}
		s.streams[stream.Name()] = stream
		s.names = append(s.names, stream.Name())
	}
	slices.Sort(s.names)
	return s
}

func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	operation, ok := strings.CutPrefix(r.Header.Get(targetHeader), targetPrefix)
	if r.Method != http.MethodPost || !ok {
		answer(w, nil, &apiError{"UnknownOperationException", "POST with a header " + targetHeader + ": " + targetPrefix + "<operation> is understood here"})
		return
	}
	body, err := readBody(w, r)
	if err != nil {
		answer(w, nil, err)
		return
	}
	switch operation {
	case "PutRecord":
		s.putRecord(w, r, body)
	case "PutRecordBatch":
		s.putRecordBatch(w, r, body)
	case "DescribeDeliveryStream":
		s.describe(w, body)
	case "ListDeliveryStreams":
		s.list(w, body)
	default:
		answer(w, nil, &apiError{"UnknownOperationException", operation + " is not supported here"})
	}
}

// readBody reads a body of at most maxBody bytes.
func readBody(w http.ResponseWriter, r *http.Request) ([]byte, error) {
	var b bytes.Buffer
	if n := r.ContentLength; n > 0 && n <= maxBody {
		b.Grow(int(n) + bytes.MinRead)
	}
	_, err := b.ReadFrom(http.MaxBytesReader(w, r.Body, maxBody))
	if _, large := err.(*http.MaxBytesError); large {
		return nil, &apiError{"RequestEntityTooLargeException", fmt.Sprintf("the request has more than %d bytes", maxBody)}
	}
	if err != nil {
		return nil, &apiError{"SerializationException", "the body broke off"}
	}
	return b.Bytes(), nil
}

// answer writes v, or err as an SDK reads it.
func answer(w http.ResponseWriter, v any, err error) {
	status := http.StatusOK
	if err != nil {
		api, ok := err.(*apiError)
		if !ok {
			api = &apiError{codeInternal, err.Error()}
		}
		status = api.status()
		w.Header().Set("X-Amzn-ErrorType", api.code)
		v = struct {
			Type    string `json:"__type"`
			Message string `json:"message"`
		}{api.code, api.message}
	}
	body, err := json.Marshal(v)
	if err != nil {
		panic("firehose: an answer does not marshal: " + err.Error())
	}
	w.Header().Set("Content-Type", contentType)
	w.Header().Set("Content-Length", strconv.Itoa(len(body)))
	w.Header().Set("X-Amzn-RequestId", newUUID())
	w.WriteHeader(status)
	w.Write(body)
}

// find returns the stream that a request names.
func (s *Server) find(name *string) (*Stream, error) {
	switch {
	case name == nil:
		return nil, invalid(" null", "deliveryStreamName", "not be null")
	case *name == "":
		return nil, invalid(" ''", "deliveryStreamName", "have length greater than or equal to 1")
	case s.streams[*name] == nil:
		return nil, &apiError{"ResourceNotFoundException", "Firehose " + *name + " under account " + s.account() + " not found."}
	}
	return s.streams[*name], nil
}

func (s *Server) account() string {
	for _, stream := range s.streams {
		return stream.config.Account
	}
	return "000000000000"
}

func (s *Server) putRecord(w http.ResponseWriter, r *http.Request, body []byte) {
	var request putRecordRequest
	stream, data, err := func() (*Stream, [][]byte, error) {
		if err := decode(body, &request); err != nil {
			return nil, nil, err
		}
		if request.Record == nil {
			return nil, nil, invalid(" null", "record", "not be null")
		}
		data, err := checkRecords([]wireRecord{*request.Record}, func(int) string { return "record.data" })
		if err != nil {
			return nil, nil, err
		}
		stream, err := s.find(request.DeliveryStreamName)
		return stream, data, err
	}()
	if err != nil {
		answer(w, nil, err)
		return
	}
	results, answered := s.put(w, r, stream, "PutRecord", data)
	switch {
	case answered:
	case results[0].code != "":
		answer(w, nil, &apiError{results[0].code, results[0].message})
	default:
		answer(w, putRecordResponse{RecordId: results[0].id}, nil)
	}
}

func (s *Server) putRecordBatch(w http.ResponseWriter, r *http.Request, body []byte) {
	var request putRecordBatchRequest
	stream, data, err := func() (*Stream, [][]byte, error) {
		if err := decode(body, &request); err != nil {
			return nil, nil, err
		}
		switch n := len(request.Records); {
		case request.Records == nil:
			return nil, nil, invalid(" null", "records", "not be null")
		case n == 0:
			return nil, nil, invalid(" '[]'", "records", "have length greater than or equal to 1")
		case n > MaxRecords:
			return nil, nil, invalid("", "records", "have length less than or equal to "+strconv.Itoa(MaxRecords))
		}
		data, err := checkRecords(request.Records, func(i int) string { return fmt.Sprintf("records.%d.member.data", i+1) })
		if err != nil {
			return nil, nil, err
		}
		stream, err := s.find(request.DeliveryStreamName)
		return stream, data, err
	}()
	if err != nil {
		answer(w, nil, err)
		return
	}
	results, answered := s.put(w, r, stream, "PutRecordBatch", data)
	if answered {
		return
	}
	response := putRecordBatchResponse{RequestResponses: make([]putRecordBatchResult, len(results))}
	for i, result := range results {
		if result.code != "" {
			response.FailedPutCount++
		}
		response.RequestResponses[i] = putRecordBatchResult{result.id, result.code, result.message}
	}
	answer(w, response, nil)
}

// put has the stream take the records, through the fault that is injected. It
// returns true when the fault was the answer.
func (s *Server) put(w http.ResponseWriter, r *http.Request, stream *Stream, operation string, data [][]byte) (results []putResult, answered bool) {
	fault := s.fault(Request{Operation: operation, Stream: stream.Name(), Records: len(data)})
	if fault.Delay > 0 && !sleep(r.Context(), fault.Delay) {
		return nil, true // the client is gone
	}
	switch {
	case fault.Code != "":
		answer(w, nil, &apiError{fault.Code, slowDown})
		return nil, true
	case fault.Break == ResetBefore:
		reset(w)
		return nil, true
	}
	results = fault.put(stream, data)
	switch fault.Break {
	case ResetAfter:
		reset(w)
		return nil, true
	case HangAfter:
		<-r.Context().Done()
		return nil, true
	}
	return results, false
}

func (s *Server) describe(w http.ResponseWriter, body []byte) {
	var request struct{ DeliveryStreamName *string }
	if err := decode(body, &request); err != nil {
		answer(w, nil, err)
		return
	}
	stream, err := s.find(request.DeliveryStreamName)
	if err != nil {
		answer(w, nil, err)
		return
	}
	answer(w, describeResponse{stream.describe()}, nil)
}

func (s *Server) list(w http.ResponseWriter, body []byte) {
	var request struct {
		Limit                            *int
		DeliveryStreamType               string
		ExclusiveStartDeliveryStreamName string
	}
	if err := decode(body, &request); err != nil {
		answer(w, nil, err)
		return
	}
	limit := 10 // the service's default
	if request.Limit != nil {
		if limit = *request.Limit; limit < 1 || limit > 10000 {
			answer(w, nil, invalid(fmt.Sprintf(" '%d'", limit), "limit", "have value between 1 and 10000"))
			return
		}
	}
	response := struct {
		DeliveryStreamNames    []string
		HasMoreDeliveryStreams bool
	}{DeliveryStreamNames: []string{}}
	for _, name := range s.names {
		if name <= request.ExclusiveStartDeliveryStreamName || request.DeliveryStreamType != "" && request.DeliveryStreamType != directPut {
			continue
		}
		if len(response.DeliveryStreamNames) == limit {
			response.HasMoreDeliveryStreams = true
			break
		}
		response.DeliveryStreamNames = append(response.DeliveryStreamNames, name)
	}
	answer(w, response, nil)
}

// reset breaks the connection as a crashed peer does.
func reset(w http.ResponseWriter) {
	conn, _, err := http.NewResponseController(w).Hijack()
	if err != nil {
		panic(http.ErrAbortHandler) // HTTP/2: the stream is reset
	}
	if c, ok := conn.(interface{ SetLinger(int) error }); ok {
		c.SetLinger(0) // RST in place of FIN
	}
	conn.Close()
}

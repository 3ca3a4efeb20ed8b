package firehose

import (
	"bytes"
	"encoding/json"
	"errors"
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

// call is one request on its way to an operation.
type call struct {
	w    http.ResponseWriter
	r    *http.Request
	body []byte
}

// operations answer with a value for JSON, an *apiError, or errAnswered.
var operations = map[string]func(*Server, *call) (any, error){
	"PutRecord":              (*Server).putRecord,
	"PutRecordBatch":         (*Server).putRecordBatch,
	"DescribeDeliveryStream": (*Server).describe,
	"ListDeliveryStreams":    (*Server).list,
}

// errAnswered says that the response needs nothing more: a fault has seen to it.
var errAnswered = errors.New("answered")

func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	value, err := s.serve(w, r)
	if err != errAnswered {
		answer(w, value, err)
	}
}

func (s *Server) serve(w http.ResponseWriter, r *http.Request) (any, error) {
	name, ok := strings.CutPrefix(r.Header.Get(targetHeader), targetPrefix)
	if r.Method != http.MethodPost || !ok {
		return nil, &apiError{"UnknownOperationException", "POST with a header " + targetHeader + ": " + targetPrefix + "<operation> is understood here"}
	}
	operation, ok := operations[name]
	if !ok {
		return nil, &apiError{"UnknownOperationException", name + " is not supported here"}
	}
	body, err := readBody(w, r)
	if err != nil {
		return nil, err
	}
	return operation(s, &call{w, r, body})
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

func (s *Server) putRecord(c *call) (any, error) {
	var request putRecordRequest
	if err := decode(c.body, &request); err != nil {
		return nil, err
	}
	if request.Record == nil {
		return nil, invalid(" null", "record", "not be null")
	}
	data, err := checkRecords([]wireRecord{*request.Record}, func(int) string { return "record.data" })
	if err != nil {
		return nil, err
	}
	results, err := s.put(c, request.DeliveryStreamName, data)
	if err != nil {
		return nil, err
	}
	if r := results[0]; r.code != "" {
		return nil, &apiError{r.code, r.message}
	}
	return putRecordResponse{RecordId: results[0].id}, nil
}

func (s *Server) putRecordBatch(c *call) (any, error) {
	var request putRecordBatchRequest
	if err := decode(c.body, &request); err != nil {
		return nil, err
	}
	switch n := len(request.Records); {
	case request.Records == nil:
		return nil, invalid(" null", "records", "not be null")
	case n == 0:
		return nil, invalid(" '[]'", "records", "have length greater than or equal to 1")
	case n > MaxRecords:
		return nil, invalid("", "records", "have length less than or equal to "+strconv.Itoa(MaxRecords))
	}
	data, err := checkRecords(request.Records, func(i int) string { return fmt.Sprintf("records.%d.member.data", i+1) })
	if err != nil {
		return nil, err
	}
	results, err := s.put(c, request.DeliveryStreamName, data)
	if err != nil {
		return nil, err
	}
	response := putRecordBatchResponse{RequestResponses: make([]putRecordBatchResult, len(results))}
	for i, r := range results {
		if r.code != "" {
			response.FailedPutCount++
		}
		response.RequestResponses[i] = putRecordBatchResult{r.id, r.code, r.message}
	}
	return response, nil
}

// put has the named stream take the records, through the fault that is
// injected.
func (s *Server) put(c *call, name *string, data [][]byte) ([]putResult, error) {
	stream, err := s.find(name)
	if err != nil {
		return nil, err
	}
	operation := strings.TrimPrefix(c.r.Header.Get(targetHeader), targetPrefix)
	fault := s.fault(Request{Operation: operation, Stream: stream.Name(), Records: len(data)})
	if fault.Delay > 0 && !sleep(c.r.Context(), fault.Delay) {
		return nil, errAnswered // the client is gone
	}
	switch {
	case fault.Code != "":
		return nil, &apiError{fault.Code, slowDown}
	case fault.Break == ResetBefore:
		reset(c.w)
		return nil, errAnswered
	}
	results := fault.put(stream, data)
	switch fault.Break {
	case ResetAfter:
		reset(c.w)
		return nil, errAnswered
	case HangAfter:
		<-c.r.Context().Done()
		return nil, errAnswered
	}
	return results, nil
}

func (s *Server) describe(c *call) (any, error) {
	var request struct{ DeliveryStreamName *string }
	if err := decode(c.body, &request); err != nil {
		return nil, err
	}
	stream, err := s.find(request.DeliveryStreamName)
	if err != nil {
		return nil, err
	}
	return describeResponse{stream.describe()}, nil
}

func (s *Server) list(c *call) (any, error) {
	var request struct {
		Limit                            *int
		DeliveryStreamType               string
		ExclusiveStartDeliveryStreamName string
	}
	if err := decode(c.body, &request); err != nil {
		return nil, err
	}
	limit := 10 // the service's default
	if request.Limit != nil {
		if limit = *request.Limit; limit < 1 || limit > 10000 {
			return nil, invalid(fmt.Sprintf(" '%d'", limit), "limit", "have value between 1 and 10000")
		}
	}
	response := listResponse{DeliveryStreamNames: []string{}}
	for _, name := range s.names {
		switch {
		case name <= request.ExclusiveStartDeliveryStreamName:
		case request.DeliveryStreamType != "" && request.DeliveryStreamType != directPut:
		case len(response.DeliveryStreamNames) == limit:
			response.HasMoreDeliveryStreams = true
			return response, nil
		default:
			response.DeliveryStreamNames = append(response.DeliveryStreamNames, name)
		}
	}
	return response, nil
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

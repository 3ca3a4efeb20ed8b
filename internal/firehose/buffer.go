package firehose

import (
	"crypto/rand"
	"encoding/base64"
	"encoding/hex"
	"strconv"
	"strings"
	"time"

	"coldstream/internal/runtimeapi"
)

// recordOverhead is what a record costs in memory beside its data, so that
// empty records fill a buffer too.
const recordOverhead = 128

// record is one record between its acceptance and its transformation.
type record struct {
	id      string // towards the function
	data    []byte
	arrival time.Time
}

func (r *record) held() int64 { return int64(len(r.data)) + recordOverhead }

// batch is the records of one transformation call.
type batch struct {
	number   uint64 // in the order of sealing
	records  []record
	bytes    int64 // of data
	encoded  int   // of the records in the event
	timer    *time.Timer
	verdicts []verdict // once transformed: one per record
}

// eventRoom is what the event may hold of records: the rest of an invocation's
// limit is left to the envelope.
const eventRoom = runtimeapi.MaxPayload - 1<<10

// encodedSize bounds what r takes in the event: its base64 data, its id and
// about 80 bytes of names, digits and punctuation.
func (r *record) encodedSize() int {
	return base64.StdEncoding.EncodedLen(len(r.data)) + len(r.id) + 80
}

// fits says whether r can join the batch within the buffering hint and within
// what an invocation may carry: many small records reach the second first.
func (b *batch) fits(r record, hint int64) bool {
	return b.bytes+int64(len(r.data)) <= hint && b.encoded+r.encodedSize() <= eventRoom
}

func (b *batch) add(r record) {
	b.records = append(b.records, r)
	b.bytes += int64(len(r.data))
	b.encoded += r.encodedSize()
}

// idSource makes record ids of the two forms that the service uses: a long
// opaque one for the producer and digits for the function.
type idSource struct {
	stream string // random, part of every producer's id
	epoch  string // digits
	n      uint64
}

func newIDSource() idSource {
	var b [16]byte
	rand.Read(b[:])
	return idSource{stream: hex.EncodeToString(b[:]), epoch: "49" + strconv.FormatInt(time.Now().UnixMicro(), 10)}
}

func (s *idSource) next() (put, transform string) {
	s.n++
	n := strconv.FormatUint(s.n, 10)
	const zeros = "00000000000000000000000000000000000000"
	transform = s.epoch + zeros[:38-len(n)] + n + "000000"
	return s.stream + zeros[:20-len(n)] + n, transform
}

// newUUID returns a random (version 4) UUID.
func newUUID() string {
	var b [16]byte
	rand.Read(b[:])
	b[6] = b[6]&0x0f | 0x40
	b[8] = b[8]&0x3f | 0x80
	h := hex.EncodeToString(b[:])
	return strings.Join([]string{h[:8], h[8:12], h[12:16], h[16:20], h[20:]}, "-")
}

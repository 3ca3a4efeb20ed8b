package benchlocal

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"hash/fnv"
	"time"

	"coldstream/internal/source"
)

// BufferBytes is a full buffer of a stream's transformation, in bytes of
// records: 1 MB, which Firehose means as 1 MiB.
const BufferBytes = 1 << 20

// An Event is a Firehose transformation event with the posts in it.
type Event struct {
	Payload []byte
	Texts   []string // by record
}

// NewEvent returns an event with so many records, no two posts alike, as the
// producer sends them: JSON lines with the id of a Bluesky post. The same
// number makes the same event.
func NewEvent(records int) Event { return newEvent(0, records, 0) }

// FullBuffer returns an event with as many records as a full buffer holds.
func FullBuffer() Event { return newEvent(0, 0, BufferBytes) }

// newEvent makes an event of so many records, or of so many bytes of them, that
// begins with the given post.
func newEvent(from, records, bytes int) Event {
	p := []byte(`{"invocationId":"3f1d34b6-1a4c-4d0a-9f2e-5b3c1f0a7d11","deliveryStreamArn":"arn:aws:firehose:us-east-1:000000000000:deliverystream/bench","region":"us-east-1","records":[`)
	var e Event
	start := time.Date(2026, time.January, 1, 12, 0, 0, 0, time.UTC)
	for i, size := 0, 0; ; i++ {
		at := start.Add(time.Duration(i) * 40 * time.Millisecond)
		text := source.SampleText(from + i)
		data := post(from+i, text, at)
		size += len(data)
		if bytes == 0 && i == records || bytes > 0 && size > bytes {
			break
		}
		if i > 0 {
			p = append(p, ',')
		}
		// 56 digits, as Firehose gives them
		p = fmt.Appendf(p, `{"recordId":"%056d","approximateArrivalTimestamp":%d,"data":"`, i+1, at.UnixMilli())
		p = base64.StdEncoding.AppendEncode(p, data)
		p = append(p, `"}`...)
		e.Texts = append(e.Texts, text)
	}
	e.Payload = append(p, "]}"...)
	return e
}

// post returns post number i as the producer sends it.
func post(i int, text string, at time.Time) []byte {
	h := fnv.New128a()
	fmt.Fprint(h, i)
	digest := h.Sum(nil)
	line, err := json.Marshal(struct {
		ID        string `json:"id"`
		Text      string `json:"text"`
		Lang      string `json:"lang"`
		CreatedAt string `json:"created_at"`
		Source    string `json:"source"`
	}{
		fmt.Sprintf("at://did:plc:%x/app.bsky.feed.post/3l%011x", digest[:12], digest[10:]),
		text, "en", at.Format(time.RFC3339Nano), "jetstream",
	})
	if err != nil {
		panic("benchlocal: a post cannot be written as JSON: " + err.Error()) // of strings alone
	}
	return append(line, '\n')
}

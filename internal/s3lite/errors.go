package s3lite

import (
	"fmt"
	"net/http"
	"strings"
)

// Error is an operation on an object that failed.
type Error struct {
	Op          string // "read", "store"
	Bucket, Key string
	Status      int    // of the HTTP answer; 0 = none came
	Code        string // of S3: "NoSuchKey"; may be empty
	Message     string // of S3
	Err         error  // without an answer: what was wrong

	lost bool // the answer did not come, or not to its end
}

// Error names operation, object and reason.
func (e *Error) Error() string {
	what := fmt.Sprintf("s3lite: %s s3://%s/%s: ", e.Op, e.Bucket, e.Key)
	if e.Err != nil {
		return what + e.Err.Error()
	}
	text := what + fmt.Sprintf("status %d", e.Status)
	if e.Code != "" {
		text += " " + e.Code
	}
	if e.Message != "" {
		text += ": " + e.Message
	}
	switch {
	case e.Status == http.StatusForbidden:
		text += "; the function's role may lack the right, or the object is not there"
	case e.Status == http.StatusMovedPermanently, e.Status == http.StatusTemporaryRedirect:
		text += "; the bucket is in another region than the function"
	}
	return text
}

// Unwrap returns Err.
func (e *Error) Unwrap() error { return e.Err }

// Temporary reports whether a later attempt may succeed: no answer came, or one
// that S3 gives when it is busy.
func (e *Error) Temporary() bool {
	switch e.Code {
	case "RequestTimeout", "SlowDown", "ExpiredToken", "RequestTimeTooSkewed", "InternalError", "ServiceUnavailable":
		return true
	}
	return e.lost || e.Status >= 500 || e.Status == http.StatusTooManyRequests
}

// newError reads the XML of an error as far as it is needed.
func newError(r *request, status int, text []byte) *Error {
	return &Error{Op: r.op, Bucket: r.bucket, Key: r.key, Status: status, Code: element(text, "Code"), Message: oneLine(element(text, "Message"))}
}

// element returns the text of the first element name in doc: S3's answers are
// flat enough, and encoding/xml would weigh more than this package.
func element(doc []byte, name string) string {
	_, rest, _ := strings.Cut(string(doc), "<"+name+">")
	text, _, found := strings.Cut(rest, "</"+name+">")
	if !found {
		return ""
	}
	return unescapeXML.Replace(text)
}

var unescapeXML = strings.NewReplacer("&lt;", "<", "&gt;", ">", "&quot;", `"`, "&apos;", "'", "&amp;", "&")

// oneLine is text with its line ends as spaces.
func oneLine(text string) string { return strings.Join(strings.Fields(text), " ") }

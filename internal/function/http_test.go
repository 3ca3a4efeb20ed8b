package function

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"strings"
	"testing"
)

// httpAnswer is the answer to an HTTP event.
type httpAnswer struct {
	StatusCode      int               `json:"statusCode"`
	Headers         map[string]string `json:"headers"`
	IsBase64Encoded *bool             `json:"isBase64Encoded"`
	Body            string            `json:"body"`
}

// versions make the event of one request in each form that AWS sends.
var versions = map[string]func(method, path, body string) string{
	"function url": func(method, path, body string) string {
		return fmt.Sprintf(`{"version":"2.0","routeKey":"$default","rawPath":%q,"rawQueryString":"","headers":{"content-type":"application/json","x-forwarded-for":"192.0.2.1"},"requestContext":{"accountId":"anonymous","domainName":"x.lambda-url.eu-west-1.on.aws","http":{"method":%q,"path":%q,"protocol":"HTTP/1.1","sourceIp":"192.0.2.1","userAgent":"curl"},"requestId":"r","routeKey":"$default","stage":"$default","timeEpoch":1},"body":%s,"isBase64Encoded":false}`, path, method, path, quote(body))
	},
	"http api with a stage": func(method, path, body string) string {
		return fmt.Sprintf(`{"version":"2.0","routeKey":"$default","rawPath":%q,"requestContext":{"http":{"method":%q,"path":%q},"stage":"prod"},"body":%s,"isBase64Encoded":true}`, "/prod"+path, method, "/prod"+path, quote(base64.StdEncoding.EncodeToString([]byte(body))))
	},
	"rest api": func(method, path, body string) string {
		return fmt.Sprintf(`{"resource":"/{proxy+}","path":%q,"httpMethod":%q,"headers":{"Accept":"*/*"},"multiValueHeaders":{"Accept":["*/*"]},"queryStringParameters":null,"requestContext":{"resourcePath":"/{proxy+}","httpMethod":%q,"path":%q,"stage":"prod","identity":{"sourceIp":"192.0.2.1"}},"body":%s,"isBase64Encoded":false}`, path, method, method, "/prod"+path, quote(body))
	},
	"rest api behind a base path": func(method, path, body string) string {
		if path == "/" {
			return fmt.Sprintf(`{"path":"/","httpMethod":%q,"requestContext":{"stage":"v1"},"body":%s}`, method, quote(body))
		}
		return fmt.Sprintf(`{"path":%q,"httpMethod":%q,"requestContext":{"stage":"v1"},"body":%s}`, "/scores"+path, method, quote(body))
	},
	"load balancer": func(method, path, body string) string {
		return fmt.Sprintf(`{"requestContext":{"elb":{"targetGroupArn":"arn:x"}},"httpMethod":%q,"path":%q,"body":%s,"isBase64Encoded":false}`, method, path, quote(body))
	},
}

func quote(s string) string {
	b, err := json.Marshal(s)
	if err != nil {
		panic(err)
	}
	return string(b)
}

func TestRequestsOfEveryVersion(t *testing.T) {
	h := NewHandler(&fakeScorer{}, nil)
	one := `{"message":"a \"b\" \u2603","sentiment":"label0","score":0.75,"probabilities":{"label0":0.75,"label1":0.125,"label2":0.125},"model":"fake \"model\"","id":7}`
	one = strings.ReplaceAll(one, `\u2603`, "\u2603")
	for _, c := range []struct {
		method, path, body string
		status             int
		want               string // the body, or how an error begins
	}{
		{"POST", "/predict", `{"text":"a \"b\" \u2603","id":7}`, 200, one},
		{"POST", "/", `{"text":"a \"b\" \u2603","id":7}`, 200, one},
		{"POST", "/predict/", ` {"id":7,"text":"a \"b\" ☃"} `, 200, one},
		{"POST", "/predict", `{"texts":[]}`, 200, `{"results":[]}`},
		{"GET", "/", "", 200, `{"status":"ok","model":"fake \"model\""}`},
		{"HEAD", "/", "", 200, `{"status":"ok","model":"fake \"model\""}`},
		{"GET", "/predict", "", 405, "method is not served"},
		{"PUT", "/", `{"text":"a"}`, 405, "method is not served"},
		{"POST", "/predictions", `{"text":"a"}`, 404, "nothing at this path"},
		{"GET", "/favicon.ico", "", 404, "nothing at this path"},
		{"POST", "/predict", "", 400, "request has no body"},
		{"POST", "/predict", " \n", 400, "request has no body"},
		{"POST", "/predict", "hello", 400, "request is not a JSON object"},
		{"POST", "/predict", `{"text":"a"`, 400, "request is not a JSON object"},
		{"POST", "/predict", `["a"]`, 400, "request is not a JSON object"},
		{"POST", "/predict", `{}`, 400, `request has neither "text" nor "texts"`},
		{"POST", "/predict", `{"text":"a","texts":["b"]}`, 400, `request has both`},
		{"POST", "/predict", `{"text":1}`, 400, `"text" is a number, want a string`},
		{"POST", "/predict", `{"texts":"a"}`, 400, `"texts" is a string, want an array`},
		{"POST", "/predict", `{"texts":["a",null]}`, 400, `"texts" holds null at index 1`},
		{"POST", "/predict", `{"text":"` + strings.Repeat("a", MaxTextBytes+1) + `"}`, 413, `"text" has 1024001 bytes`},
		{"POST", "/predict", `{"texts":["b","` + strings.Repeat("a", MaxTextBytes+1) + `"]}`, 413, `text 1 has 1024001 bytes`},
	} {
		for version, event := range versions {
			var got httpAnswer
			invoke(t, h, []byte(event(c.method, c.path, c.body)), &got)
			if got.StatusCode != c.status || got.Headers["content-type"] != "application/json" || got.IsBase64Encoded == nil || *got.IsBase64Encoded {
				t.Errorf("%s: %s %s %.40s: %+v, want status %d", version, c.method, c.path, c.body, got, c.status)
				continue
			}
			if c.status == 200 {
				if got.Body != c.want {
					t.Errorf("%s: %s %s %.40s: body %s, want %s", version, c.method, c.path, c.body, got.Body, c.want)
				}
				continue
			}
			var e struct{ Error string }
			if err := json.Unmarshal([]byte(got.Body), &e); err != nil || !strings.HasPrefix(e.Error, c.want) {
				t.Errorf("%s: %s %s %.40s: body %s, want error %q (%v)", version, c.method, c.path, c.body, got.Body, c.want, err)
			}
			if allow := got.Headers["allow"]; (allow != "") != (c.status == 405) {
				t.Errorf("%s: %s %s: allow %q with status %d", version, c.method, c.path, allow, c.status)
			}
		}
	}
}

func TestBodiesThatAreNoText(t *testing.T) {
	h := NewHandler(&fakeScorer{}, nil)
	for body, want := range map[string]string{
		`"body":null`:                       "request has no body",
		`"x":1`:                             "request has no body",
		`"body":{"text":"a"}`:               `the event's "body" is an object, want a string`,
		`"body":"%","isBase64Encoded":true`: "body is said to be base64 but is not",
		`"body":"eyJ0ZXh0Ijoi/yJ9","isBase64Encoded":true`: "request is not a JSON object: text that is not UTF-8",
	} {
		var got httpAnswer
		invoke(t, h, []byte(`{"httpMethod":"POST","path":"/predict",`+body+`}`), &got)
		if got.StatusCode != 400 || !strings.Contains(got.Body, quote(want)[:len(quote(want))-1]) {
			t.Errorf("%s: %+v, want %s", body, got, want)
		}
	}
	var got httpAnswer
	invoke(t, h, []byte(`{"requestContext":{"connectionId":"x","routeKey":"$connect"}}`), &got)
	if got.StatusCode != 400 || !strings.Contains(got.Body, "no HTTP method") {
		t.Errorf("event of another kind: %+v", got)
	}
}

func TestSeveralTextsAreAnsweredInOrder(t *testing.T) {
	f := &fakeScorer{}
	h := NewHandler(f, nil)
	var b bytes.Buffer
	b.WriteString(`{"texts":[`)
	for i := range 1000 {
		fmt.Fprintf(&b, `"text \u0023%d",`, i)
	}
	b.WriteString(`""]}`)
	var got struct{ Results []answer }
	invoke(t, h, b.Bytes(), &got)
	if len(got.Results) != 1001 || f.batches.Load() != 1 {
		t.Fatalf("%d results in %d batches", len(got.Results), f.batches.Load())
	}
	for i, a := range got.Results[:1000] {
		if want := fmt.Sprintf("text #%d", i); a.Message != want || a.Model == "" {
			t.Fatalf("result %d: %+v, want %q", i, a, want)
		}
	}
}

func TestADirectRequestIsAnsweredAsItIs(t *testing.T) {
	h := NewHandler(&fakeScorer{refuse: "poison"}, nil)
	out, err := h.Invoke(t.Context(), []byte(` {"lang":"en","text":"abc","id":1e2} `))
	want := `{"message":"abc","sentiment":"label0","score":0.75,"probabilities":{"label0":0.75,"label1":0.125,"label2":0.125},"model":"fake \"model\"","id":1e2,"lang":"en"}`
	if err != nil || string(out) != want {
		t.Errorf("answer %s, %v, want %s", out, err, want)
	}
	for event, want := range map[string]string{
		`{"text":null}`:            `"text" is null, want a string`,
		`{"texts":["a",{}]}`:       `"texts" holds an object at index 1, want a string`,
		`{"text":"a","texts":[]}`:  `request has both "text" and "texts"`,
		`{"texts":["a","poison"]}`: `text 1 could not be scored: refused for the test`,
	} {
		_, err := h.Invoke(t.Context(), []byte(event))
		if err == nil || !strings.HasPrefix(err.Error(), want) {
			t.Errorf("%s: error %v, want %s", event, err, want)
		}
	}
	var got httpAnswer
	invoke(t, h, []byte(versions["function url"]("POST", "/predict", `{"text":"poison"}`)), &got)
	if got.StatusCode != 500 {
		t.Errorf("a text that cannot be scored, over HTTP: %+v", got)
	}
}

func TestAnswersOverTheLimitAreRefused(t *testing.T) {
	h := NewHandler(&fakeScorer{}, nil)
	texts := `{"texts":["` + strings.Repeat("a", MaxTextBytes) + strings.Repeat(`","`+strings.Repeat("\"", 0)+strings.Repeat("b", MaxTextBytes), 6) + `"]}`
	if _, err := h.Invoke(t.Context(), []byte(texts)); err == nil || !strings.Contains(err.Error(), "send fewer texts") {
		t.Errorf("direct: error %v", err)
	}
	var got httpAnswer
	out := invoke(t, h, []byte(versions["function url"]("POST", "/", texts)), &got)
	if got.StatusCode != 413 || len(out) > MaxAnswerBytes {
		t.Errorf("http: status %d, %d bytes", got.StatusCode, len(out))
	}
	many := `{"texts":[` + strings.Repeat(`"",`, 1<<20) + `""]}`
	if _, err := h.Invoke(t.Context(), []byte(many)); err == nil || !strings.Contains(err.Error(), "send fewer") {
		t.Errorf("very many texts: error %v", err)
	}
}

func TestUnknownEventsAreErrors(t *testing.T) {
	h := NewHandler(&fakeScorer{}, nil)
	for event, want := range map[string]string{
		``:                              "event is not a JSON object",
		`null`:                          "event is not a JSON object",
		`"text"`:                        "event is not a JSON object",
		`[{"text":"a"}]`:                "event is not a JSON object",
		`{"text":"a"} x`:                "event is not a JSON object",
		`{"text":"a`:                    "event is not a JSON object",
		"{\"text\":\"\xff\"}":           "event is not a JSON object: text that is not UTF-8",
		`{}`:                            "event is not known",
		`{"Records":[]}`:                "event is not known",
		`{"records":{}}`:                "event is not known",
		`{"tasks":[]}`:                  "event is a task of S3 Batch Operations, which this function is not set up for",
		`{"source":"aws.events","a":1}`: "event is not known",
	} {
		out, err := h.Invoke(t.Context(), []byte(event))
		if err == nil || !strings.HasPrefix(err.Error(), want) || out != nil {
			t.Errorf("%s: answer %s, error %v, want %s", event, out, err, want)
		}
	}
}

package deploy

import (
	"encoding/json"
	"encoding/xml"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"coldstream/internal/mototest"
)

// A moto is a server that speaks the management calls of AWS.
type moto struct {
	t   *testing.T
	url string
}

// startMoto starts the server with the policies that AWS has of its own.
func startMoto(t *testing.T) *moto {
	t.Helper()
	return &moto{t, mototest.Start(t, "MOTO_IAM_LOAD_MANAGED_POLICIES=true")}
}

// call sends a request as the SDK of service would, and returns the answer's
// status and body. target is the name of a JSON call, "" = none.
func (m *moto) call(service, method, path, target, body string) (int, []byte) {
	m.t.Helper()
	req, err := http.NewRequestWithContext(m.t.Context(), method, m.url+path, strings.NewReader(body))
	if err != nil {
		m.t.Fatal(err)
	}
	req.Header.Set("Authorization", "AWS4-HMAC-SHA256 Credential=test/20261122/us-east-1/"+service+"/aws4_request, SignedHeaders=host, Signature=0")
	switch {
	case target != "":
		req.Header.Set("X-Amz-Target", target)
		req.Header.Set("Content-Type", "application/x-amz-json-1.1")
	case method == "POST":
		req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		m.t.Fatal(err)
	}
	defer res.Body.Close()
	b, err := io.ReadAll(res.Body)
	if err != nil {
		m.t.Fatal(err)
	}
	return res.StatusCode, b
}

// form calls by a form, as the older services want it, and returns the answer.
func (m *moto) form(service, form string) []byte {
	m.t.Helper()
	status, b := m.call(service, "POST", "/", "", form)
	if status != http.StatusOK {
		m.t.Fatalf("%s %s: status %d: %.500s", service, form, status, b)
	}
	return b
}

// json calls and decodes the answer into v.
func (m *moto) json(service, method, path, target, body string, v any) {
	m.t.Helper()
	status, b := m.call(service, method, path, target, body)
	if status/100 != 2 { // GetAlias answers with 201
		m.t.Fatalf("%s %s %s: status %d: %s", service, path, target, status, b)
	}
	if err := json.Unmarshal(b, v); err != nil {
		m.t.Fatalf("%s %s %s: %v in %s", service, path, target, err, b)
	}
}

// sub returns what a bucket says about one of its settings, such as encryption.
func (m *moto) sub(bucket, setting string) string {
	m.t.Helper()
	status, b := m.call("s3", "GET", "/"+bucket+"?"+setting, "", "")
	if status != http.StatusOK {
		m.t.Fatalf("bucket %s: %s: status %d: %s", bucket, setting, status, b)
	}
	return string(b)
}

// A role is an IAM role with the policies that stand in it.
type role struct {
	Name     string `xml:"RoleName"`
	Policies []struct {
		Name     string `xml:"PolicyName"`
		Document string `xml:"PolicyDocument"`
	} `xml:"RolePolicyList>member"`
	Attached []struct {
		ARN string `xml:"PolicyArn"`
	} `xml:"AttachedManagedPolicies>member"`
}

// A statement is one of a policy.
type statement struct {
	Sid      string
	Effect   string
	Action   list
	Resource list
}

// list is one string or several.
type list []string

func (l *list) UnmarshalJSON(b []byte) error {
	var one string
	if json.Unmarshal(b, &one) == nil {
		*l = list{one}
		return nil
	}
	return json.Unmarshal(b, (*[]string)(l))
}

// roles returns all roles.
func (m *moto) roles() []role {
	m.t.Helper()
	form := url.Values{"Action": {"GetAccountAuthorizationDetails"}, "Version": {"2010-05-08"}, "Filter.member.1": {"Role"}}
	status, b := m.call("iam", "POST", "/", "", form.Encode())
	var answer struct {
		Roles []role `xml:"GetAccountAuthorizationDetailsResult>RoleDetailList>member"`
	}
	if err := xml.Unmarshal(b, &answer); status != http.StatusOK || err != nil {
		m.t.Fatalf("roles: status %d, %v: %.500s", status, err, b)
	}
	return answer.Roles
}

// statements returns those of a policy, whether URL-encoded or not.
func statements(document string) ([]statement, error) {
	if s, err := url.QueryUnescape(document); err == nil && strings.HasPrefix(document, "%") {
		document = s
	}
	var p struct{ Statement []statement }
	if err := json.Unmarshal([]byte(document), &p); err != nil {
		return nil, fmt.Errorf("policy %.200q: %w", document, err)
	}
	return p.Statement, nil
}

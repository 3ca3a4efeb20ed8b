// Package secret reads secrets by reference, so that none stands on a command
// line or in a log: Read takes the name of an environment variable, a file, or
// an ARN of AWS Secrets Manager or of an SSM parameter. FirstVersion reads the
// config.json of the first version of this system.
package secret

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"regexp"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/arn"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	"github.com/aws/aws-sdk-go-v2/service/ssm"
	"github.com/aws/smithy-go"
)

// maxSize bounds a secret; AWS allows 64 KiB.
const maxSize = 64 << 10

// timeout bounds asking AWS, the SDK's repetitions included.
const timeout = 30 * time.Second

// errLiteral refuses what is no reference. It does not repeat it: it may be the
// secret itself.
var errLiteral = errors.New("a secret is named by env:NAME, file:PATH or the ARN of AWS Secrets Manager or of an SSM parameter, never given on the command line")

// variable is what an environment variable that holds a secret is usually
// called. Another name is not repeated in an error: it may be the secret itself.
var variable = regexp.MustCompile(`^[A-Z_][A-Z0-9_]*$`)

// Read returns the secret that ref names, without white space at its end:
//
//   - env:NAME, an environment variable;
//   - file:PATH, a file of at most 64 KiB;
//   - the ARN of a secret in AWS Secrets Manager;
//   - the ARN of an SSM parameter, decrypted.
//
// An ARN followed by #FIELD takes the string in that field of a JSON object. The
// ARN's region is asked, whatever the configuration's is. load gives the SDK's
// configuration; it is called for an ARN only. An empty secret is an error. No
// error contains the secret.
func Read(ctx context.Context, ref string, load func(context.Context) (aws.Config, error)) (string, error) {
	name, value, err := read(ctx, ref, load)
	if err != nil {
		return "", err
	}
	if value = strings.TrimRight(value, " \t\r\n"); value == "" {
		return "", fmt.Errorf("%s is empty; put the secret there", name)
	}
	return value, nil
}

// read returns the secret and what to call it in an error.
func read(ctx context.Context, ref string, load func(context.Context) (aws.Config, error)) (name, value string, err error) {
	kind, rest, _ := strings.Cut(ref, ":")
	switch kind {
	case "env":
		name = "the environment variable of the secret"
		if variable.MatchString(rest) {
			name = "environment variable " + rest
		}
		value, ok := os.LookupEnv(rest)
		if !ok {
			return "", "", fmt.Errorf("%s is not set", name)
		}
		return name, value, nil
	case "file":
		value, err := readFile(rest)
		return "file " + rest, value, err
	case "arn":
		return readARN(ctx, ref, load)
	}
	return "", "", errLiteral
}

// readFile reads a small file.
func readFile(path string) (string, error) {
	f, err := os.Open(path)
	if err != nil {
		return "", fmt.Errorf("secret: %w", err)
	}
	defer f.Close()
	b, err := io.ReadAll(io.LimitReader(f, maxSize+1))
	if err != nil {
		return "", fmt.Errorf("secret: %w", err)
	}
	if len(b) > maxSize {
		return "", fmt.Errorf("file %s has more than %d KiB; a secret is shorter", path, maxSize>>10)
	}
	return string(b), nil
}

// readARN asks AWS.
func readARN(ctx context.Context, ref string, load func(context.Context) (aws.Config, error)) (name, value string, err error) {
	name, field, hasField := strings.Cut(ref, "#")
	a, err := arn.Parse(name)
	if err != nil {
		return "", "", errLiteral
	}
	var get func(context.Context, aws.Config, string) (string, error)
	switch {
	case a.Service == "secretsmanager" && strings.HasPrefix(a.Resource, "secret:"):
		get = getSecret
	case a.Service == "ssm" && strings.HasPrefix(a.Resource, "parameter/"):
		get = getParameter
	default:
		return "", "", fmt.Errorf("%s is neither a secret of AWS Secrets Manager nor an SSM parameter", name)
	}
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	cfg, err := load(ctx)
	if err != nil {
		return "", "", fmt.Errorf("%s: %w", name, err)
	}
	cfg.Region = a.Region
	if value, err = get(ctx, cfg, name); err != nil {
		// The SDK's own words are long and name the request, not the secret.
		var api smithy.APIError
		if errors.As(err, &api) {
			err = fmt.Errorf("%s: %s", api.ErrorCode(), api.ErrorMessage())
		}
		return "", "", fmt.Errorf("%s: %w", name, err)
	}
	if hasField {
		if value, err = fieldOf(value, field); err != nil {
			return "", "", fmt.Errorf("%s: %w", name, err)
		}
	}
	return ref, value, nil
}

func getSecret(ctx context.Context, cfg aws.Config, id string) (string, error) {
	out, err := secretsmanager.NewFromConfig(cfg).GetSecretValue(ctx, &secretsmanager.GetSecretValueInput{SecretId: &id})
	if err != nil {
		return "", err
	}
	if out.SecretString == nil {
		return "", errors.New("the secret is binary, want a text")
	}
	return *out.SecretString, nil
}

func getParameter(ctx context.Context, cfg aws.Config, name string) (string, error) {
	out, err := ssm.NewFromConfig(cfg).GetParameter(ctx, &ssm.GetParameterInput{Name: &name, WithDecryption: aws.Bool(true)})
	if err != nil {
		return "", err
	}
	if out.Parameter == nil || out.Parameter.Value == nil {
		return "", errors.New("the answer has no value")
	}
	return *out.Parameter.Value, nil
}

// fieldOf returns a string field of a JSON object. The decoder's errors are not
// passed on: they may repeat parts of it.
func fieldOf(object, field string) (string, error) {
	var fields map[string]json.RawMessage
	if json.Unmarshal([]byte(object), &fields) != nil {
		return "", fmt.Errorf("the secret is no JSON object, so it has no field %q", field)
	}
	var value *string
	if raw, ok := fields[field]; !ok || json.Unmarshal(raw, &value) != nil || value == nil {
		return "", fmt.Errorf("the secret has no field %q that is a string", field)
	}
	return *value, nil
}

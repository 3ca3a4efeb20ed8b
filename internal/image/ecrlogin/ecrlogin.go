// Package ecrlogin logs in to private repositories of ECR with the AWS
// credentials at hand: New makes a keychain for go-containerregistry, which knows
// nothing of other registries.
package ecrlogin

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"regexp"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecr"
	"github.com/google/go-containerregistry/pkg/authn"
)

// host is that of a private registry: the number of an account, and a region.
var host = regexp.MustCompile(`^[0-9]{12}\.dkr[.-]ecr(-fips)?\.([a-z0-9-]+)\.(amazonaws\.com|amazonaws\.com\.cn|on\.aws|on\.amazonwebservices\.com\.cn)$`)

// region is that of the registry at address, if it is one of ECR.
func region(address string) (name string, ok bool) {
	m := host.FindStringSubmatch(address)
	if m == nil {
		return "", false
	}
	return m[2], true
}

// Keychain has logins for ECR alone.
type Keychain struct {
	load func(context.Context) (aws.Config, error)
}

// New returns a Keychain. load is called when a login is needed, and returns the
// configuration of the AWS SDK; its region is replaced by the registry's.
func New(load func(context.Context) (aws.Config, error)) *Keychain { return &Keychain{load} }

// Resolve is ResolveContext without a context.
func (k *Keychain) Resolve(r authn.Resource) (authn.Authenticator, error) {
	return k.ResolveContext(context.Background(), r)
}

// ResolveContext returns the login for a registry; Anonymous if it is not ECR's.
func (k *Keychain) ResolveContext(ctx context.Context, r authn.Resource) (authn.Authenticator, error) {
	region, ok := region(r.RegistryStr())
	if !ok {
		return authn.Anonymous, nil
	}
	config, err := k.load(ctx)
	if err != nil {
		return nil, err
	}
	client := ecr.NewFromConfig(config, func(o *ecr.Options) { o.Region = region })
	out, err := client.GetAuthorizationToken(ctx, &ecr.GetAuthorizationTokenInput{})
	if err != nil {
		return nil, fmt.Errorf("log in to %s: %w; the credentials need ecr:GetAuthorizationToken", r.RegistryStr(), err)
	}
	login, err := read(out)
	if err != nil {
		return nil, fmt.Errorf("log in to %s: %w", r.RegistryStr(), err)
	}
	return login, nil
}

// read returns the login in ECR's answer, base64 of USER:PASSWORD. No error
// contains a part of it.
func read(out *ecr.GetAuthorizationTokenOutput) (authn.Authenticator, error) {
	if len(out.AuthorizationData) == 0 {
		return nil, errors.New("the answer holds no token")
	}
	text, err := base64.StdEncoding.DecodeString(aws.ToString(out.AuthorizationData[0].AuthorizationToken))
	user, password, ok := strings.Cut(string(text), ":")
	if err != nil || !ok || password == "" {
		return nil, errors.New("the token in the answer cannot be read")
	}
	return &authn.Basic{Username: user, Password: password}, nil
}

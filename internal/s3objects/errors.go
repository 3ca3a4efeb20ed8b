package s3objects

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"

	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/smithy-go"
)

// explain makes the client's error one about what was tried, and says what to do
// about it.
func (r *Reader) explain(ctx context.Context, what string, err error) error {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	var response *awshttp.ResponseError
	status, region := 0, ""
	if errors.As(err, &response) && response.Response != nil {
		status, region = response.HTTPStatusCode(), response.Response.Header.Get("X-Amz-Bucket-Region")
	}
	code, message := "", ""
	var api smithy.APIError
	if errors.As(err, &api) {
		code, message = api.ErrorCode(), api.ErrorMessage()
	}
	switch code {
	case "NoSuchBucket":
		return fmt.Errorf("%s: there is no bucket %s", what, r.place.Bucket)
	case "PermanentRedirect", "TemporaryRedirect", "MovedPermanently", "AuthorizationHeaderMalformed", "IllegalLocationConstraintException":
		return fmt.Errorf("%s: %s", what, wrongRegion(r.place.Bucket, region))
	case "InvalidAccessKeyId", "SignatureDoesNotMatch", "ExpiredToken", "InvalidToken", "TokenRefreshRequired", "RequestTimeTooSkewed":
		return fmt.Errorf("%s: the AWS credentials are not accepted; renew them, or set AWS_PROFILE: %s: %s", what, code, message)
	case "NoSuchKey", "PreconditionFailed":
		return fmt.Errorf("%s: the object was changed or deleted after it was listed; run the command again", what)
	case "InvalidObjectState":
		return fmt.Errorf("%s: the object is archived; restore it first", what)
	}
	switch status {
	case http.StatusMovedPermanently, http.StatusTemporaryRedirect:
		return fmt.Errorf("%s: %s", what, wrongRegion(r.place.Bucket, region))
	case http.StatusForbidden:
		return fmt.Errorf("%s: access denied; the credentials need s3:ListBucket on the bucket, s3:GetObject on its objects and kms:Decrypt with their key: %s", what, message)
	case http.StatusPreconditionFailed:
		return fmt.Errorf("%s: the object was changed after it was listed; run the command again", what)
	}
	if api != nil {
		return fmt.Errorf("%s: %s: %s", what, code, message)
	}
	var network *url.Error
	var operation *net.OpError
	var unknown *net.DNSError
	switch {
	case errors.As(err, &unknown):
		return fmt.Errorf("%s: the address %s is not known; is the network there, and the region right? %w", what, unknown.Name, unknown)
	case errors.As(err, &network):
		return fmt.Errorf("%s: %s cannot be reached: %w", what, host(network.URL), network.Err)
	case errors.As(err, &operation):
		return fmt.Errorf("%s: the connection broke: %w", what, operation)
	}
	return fmt.Errorf("%s: %w", what, err)
}

func wrongRegion(bucket, region string) string {
	if region == "" {
		return "bucket " + bucket + " is in another region; set AWS_REGION to its own"
	}
	return "bucket " + bucket + " is in region " + region + "; set AWS_REGION=" + region
}

// host is the host of an address, which is what a reader needs of it.
func host(address string) string {
	u, err := url.Parse(address)
	if err != nil || u.Host == "" {
		return address
	}
	return u.Host
}

package s3objects

import (
	"net/http"

	"github.com/aws/aws-sdk-go-v2/aws"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/aws-sdk-go-v2/service/s3"
)

// NewClient returns a client with the region, credentials, endpoint and retries
// of cfg that keeps a connection for each request that a Reader makes at once.
func NewClient(cfg aws.Config) *s3.Client {
	if b, ok := cfg.HTTPClient.(*awshttp.BuildableClient); ok {
		cfg.HTTPClient = b.WithTransportOptions(func(t *http.Transport) { t.MaxIdleConnsPerHost = window })
	}
	return s3.NewFromConfig(cfg, func(o *s3.Options) {
		// Services other than AWS have no host for each bucket.
		o.UsePathStyle = o.BaseEndpoint != nil
	})
}

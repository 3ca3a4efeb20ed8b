package cli

import (
	"context"
	"fmt"
	"math"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/smithy-go/logging"
	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"coldstream/internal/secret"
	"coldstream/internal/source"
	"coldstream/internal/source/jetstream"
	"coldstream/internal/source/mastodon"
	"coldstream/internal/source/xapi"
)

// liveFlags are the flags of live sources.
type liveFlags struct {
	queries  []string
	token    string
	maxPosts int
	maxCost  float64
	baseURL  string
	catchUp  bool
	fields   string
	given    string // a token read elsewhere
}

func (l *liveFlags) addTo(fs *pflag.FlagSet) {
	fs.StringArrayVar(&l.queries, "query", nil, "`RULE` of X for x-stream (may be repeated; none = the 1 % sample) or x-search; stream of mastodon")
	fs.StringVar(&l.token, "token", "", "`REF` of the access token of X or Mastodon: env:NAME, file:PATH, or an ARN of Secrets Manager or SSM (default env:X_BEARER_TOKEN, env:MASTODON_TOKEN)")
	fs.IntVar(&l.maxPosts, "max-posts", 0, "stop after reading `N` posts from X, which charges for each")
	fs.Float64Var(&l.maxCost, "max-cost", 0, "stop before posts read from X cost more than `DOLLARS`")
	fs.StringVar(&l.baseURL, "source-url", "", "`URL` of the source's server, instead of the public ones")
	fs.BoolVar(&l.catchUp, "catch-up", false, "after a break of x-stream, search for the posts that were missed")
	fs.StringVar(&l.fields, "x-fields-parameter", "", "`NAME` of X's parameter for fields: tweet.fields or post.fields (default tweet.fields)")
}

func isLive(kind string) bool {
	switch kind {
	case "jetstream", "mastodon", "x-stream", "x-search":
		return true
	}
	return false
}

func ofX(kind string) bool { return kind == "x-stream" || kind == "x-search" }

// check finds flags that do not go together.
func (l *liveFlags) check(kind string) error {
	switch {
	case ofX(kind) && l.maxPosts <= 0 && l.maxCost <= 0:
		return Usagef("--source %s needs --max-posts or --max-cost: X charges $%.3f for each post read", kind, xapi.PostPrice)
	case l.maxPosts < 0 || l.maxCost < 0:
		return Usagef("--max-posts and --max-cost cannot be below 0")
	case ofX(kind) && l.budget() < 1:
		return Usagef("--max-cost %.3f is less than one post, $%.3f", l.maxCost, xapi.PostPrice)
	case !ofX(kind) && (l.maxPosts > 0 || l.maxCost > 0):
		return Usagef("--max-posts and --max-cost belong to x-stream and x-search, not to %s", kind)
	case kind == "x-search" && len(l.queries) != 1:
		return Usagef("--source x-search needs one --query")
	case kind == "mastodon" && l.baseURL == "":
		return Usagef("--source mastodon needs --source-url, such as https://mastodon.social")
	case kind == "mastodon" && len(l.queries) > 1:
		return Usagef("--source mastodon takes one --query")
	case !isLive(kind) && (l.token != "" || l.baseURL != "" || len(l.queries) > 0), kind == "jetstream" && (l.token != "" || len(l.queries) > 0):
		return Usagef("--query, --token and --source-url do not belong to --source %s", kind)
	}
	return nil
}

// budget is how many posts may be read from X.
func (l *liveFlags) budget() int {
	most := l.maxPosts
	// A cent is not lost to binary fractions: 5.00 / 0.005 is 1,000.
	if byCost := int(math.Floor(l.maxCost/xapi.PostPrice + 1e-9)); l.maxCost > 0 && (most == 0 || byCost < most) {
		most = byCost
	}
	return most
}

// open opens the live source of that kind.
func (l *liveFlags) open(ctx context.Context, cmd *cobra.Command, kind string, count int, cursor string) (source.Source, error) {
	stderr := cmd.ErrOrStderr()
	notify := tell(stderr, cmd.CommandPath())
	agent := "coldstream/" + Version()
	if kind == "jetstream" {
		o := jetstream.Options{Cursor: cursor, UserAgent: agent, Notify: notify}
		if l.baseURL != "" {
			o.Hosts = []string{l.baseURL}
		}
		return jetstream.Open(ctx, o)
	}
	ref := l.token
	if ref == "" {
		ref = "env:MASTODON_TOKEN"
		if ofX(kind) {
			ref = "env:X_BEARER_TOKEN"
		}
	}
	token := l.given
	if token == "" || l.token != "" {
		var err error
		if token, err = secret.Read(ctx, ref, LoadAWS); err != nil {
			return nil, err
		}
	}
	if kind == "mastodon" {
		stream := "public"
		if len(l.queries) == 1 {
			stream = l.queries[0]
		}
		return mastodon.Open(ctx, mastodon.Options{BaseURL: l.baseURL, Token: token, Stream: stream, UserAgent: agent, Notify: notify})
	}
	o := xapi.Options{BaseURL: l.baseURL, Token: token, Queries: l.queries, MaxPosts: l.budget(), CatchUp: l.catchUp,
		Cursor: cursor, FieldsParam: l.fields, UserAgent: agent, Notify: notify}
	fmt.Fprintf(stderr, "%s: %s: reads %d posts at most, which cost $%.2f ($%.3f each)\n", cmd.CommandPath(), kind, o.MaxPosts, float64(o.MaxPosts)*xapi.PostPrice, xapi.PostPrice)
	if kind == "x-search" {
		o.Count = count
		return xapi.OpenSearch(ctx, o)
	}
	return xapi.OpenStream(ctx, o)
}

// SetToken sets the token to use where --token names none; "" sets nothing.
func (p *Posts) SetToken(token string) { p.live.given = token }

// LoadAWS returns the SDK's configuration, from its own variables and files.
func LoadAWS(ctx context.Context) (aws.Config, error) {
	// The SDK's own log lines would stand beside the one that says what failed.
	return config.LoadDefaultConfig(ctx, config.WithLogger(logging.Nop{}))
}

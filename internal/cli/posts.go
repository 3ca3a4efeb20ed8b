package cli

import (
	"context"
	"fmt"
	"io"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"coldstream/internal/deliver"
	"coldstream/internal/language"
	"coldstream/internal/source"
	"coldstream/internal/source/v11"
)

// Sources are the kinds of sources that programs offer.
var Sources = []string{"sample", "file", "stdin", "v11-file", "jetstream", "mastodon", "x-stream", "x-search"}

// Posts are the flags that say which posts a program sends.
type Posts struct {
	Source     string // one of Sources
	File       string
	Count      int
	DeadLetter string

	options source.Options
	format  string

	lang       string
	detect     bool
	noRetweets bool
	keepTwins  bool
	rate       float64
	loop       bool

	live liveFlags
}

// AddTo adds the flags to cmd. The source is the sample unless --source or
// --file says otherwise.
func (p *Posts) AddTo(cmd *cobra.Command) {
	Choice(cmd, &p.Source, "source", "sample", "where posts come from; --file alone means file", Sources...)
	fs := cmd.Flags()
	fs.StringVar(&p.File, "file", "", "`FILE` of posts: JSON lines, CSV or lines, may be gzip, zstd or bzip2")
	Choice(cmd, &p.format, "format", "auto", "format of the file or of standard input", "auto", "jsonl", "csv", "lines", "sentiment140")
	fs.StringVar(&p.options.TextField, "text-column", "", "`NAME` of the column or field with the text (default \"text\")")
	fs.StringVar(&p.options.IDField, "id-column", "", "`NAME` of the column or field with the id (default \"id\", else file name and row)")
	fs.StringVar(&p.options.LangField, "lang-column", "", "`NAME` of the column or field with the language (default \"lang\", if there)")
	fs.StringVar(&p.options.CreatedAtField, "created-at-column", "", "`NAME` of the column or field with the time (default \"created_at\", if there)")
	fs.IntVar(&p.Count, "count", 0, "end after `N` posts (default: the whole source)")
	fs.Float64Var(&p.rate, "rate", 0, "replay `N` posts per second (default: as fast as they come)")
	fs.BoolVar(&p.loop, "loop", false, "start a file or the sample again at its end, with new ids")
	fs.StringVar(&p.lang, "lang", "", "leave out posts in another `LANGUAGE`, such as en; those that declare none pass")
	fs.BoolVar(&p.detect, "detect-lang", false, "with --lang, find out the language of posts that declare none")
	fs.BoolVar(&p.noRetweets, "no-retweets", false, "leave out posts that repeat another one")
	fs.BoolVar(&p.keepTwins, "keep-duplicates", false, "send posts whose id was seen before too")
	fs.StringVar(&p.DeadLetter, "dead-letter", "", "`FILE` for posts that cannot be sent, with the reason (default: the first one ends the run)")
	p.live.addTo(fs)
}

// Resolve checks the flags and settles which source they mean. It comes before
// the other methods.
func (p *Posts) Resolve(cmd *cobra.Command) error {
	if p.Count < 0 {
		return Usagef("--count is %d, want at least 1", p.Count)
	}
	if p.File != "" && !cmd.Flags().Changed("source") {
		p.Source = "file"
	}
	ofFile := p.Source == "file" || p.Source == "v11-file"
	switch {
	case ofFile && p.File == "":
		return Usagef("--source %s needs --file", p.Source)
	case !ofFile && p.File != "":
		return Usagef("--file belongs to --source file, not %s", p.Source)
	case p.loop && !ofFile && p.Source != "sample":
		return Usagef("--loop belongs to a file or the sample, not to %s", p.Source)
	case p.rate < 0:
		return Usagef("--rate is %g, want more than 0", p.rate)
	case p.detect && p.lang == "":
		return Usagef("--detect-lang belongs to --lang")
	}
	return p.live.check(p.Source)
}

// Live reports whether the source goes on for ever.
func (p *Posts) Live() bool { return isLive(p.Source) }

// Replays reports whether posts that a run lost can be read again by the next.
func (p *Posts) Replays() bool {
	return p.Source != "x-stream" && p.Source != "mastodon" && p.Source != "stdin"
}

// Origin names what the posts come from, for a spool.
func (p *Posts) Origin() string {
	parts := []string{p.Source}
	if p.File != "" {
		parts = append(parts, p.File)
	}
	return strings.Join(append(parts, p.live.queries...), " ")
}

// Open opens the source that the flags name, at the cursor. What happens to a
// live source is told on standard error.
func (p *Posts) Open(ctx context.Context, cmd *cobra.Command, cursor string) (source.Source, error) {
	open := func(cursor string) (source.Source, error) { return p.open(ctx, cmd, cursor) }
	var src source.Source
	var err error
	if p.loop {
		src, err = source.Looped(open, cursor)
	} else {
		src, err = open(cursor)
	}
	if err != nil {
		return nil, err
	}
	if p.rate > 0 {
		src = source.Paced(src, p.rate)
	}
	return src, nil
}

// open opens the source itself.
func (p *Posts) open(ctx context.Context, cmd *cobra.Command, cursor string) (source.Source, error) {
	o := p.options
	if p.format != "auto" {
		o.Format = source.Format(p.format)
	}
	o.Cursor = cursor
	switch p.Source {
	case "sample":
		n := p.Count
		if p.loop {
			n = 0
		}
		return source.NewSample(n, o)
	case "file":
		return source.OpenFile(ctx, p.File, o)
	case "v11-file":
		return v11.Open(ctx, p.File, o)
	case "stdin":
		// What was read is gone: the input goes on by itself, and made ids must
		// not be those of the run before.
		o.Cursor = ""
		if cursor != "" {
			var err error
			if o.Before, err = strconv.Atoi(cursor); err != nil {
				return nil, fmt.Errorf("the spool's cursor %q is not a number of records", cursor)
			}
		}
		return source.NewReader("stdin", "stdin", source.Interruptible(ctx, cmd.InOrStdin()), o)
	}
	return p.live.open(ctx, cmd, p.Source, p.Count, cursor)
}

// Deliver returns the part of the delivery's options that the flags say. The
// dead letters are one of the files.
func (p *Posts) Deliver(files *Lines) (o deliver.Options, err error) {
	o.Count, o.KeepDuplicates = p.Count, p.keepTwins
	o.Filter = p.filter()
	if p.DeadLetter != "" {
		f, err := files.Open(p.DeadLetter)
		if err != nil {
			return o, err
		}
		o.DeadLetter = deliver.WriteDeadLetters(f)
	}
	return o, nil
}

// filter returns why a post is left out. An empty text of a live source is
// none: a picture, perhaps; in a file it is a row like any other.
func (p *Posts) filter() func(source.Post) string {
	var detector *language.Detector
	if p.detect {
		detector = language.New()
	}
	live := p.Live()
	return func(post source.Post) string {
		if live && strings.TrimSpace(post.Text) == "" {
			return "empty"
		}
		if p.noRetweets && post.Retweet {
			return "retweet"
		}
		if p.lang == "" {
			return ""
		}
		lang := post.Lang
		if undeclared[lang] {
			lang = ""
		}
		if lang == "" && detector != nil {
			if tag, sure := detector.Detect(post.Text); sure {
				lang = tag
			}
		}
		if lang != "" && !language.Matches(lang, p.lang) {
			return "language"
		}
		return ""
	}
}

// undeclared are the tags with which a source says that it does not know, or
// that there is no language: ISO 639-2's, and those of X for links, emoji and
// the like.
var undeclared = map[string]bool{"und": true, "zxx": true, "mul": true, "qam": true, "qct": true, "qht": true, "qme": true, "qst": true}

// Total is how many posts are to be expected, -1 if that is not known.
func (p *Posts) Total() int {
	switch {
	case p.Count > 0:
		return p.Count
	case p.Source == "sample" && !p.loop:
		return source.SampleSize
	}
	return -1
}

// tell returns a function that writes what happens to a live source, a line
// each.
func tell(w io.Writer, command string) func(source.Notice) {
	return func(n source.Notice) { fmt.Fprintf(w, "%s: %s\n", command, n.Text) }
}

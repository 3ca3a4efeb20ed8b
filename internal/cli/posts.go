package cli

import (
	"context"
	"strings"

	"github.com/spf13/cobra"

	"coldstream/internal/deliver"
	"coldstream/internal/source"
)

// Posts are the flags that say which posts a program sends.
type Posts struct {
	Source     string // "sample", "file", "stdin", or what the program adds
	File       string
	Count      int
	Lang       string
	DeadLetter string

	options source.Options
	format  string
}

// AddTo adds the flags to cmd. The source is initial unless --source or --file
// says otherwise.
func (p *Posts) AddTo(cmd *cobra.Command, initial string, kinds ...string) {
	Choice(cmd, &p.Source, "source", initial, "where posts come from; --file alone means file", kinds...)
	fs := cmd.Flags()
	fs.StringVar(&p.File, "file", "", "`FILE` of posts: JSON lines, CSV or lines, may be gzip or zstd")
	Choice(cmd, &p.format, "format", "auto", "format of the file or of standard input", "auto", "jsonl", "csv", "lines")
	fs.StringVar(&p.options.TextField, "text-column", "", "`NAME` of the column or field with the text (default \"text\")")
	fs.StringVar(&p.options.IDField, "id-column", "", "`NAME` of the column or field with the id (default \"id\", else file name and row)")
	fs.StringVar(&p.options.LangField, "lang-column", "", "`NAME` of the column or field with the language (default \"lang\", if there)")
	fs.StringVar(&p.options.CreatedAtField, "created-at-column", "", "`NAME` of the column or field with the time (default \"created_at\", if there)")
	fs.IntVar(&p.Count, "count", 0, "end after `N` posts (default: the whole source)")
	fs.StringVar(&p.Lang, "lang", "", "leave out posts that declare another `LANGUAGE`, such as en")
	fs.StringVar(&p.DeadLetter, "dead-letter", "", "`FILE` for posts that cannot be sent, with the reason (default: the first one ends the run)")
}

// Open opens the source that the flags name.
func (p *Posts) Open(ctx context.Context, cmd *cobra.Command) (source.Source, error) {
	if p.Count < 0 {
		return nil, Usagef("--count is %d, want at least 1", p.Count)
	}
	if p.File != "" && !cmd.Flags().Changed("source") {
		p.Source = "file"
	}
	o := p.options
	if p.format != "auto" {
		o.Format = source.Format(p.format)
	}
	if p.Source == "file" {
		if p.File == "" {
			return nil, Usagef("--source file needs --file")
		}
		return source.OpenFile(ctx, p.File, o)
	}
	if p.File != "" {
		return nil, Usagef("--file belongs to --source file, not %s", p.Source)
	}
	if p.Source == "stdin" {
		return source.NewReader("stdin", "stdin", source.Interruptible(ctx, cmd.InOrStdin()), o)
	}
	return source.NewSample(p.Count, source.Options{})
}

// Deliver returns the part of the delivery's options that the flags say. The
// dead letters are one of the files.
func (p *Posts) Deliver(files *Lines) (o deliver.Options, err error) {
	o.Count = p.Count
	if want := p.Lang; want != "" {
		o.Filter = func(post source.Post) bool { return post.Lang == "" || sameLanguage(post.Lang, want) }
	}
	if p.DeadLetter != "" {
		f, err := files.Open(p.DeadLetter)
		if err != nil {
			return o, err
		}
		o.DeadLetter = deliver.WriteDeadLetters(f)
	}
	return o, nil
}

// Total is how many posts are to be expected, -1 if that is not known.
func (p *Posts) Total() int {
	switch {
	case p.Count > 0:
		return p.Count
	case p.Source == "sample":
		return source.SampleSize
	}
	return -1
}

// sameLanguage compares language tags by their first part: en-US is en.
func sameLanguage(a, b string) bool {
	base := func(tag string) string {
		if i := strings.IndexAny(tag, "-_"); i >= 0 {
			tag = tag[:i]
		}
		return tag
	}
	return strings.EqualFold(base(a), base(b))
}

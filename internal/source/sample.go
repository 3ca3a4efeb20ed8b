package source

import (
	"context"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"
)

// SampleSize is the number of posts in the sample when no count is asked for.
const SampleSize = 500

// sampleStart is the invented time of the first sample post; one follows per
// second.
var sampleStart = time.Date(2026, time.January, 1, 12, 0, 0, 0, time.UTC)

// The sample is invented: every post is an opening, an opinion about a subject
// and an ending, so no person's words stand in it.
var (
	sampleOpenings = []string{
		"", "Honestly, ", "Update: ", "Just saying, ", "Not gonna lie, ", "Third day in a row: ", "Well. ", "Okay so ", "Reminder that ", "My two cents: ", "Hot take, ",
	}
	sampleSubjects = []string{
		"the night train to the coast", "this new coffee place on the corner", "the city council meeting", "the latest phone update",
		"our local library", "the season finale", "that panel discussion", "the new bus timetable", "my broadband provider",
		"the open air concert", "the school bake sale", "the budget speech", "this laptop battery", "the farmers market",
		"the museum's late opening", "customer service at the bike shop", "the weather forecast", "the ferry crossing", "the town hall debate",
		"the vegetable box delivery", "the swimming pool queue", "this podcast", "the stadium food",
	}
	sampleOpinions = []string{
		"I love %s, best thing this week",
		"%s was great, thank you everyone",
		"so happy with %s",
		"%s made my day",
		"what a wonderful surprise: %s",
		"%s is amazing and I will tell all my friends",
		"%s starts at 6 pm tomorrow",
		"here are my notes about %s",
		"does anyone know more about %s?",
		"%s is on page 4 of today's paper",
		"I am on my way to see %s",
		"photos of %s will be up tonight",
		"%s was a complete waste of time",
		"so disappointed by %s",
		"%s is terrible and nobody seems to care",
		"I hate what they did to %s",
		"%s failed again, worst week ever",
		"not impressed by %s at all",
		"why is %s always late and rude?",
	}
	sampleEndings = []string{
		"", ".", "!", " #weekend", " #local", " :)", " :(", " \U0001F602", " \u2764\ufe0f", " \U0001F621", " https://example.com/p/17", " @example", " soooo much", "...",
	}
)

// sampleStep is coprime to the number of combinations (11 * 23 * 19 * 14), so
// stepping by it visits each of them once before a text repeats.
const sampleStep = 29_411

// sample gives count invented posts; the same ones every time.
type sample struct {
	count, next int
}

// NewSample returns count invented English posts, SampleSize if count is 0.
// Post number n is the same in every run; the first 67,298 texts differ.
func NewSample(count int, o Options) (Source, error) {
	if count == 0 {
		count = SampleSize
	}
	s := &sample{count: count}
	if o.Cursor != "" {
		n, err := strconv.Atoi(o.Cursor)
		if err != nil || n < 0 {
			return nil, fmt.Errorf("sample: cursor %q is not a number of posts", o.Cursor)
		}
		s.next = n
	}
	return s, nil
}

// Next returns the next invented post.
func (s *sample) Next(ctx context.Context) (Post, error) {
	if err := ctx.Err(); err != nil {
		return Post{}, err
	}
	if s.next >= s.count {
		return Post{}, io.EOF
	}
	i := s.next
	s.next++
	return Post{
		ID:        fmt.Sprintf("sample-%06d", i+1),
		Text:      SampleText(i),
		Lang:      "en",
		CreatedAt: sampleStart.Add(time.Duration(i) * time.Second).Format(time.RFC3339),
		Source:    "sample",
	}, nil
}

func (s *sample) Cursor() string { return strconv.Itoa(s.next) }

func (s *sample) Close() error { return nil }

// SampleText returns text number i of the sample, from 0: the digits of a
// mixed-radix number choose its parts.
func SampleText(i int) string {
	n := i * sampleStep
	pick := func(parts []string) string {
		p := parts[n%len(parts)]
		n /= len(parts)
		return p
	}
	opinion := pick(sampleOpinions)
	subject := pick(sampleSubjects)
	opening := pick(sampleOpenings)
	ending := pick(sampleEndings)
	text := opening + strings.Replace(opinion, "%s", subject, 1) + ending
	return strings.ToUpper(text[:1]) + text[1:]
}

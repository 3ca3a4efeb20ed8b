package cli

import (
	"io"
	"os"
	"strings"
	"sync"
	"time"

	"github.com/schollz/progressbar/v3"
	"golang.org/x/term"
)

// usualWidth is the width of what is written to no terminal.
const usualWidth = 80

// redraw is how often a progress bar is drawn when nothing happens.
const redraw = 200 * time.Millisecond

// IsTerminal reports whether stream is a terminal.
func IsTerminal(stream any) bool {
	f, ok := stream.(*os.File)
	return ok && term.IsTerminal(int(f.Fd()))
}

// Width returns the number of columns of w.
func Width(w io.Writer) int {
	if f, ok := w.(*os.File); ok {
		if width, _, err := term.GetSize(int(f.Fd())); err == nil && width > 0 {
			return width
		}
	}
	return usualWidth
}

// Unicode reports whether the locale, as POSIX picks it from the environment,
// has characters beyond ASCII.
func Unicode(getenv func(string) string) bool {
	for _, name := range []string{"LC_ALL", "LC_CTYPE", "LANG"} {
		if v := strings.ToLower(getenv(name)); v != "" {
			return strings.Contains(v, "utf-8") || strings.Contains(v, "utf8")
		}
	}
	return false
}

// Progress is a progress bar on a terminal, and nothing elsewhere; the zero value
// shows nothing. It is safe for concurrent use.
type Progress struct {
	mu   sync.Mutex
	bar  *progressbar.ProgressBar // nil = not shown
	stop chan struct{}            // closed by Done
}

// NewProgress returns a bar on stderr if that is a terminal. A total of -1 is
// not known, and with a total of 0 nothing is counted. Call Done in every case:
// it takes the bar away.
func NewProgress(stderr io.Writer, what string, total int) *Progress {
	p := new(Progress)
	if !IsTerminal(stderr) {
		return p
	}
	options := []progressbar.Option{
		progressbar.OptionSetWriter(stderr),
		progressbar.OptionSetDescription(what),
		progressbar.OptionSetWidth(24),
		progressbar.OptionThrottle(100 * time.Millisecond),
		progressbar.OptionClearOnFinish(),
		progressbar.OptionSetRenderBlankState(true),
		// The library's own spinner has no end: it would draw over what follows.
		progressbar.OptionSetSpinnerChangeInterval(0),
	}
	if total == 0 {
		total = -1
	} else {
		options = append(options, progressbar.OptionShowCount())
	}
	p.bar = progressbar.NewOptions(total, options...)
	p.stop = make(chan struct{})
	go p.turn(p.stop)
	return p
}

// turn redraws the bar now and then, so that one sees time pass.
func (p *Progress) turn(stop <-chan struct{}) {
	ticker := time.NewTicker(redraw)
	defer ticker.Stop()
	for {
		select {
		case <-stop:
			return
		case <-ticker.C:
			p.mu.Lock()
			if p.bar != nil {
				_ = p.bar.RenderBlank() // a bar that cannot be drawn stops nothing
			}
			p.mu.Unlock()
		}
	}
}

// Set shows that n are done.
func (p *Progress) Set(n int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.bar != nil {
		_ = p.bar.Set(n)
	}
}

// Describe changes the text in front of the bar.
func (p *Progress) Describe(what string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.bar != nil {
		p.bar.Describe(what)
	}
}

// Done takes the bar away.
func (p *Progress) Done() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.bar != nil {
		_ = p.bar.Clear()
		p.bar = nil
		close(p.stop)
	}
}

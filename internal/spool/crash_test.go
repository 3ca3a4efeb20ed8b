package spool

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
)

// childVariable names the directory of the spool that this program fills when it
// runs as the child of TestKill.
const childVariable = "COLDSTREAM_SPOOL_CHILD"

func TestMain(m *testing.M) {
	if dir := os.Getenv(childVariable); dir != "" {
		err := fill(dir)
		fmt.Println("error", err) // it goes on until it is killed
		os.Exit(1)
	}
	os.Exit(m.Run())
}

var killOptions = Options{SegmentBytes: 20_000, Keys: 1000}

// fill appends posts and acknowledges them, and says of each when that has
// returned.
func fill(dir string) error {
	s, err := Open(dir, killOptions)
	if err != nil {
		return err
	}
	var mu sync.Mutex
	say := func(what string, n uint64) {
		mu.Lock()
		defer mu.Unlock()
		fmt.Println(what, n)
	}
	failed := make(chan error)
	go func() {
		rnd := rand.New(rand.NewPCG(uint64(os.Getpid()), 0))
		for {
			var done []uint64
			for range 1 + rnd.IntN(20) {
				e, err := s.Next()
				if err == io.EOF {
					break
				}
				if err != nil {
					failed <- err
					return
				}
				say("next", e.Seq)
				done = append(done, e.Seq)
			}
			rnd.Shuffle(len(done), func(i, j int) { done[i], done[j] = done[j], done[i] })
			if err := s.Ack(done, []byte(fmt.Sprint(s.marks.low))); err != nil {
				failed <- err
				return
			}
			for _, n := range done {
				say("ack", n)
			}
		}
	}()
	go func() {
		for next := int(s.next); ; {
			end := next + 1 + next%50
			if err := s.Append(entries(next, end), []byte(fmt.Sprint(end-1))); err != nil {
				failed <- err
				return
			}
			say("append", uint64(end-1))
			next = end
		}
	}()
	return <-failed
}

// TestKill kills a process at any moment, again and again, and looks at what is
// there.
func TestKill(t *testing.T) {
	rounds := 12
	if testing.Short() {
		rounds = 4
	}
	dir, look := t.TempDir(), t.TempDir()
	rnd := rand.New(rand.NewPCG(4, 4))
	acked := make(map[uint64]bool)
	var committed uint64
	handed := make(map[uint64]bool) // and not acknowledged
	doubled := 0
	for round := range rounds {
		cmd := exec.Command(os.Args[0])
		cmd.Env = append(os.Environ(), childVariable+"="+dir)
		cmd.Stderr = os.Stderr
		out, err := cmd.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		kill := rnd.IntN(3000)
		lines := bufio.NewScanner(out)
		for n := 0; lines.Scan(); n++ {
			if n == kill {
				if err := cmd.Process.Kill(); err != nil {
					t.Fatal(err)
				}
			}
			what, number, _ := strings.Cut(lines.Text(), " ")
			var seq uint64
			if _, err := fmt.Sscan(number, &seq); err != nil {
				if n < kill {
					t.Fatalf("round %d: %s", round, lines.Text())
				}
				continue // the line was cut
			}
			switch what {
			case "append":
				committed = max(committed, seq)
			case "ack":
				acked[seq] = true
				delete(handed, seq)
			case "next":
				if acked[seq] {
					t.Errorf("round %d: post %d came again", round, seq)
				}
				handed[seq] = true
			}
		}
		var exit *exec.ExitError
		if err := cmd.Wait(); !errors.As(err, &exit) || exit.ExitCode() != -1 {
			t.Fatalf("round %d: %v", round, err)
		}

		// What is looked at is a copy, so that the next run finds what this one left.
		copied := filepath.Join(look, fmt.Sprint(round))
		if err := os.CopyFS(copied, os.DirFS(dir)); err != nil {
			t.Fatal(err)
		}
		s := mustOpen(t, copied, killOptions)
		last := s.next - 1
		if last < committed || string(s.State()) != fmt.Sprint(last) && last > 0 {
			t.Errorf("round %d: the last post is %d and the state %q, posts up to %d were committed", round, last, s.State(), committed)
		}
		there, again := make(map[uint64]bool), 0
		for _, seq := range rest(t, s) {
			if there[seq] = true; acked[seq] {
				t.Errorf("round %d: post %d comes again", round, seq)
			}
			if handed[seq] {
				again++
			}
		}
		lost := 0
		for seq := uint64(1); seq <= last; seq++ {
			if !there[seq] && !acked[seq] {
				lost++ // the line that says so may not have been written
				acked[seq] = true
				delete(handed, seq)
			}
		}
		if lost > 20 {
			t.Errorf("round %d: %d posts are gone", round, lost)
		}
		if doubled += again; again > s.MaybeSent() || s.MaybeSent() > again+reserved {
			t.Errorf("round %d: %d posts come again, %d were announced", round, again, s.MaybeSent())
		}
		for back := range min(last, uint64(killOptions.Keys)) {
			if !s.Has(last - back) {
				t.Errorf("round %d: the key of post %d of %d is forgotten", round, last-back, last)
				break
			}
		}
		committed = last
		mustClose(t, s)
		if t.Failed() {
			return
		}
	}
	t.Logf("%d posts in %d runs, %d acknowledged, %d came twice", committed, rounds, len(acked), doubled)
	if committed < 1000 || len(acked) == 0 {
		t.Error("the runs were too short to show anything")
	}
}

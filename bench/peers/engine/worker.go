package main

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"coldstream/lstm"
)

// worker answers the lines of the protocol.
type worker struct {
	folder  string
	options lstm.Options
	int8    bool // quantise the weights
	loaded  map[string]*network
}

func (w *worker) serve(stdin io.Reader, stdout io.Writer) error {
	lines := bufio.NewScanner(stdin)
	for lines.Scan() {
		if lines.Text() == "quit" {
			return nil
		}
		answer, err := w.answer(strings.Fields(lines.Text()))
		if err != nil {
			answer = "error " + strings.ReplaceAll(err.Error(), "\n", " ")
		}
		if _, err := fmt.Fprintln(stdout, answer); err != nil {
			return err
		}
	}
	return lines.Err()
}

func (w *worker) answer(words []string) (string, error) {
	if len(words) == 2 && words[0] == "load" {
		n, err := loadNetwork(filepath.Join(w.folder, words[1]), w.options, w.int8)
		if err != nil {
			return "", err
		}
		w.loaded[words[1]] = n
		return "ok", nil
	}
	if len(words) < 3 || words[0] != "run" && words[0] != "check" {
		return "", fmt.Errorf("%q is no command", strings.Join(words, " "))
	}
	n := w.loaded[words[1]]
	if n == nil {
		return "", fmt.Errorf("%s is not loaded", words[1])
	}
	batch, err := strconv.Atoi(words[2])
	if err != nil || batch < 1 || batch > n.rows {
		return "", fmt.Errorf("batch %s of %d rows", words[2], n.rows)
	}
	if words[0] == "check" {
		if len(words) < 4 {
			return "", errors.New("check takes a network, a batch and a file")
		}
		out, err := n.outputs(batch)
		if err != nil {
			return "", err
		}
		return "ok", writeFloats(words[3], out)
	}
	calls := (n.rows + batch - 1) / batch
	if len(words) > 3 {
		limit, err := strconv.Atoi(words[3])
		if err != nil || limit < 0 {
			return "", fmt.Errorf("limit %q is no number of calls", words[3])
		}
		if limit > 0 {
			calls = min(calls, limit)
		}
	}
	start := time.Now()
	for call := range calls {
		if err := n.predict(call, batch, n.out[:batch*n.classes]); err != nil {
			return "", err
		}
	}
	return fmt.Sprintf("ns %d %d", time.Since(start).Nanoseconds(), calls), nil
}

func writeFloats(path string, values []float32) error {
	raw := make([]byte, 4*len(values))
	for i, v := range values {
		binary.LittleEndian.PutUint32(raw[4*i:], math.Float32bits(v))
	}
	return os.WriteFile(path, raw, 0o644)
}

// Package zst reads and writes the compressed model file,
// NAME.safetensors.zst: one zstd frame with content size and checksum around
// one safetensors file. ReadFile opens a file of either form, Write writes the
// compressed one, Decode and Encode are for bytes in memory.
package zst

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/klauspost/compress/zstd"

	"coldstream/weights"
)

// maxContent bounds the unpacked size of a model file.
const maxContent = 4 << 30

// Trained weights compress by a few percent, constant ones a thousandfold. A
// small file that claims more than that is refused before anything is
// allocated for it.
const (
	freeContent = 32 << 20
	maxRatio    = 4096
	minMemory   = 1 << 20 // for the decoder, which counts more than the content of a small frame
)

// ReadFile reads the model file at path: the compressed form or, told by its
// content, a safetensors file as it is.
func ReadFile(path string) (*weights.File, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, fmt.Errorf("weights: %w", err)
	}
	if !info.IsDir() && !info.Mode().IsRegular() {
		return nil, fmt.Errorf("weights: %s is a device or a pipe; a model file is read whole", path)
	}
	b, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("weights: %w", err)
	}
	read := Decode
	// A safetensors file begins with a length below 2^32 and then its header's brace.
	if len(b) > 8 && b[8] == '{' && b[4]|b[5]|b[6]|b[7] == 0 {
		read = weights.Parse
	}
	f, err := read(b)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return f, nil
}

// Decode reads a compressed model file from memory.
func Decode(b []byte) (*weights.File, error) {
	content, err := Unpack(b)
	if err != nil {
		return nil, err
	}
	return weights.Parse(content)
}

// Unpack returns the safetensors file inside b: what `zstd -d` gives. It
// demands a content size and a checksum, so that damage cannot pass.
func Unpack(b []byte) ([]byte, error) {
	if len(b) == 0 {
		return nil, errors.New("weights: the file is empty")
	}
	var h zstd.Header
	if err := h.Decode(b); err != nil {
		if errors.Is(err, zstd.ErrMagicMismatch) {
			return nil, errors.New("weights: not a zstd file; a model file is made by `coldstream convert`")
		}
		return nil, fmt.Errorf("weights: zstd header: %w", cutOff(err))
	}
	switch {
	case h.Skippable:
		return nil, errors.New("weights: begins with a skippable zstd frame; a model file is one plain frame")
	case !h.HasFCS || !h.HasCheckSum:
		return nil, errors.New("weights: the zstd frame lacks its content size or checksum; compress with `zstd --content-size --check`")
	case h.DictionaryID != 0:
		return nil, fmt.Errorf("weights: the zstd frame needs dictionary %d; a model file uses none", h.DictionaryID)
	case h.FrameContentSize > maxContent || h.FrameContentSize > freeContent+maxRatio*uint64(len(b)):
		return nil, fmt.Errorf("weights: %d bytes claim to unpack to %d; refused", len(b), h.FrameContentSize)
	}
	if n := frameSize(b, h.HeaderSize); n < len(b) {
		return nil, fmt.Errorf("weights: %d bytes behind the zstd frame; a model file is one frame", len(b)-n)
	}
	dec, err := zstd.NewReader(nil, zstd.WithDecoderConcurrency(1), zstd.WithDecoderLowmem(true),
		zstd.WithDecoderMaxMemory(max(h.FrameContentSize, minMemory)), zstd.WithDecoderMaxWindow(max(h.FrameContentSize, minMemory)))
	if err != nil {
		return nil, fmt.Errorf("weights: zstd: %w", err)
	}
	defer dec.Close()
	content, err := dec.DecodeAll(b, nil)
	if err != nil {
		return nil, fmt.Errorf("weights: zstd: %w", cutOff(err))
	}
	if uint64(len(content)) != h.FrameContentSize {
		return nil, fmt.Errorf("weights: unpacks to %d bytes, its frame says %d", len(content), h.FrameContentSize)
	}
	return content, nil
}

// frameSize returns the length of the frame with a checksum that b begins with,
// or something larger if b ends before it. A block has a header of 3 bytes, as
// RFC 8878 has it in 3.1.1.2: the last one's bit 0 is set, type 1 is one byte
// repeated size times.
func frameSize(b []byte, header int) int {
	const checksum = 4
	for at := header; at+3 <= len(b); {
		block := int(b[at]) | int(b[at+1])<<8 | int(b[at+2])<<16
		last, kind, size := block&1 == 1, block>>1&3, block>>3
		if kind == 1 {
			size = 1
		}
		if at += 3 + size; last {
			return at + checksum
		}
	}
	return len(b) + 1
}

// cutOff says in words what the decoder reports as an unexpected end.
func cutOff(err error) error {
	if errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, io.EOF) {
		return errors.New("the file is cut off")
	}
	return err
}

// maxWhole is the largest content that Write compresses in one piece, with all
// the effort there is: as much again in memory, and a second for each 2 MB.
const maxWhole = 64 << 20

// Write writes f to w as a compressed model file, and reads back what it
// writes. The bytes depend on f alone; those of a small file are Encode's. A
// large one goes through in pieces: it needs little memory besides f.
func Write(w io.Writer, f *weights.File) error {
	errSmall := errors.New("small")
	err := writePieces(w, f, func(size int64) error {
		if size <= maxWhole {
			return errSmall
		}
		return nil
	})
	if !errors.Is(err, errSmall) {
		return err
	}
	b, err := Encode(f)
	if err != nil {
		return err
	}
	_, err = w.Write(b)
	return err
}

func writePieces(w io.Writer, f *weights.File, begin func(size int64) error) error {
	enc, err := zstd.NewWriter(nil, zstd.WithEncoderCRC(true), zstd.WithEncoderConcurrency(1),
		zstd.WithWindowSize(1<<20), zstd.WithEncoderLevel(zstd.SpeedBetterCompression))
	if err != nil {
		return fmt.Errorf("weights: zstd: %w", err)
	}
	copied, back := io.Pipe()
	readBack := make(chan error, 1)
	wrote, read := sha256.New(), sha256.New()
	go func() {
		dec, err := zstd.NewReader(copied, zstd.WithDecoderConcurrency(1), zstd.WithDecoderLowmem(true))
		if err == nil {
			defer dec.Close()
			_, err = io.Copy(read, dec)
		}
		copied.CloseWithError(err) // a failure ends the writing
		readBack <- err
	}()
	err = f.Write(io.MultiWriter(enc, wrote), func(size int64) error {
		enc.ResetContentSize(io.MultiWriter(w, back), size)
		return begin(size)
	})
	if err == nil {
		err = enc.Close()
	}
	back.CloseWithError(err)
	if again := <-readBack; err == nil && again != nil {
		err = fmt.Errorf("weights: reading back: %w", again)
	}
	if err == nil && !bytes.Equal(wrote.Sum(nil), read.Sum(nil)) {
		err = errors.New("weights: reading back gives other bytes")
	}
	return err
}

// Encode writes f as a compressed model file. The bytes depend on f alone.
func Encode(f *weights.File) ([]byte, error) {
	content, err := f.Append(nil)
	if err != nil {
		return nil, err
	}
	enc, err := zstd.NewWriter(nil, zstd.WithEncoderCRC(true), zstd.WithSingleSegment(true),
		zstd.WithEncoderConcurrency(1), zstd.WithEncoderLevel(zstd.SpeedBestCompression))
	if err != nil {
		return nil, fmt.Errorf("weights: zstd: %w", err)
	}
	b := enc.EncodeAll(content, nil)
	if err := enc.Close(); err != nil {
		return nil, fmt.Errorf("weights: zstd: %w", err)
	}
	// What was written is read again before anyone relies on it.
	again, err := Unpack(b)
	if err != nil {
		return nil, fmt.Errorf("weights: reading back: %w", err)
	}
	if !bytes.Equal(again, content) {
		return nil, errors.New("weights: reading back gives other bytes")
	}
	return b, nil
}

// Package pretrained holds the model that the programs use when they are given
// none: `default`, a bidirectional LSTM over word pieces that labels short
// English posts Negative, Neutral or Positive. docs/models.md describes it.
package pretrained

import (
	_ "embed"
	"fmt"

	"coldstream/weights"
	"coldstream/weights/zst"
)

// packed is the compressed model file, written by the command at the top of
// tools/keras/remake.sh.
//
//go:embed default.safetensors.zst
var packed []byte

// Default returns the default model. Each call reads it anew, so the caller may
// change the File.
func Default() (*weights.File, error) {
	f, err := zst.Decode(packed)
	if err != nil {
		return nil, fmt.Errorf("pretrained: %w", err)
	}
	return f, nil
}

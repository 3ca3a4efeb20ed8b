package keras

import (
	"archive/zip"
	"bytes"
	"fmt"
	"runtime"
	"strings"
	"testing"
)

// TestSmallFilesAllocateLittle: what a file of some hundred bytes claims is not
// believed before it is there.
func TestSmallFilesAllocateLittle(t *testing.T) {
	// archive has the given config, whose header claims size bytes.
	archive := func(config string, size uint64) []byte {
		var b bytes.Buffer
		z := zip.NewWriter(&b)
		for name, content := range map[string]string{metadataMember: `{"keras_version":"3.15.1"}`, weightsMember: hdf5Signature} {
			w, err := z.Create(name)
			if err != nil {
				t.Fatal(err)
			}
			w.Write([]byte(content))
		}
		w, err := z.CreateRaw(&zip.FileHeader{Name: configMember, Method: zip.Deflate, CompressedSize64: uint64(len(config)), UncompressedSize64: size})
		if err != nil {
			t.Fatal(err)
		}
		w.Write([]byte(config))
		if err := z.Close(); err != nil {
			t.Fatal(err)
		}
		return b.Bytes()
	}
	sequential := func(layers string) string {
		return fmt.Sprintf(`{"class_name":"Sequential","keras_version":"2.15.0","config":{"layers":[%s]}}`, layers)
	}
	weights := goldenFile(t, "2", "lstm_with_mask/weights.h5")
	for name, c := range map[string]struct{ file, config []byte }{
		"a member that claims 4 GiB":   {archive("{}", 1<<32), nil},
		"a member that claims 64 MiB":  {archive("{}", 64<<20), nil},
		"a signature alone":            {[]byte(hdf5Signature + strings.Repeat("\xff", 90)), nil},
		"deep JSON":                    {weights, bytes.Repeat([]byte("["), 100)},
		"an input of 2^40 numbers":     {weights, []byte(sequential(`{"class_name":"InputLayer","config":{"name":"i","batch_input_shape":[null,1048576,1048576]}}`))},
		"an embedding of 2^60 numbers": {weights, []byte(sequential(`{"class_name":"Embedding","config":{"name":"e","input_dim":1073741824,"output_dim":1073741824}}`))},
		"a layer of 2^31 units":        {weights, []byte(sequential(`{"class_name":"LSTM","config":{"name":"l","units":2147483647,"batch_input_shape":[null,3,2]}}`))},
	} {
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		_, err := Parse(c.file, Options{Config: c.config})
		runtime.ReadMemStats(&after)
		if err == nil {
			t.Errorf("%s: accepted", name)
		}
		if n := after.TotalAlloc - before.TotalAlloc; n > 64<<20 {
			t.Errorf("%s: allocated %d bytes", name, n)
		}
	}
}

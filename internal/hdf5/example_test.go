package hdf5_test

import (
	"fmt"
	"log"
	"os"

	"coldstream/internal/hdf5"
)

// Weights of a legacy Keras file stand in the order of the attributes layer_names
// and weight_names.
func Example() {
	b, err := os.ReadFile("testdata/keras/01_keras2_v0.h5")
	if err != nil {
		log.Fatal(err)
	}
	f, err := hdf5.Open(b)
	if err != nil {
		log.Fatal(err)
	}
	root, err := f.Root()
	if err != nil {
		log.Fatal(err)
	}
	weights, err := root.Group("model_weights")
	if err != nil {
		log.Fatal(err)
	}
	lstm, err := weights.Group("lstm")
	if err != nil {
		log.Fatal(err)
	}
	a, err := lstm.Attr("weight_names")
	if err != nil {
		log.Fatal(err)
	}
	names, err := a.Strings()
	if err != nil {
		log.Fatal(err)
	}
	for _, name := range names {
		d, err := lstm.Dataset(name)
		if err != nil {
			log.Fatal(err)
		}
		v, err := d.Float32s()
		if err != nil {
			log.Fatal(err)
		}
		fmt.Println(name, d.Shape(), d.Type(), len(v))
	}
	// Output:
	// lstm/lstm_cell/kernel:0 [16 32] float32 512
	// lstm/lstm_cell/recurrent_kernel:0 [8 32] float32 256
	// lstm/lstm_cell/bias:0 [32] float32 32
}

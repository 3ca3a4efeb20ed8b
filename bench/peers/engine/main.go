// Command engine is coldstream as a worker of bench/peers: it answers lines on
// stdin with lines on stdout, as bench/peers/README.md says.
//
//	engine [-kernels NAME] [-padskip=false] [-int8] FOLDER
//	engine -list
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"runtime"
	"strings"

	"coldstream/lstm"
)

func main() {
	if err := run(context.Background(), os.Args[1:], os.Stdin, os.Stdout, os.Stderr); err != nil {
		fmt.Fprintln(os.Stderr, "engine:", err)
		os.Exit(1)
	}
}

func run(_ context.Context, args []string, stdin io.Reader, stdout, stderr io.Writer) error {
	flags := flag.NewFlagSet("engine", flag.ContinueOnError)
	flags.SetOutput(stderr)
	kernels := flags.String("kernels", "", "implementation of the arithmetic; the fastest if empty")
	padSkip := flags.Bool("padskip", true, "start from kept states of padding instead of computing it")
	int8s := flags.Bool("int8", false, "weights as bytes, recurrent products in integers")
	list := flags.Bool("list", false, "print the implementations that run here and exit")
	if err := flags.Parse(args); err != nil {
		return err
	}
	if *list {
		fmt.Fprintln(stdout, strings.Join(lstm.Kernels(), " "))
		return nil
	}
	if flags.NArg() != 1 {
		return errors.New("one argument is expected, the folder of the networks")
	}
	w := &worker{
		folder: flags.Arg(0),
		// Equal posts would be a gain that no other engine has.
		options: lstm.Options{Kernels: *kernels, NoPadSkip: !*padSkip, NoDedupe: true},
		int8:    *int8s,
		loaded:  map[string]*network{},
	}
	fmt.Fprintf(stdout, "ready coldstream, %s\n", runtime.Version())
	return w.serve(stdin, stdout)
}

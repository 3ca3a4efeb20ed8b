// Command server is an endpoint that is up, or goes wrong as MODE names it.
package main

import (
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"time"
)

func main() {
	switch os.Getenv("MODE") {
	case "crash":
		fmt.Fprintln(os.Stderr, "address in use")
		os.Exit(1)
	case "hang":
		time.Sleep(time.Hour)
	case "child": // which has to end too
		child := exec.Command("/bin/sleep", "3600")
		if err := child.Start(); err != nil {
			os.Exit(1)
		}
	}
	fmt.Fprintln(os.Stderr, http.ListenAndServe("127.0.0.1:"+os.Getenv("PORT"), http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/" {
			os.Exit(1) // only "ends" is asked for more than its health
		}
	})))
}

// Package peers has the tests of bench/peers' report. The measurement itself is
// run.sh, the worker of coldstream is in engine.
package peers

import (
	"os/exec"
	"testing"
)

// TestReport runs test_report.py, which needs Python without any package.
func TestReport(t *testing.T) {
	python, err := exec.LookPath("python3")
	if err != nil {
		t.Skip("there is no python3: the report of bench/peers is not tested")
	}
	if err := exec.CommandContext(t.Context(), python, "-c", "import sys; sys.exit(sys.version_info < (3, 9))").Run(); err != nil {
		t.Skip("python3 is older than 3.9: the report of bench/peers is not tested")
	}
	out, err := exec.CommandContext(t.Context(), python, "-B", "test_report.py").CombinedOutput()
	if err != nil {
		t.Errorf("test_report.py: %v\n%s", err, out)
	}
}

// TestShell lets the shell read run.sh.
func TestShell(t *testing.T) {
	sh, err := exec.LookPath("sh")
	if err != nil {
		t.Skip("there is no sh")
	}
	if out, err := exec.CommandContext(t.Context(), sh, "-n", "run.sh").CombinedOutput(); err != nil {
		t.Errorf("run.sh: %v\n%s", err, out)
	}
}

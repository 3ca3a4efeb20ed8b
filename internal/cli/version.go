package cli

import (
	"regexp"
	"runtime/debug"
)

// release matches the versions of releases; what is built from a checkout has
// its commit in its version, which has no place in the files it writes.
var release = regexp.MustCompile(`^v\d+\.\d+\.\d+$`)

// Version is the release that this program is, or "dev".
func Version() string {
	info, ok := debug.ReadBuildInfo()
	if !ok || !release.MatchString(info.Main.Version) {
		return "dev"
	}
	return info.Main.Version
}

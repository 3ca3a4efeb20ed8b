package s3objects

import (
	"fmt"
	"path/filepath"
	"strings"
	"unicode/utf8"
)

// escaped begins the parts of a file's name that are not those of the key.
const escaped = "%="

// FileName returns the name that Download gives to the object, below its
// directory: the key behind the last slash of the prefix. Parts that cannot stand
// in a path, which are "", ".", ".." and those with a backslash, a control
// character or no UTF-8, become "%=" and their bytes in percent-encoding, and so
// do parts that begin with "%=". No two keys under the prefix have one name, and
// no name leads out of the directory.
func (p Place) FileName(key string) string {
	parts := strings.Split(p.relative(key), "/")
	for i, part := range parts {
		if !plain(part) {
			parts[i] = escaped + escape(part)
		}
	}
	return filepath.Join(parts...)
}

// plain tells whether part can be one part of a path everywhere on this system.
func plain(part string) bool {
	if part == "." || strings.HasPrefix(part, escaped) || !filepath.IsLocal(part) || !utf8.ValidString(part) {
		return false
	}
	return !strings.ContainsFunc(part, func(c rune) bool { return c < ' ' || c == 0x7f || c == '\\' })
}

func escape(part string) string {
	var b strings.Builder
	for _, c := range []byte(part) {
		if 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' || c == '-' || c == '_' {
			b.WriteByte(c)
			continue
		}
		fmt.Fprintf(&b, "%%%02X", c)
	}
	return b.String()
}

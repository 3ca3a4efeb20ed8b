package language

import "strings"

// Matches reports whether one of the declared language tags is one of the wanted
// ones. Either may be several with commas between; what counts is the base of a
// tag, without regard to case: "en-US,ja" matches "en". No tag matches nothing.
func Matches(declared, want string) bool {
	for d := range strings.SplitSeq(declared, ",") {
		d = base(d)
		if d == "" {
			continue
		}
		for w := range strings.SplitSeq(want, ",") {
			if strings.EqualFold(d, base(w)) {
				return true
			}
		}
	}
	return false
}

// base returns the primary subtag: en of "en-US" and of "en_GB". The codes that
// ISO 639 withdrew in 1989 and that services still use become today's, and the
// two written forms of Norwegian, which few declare, become no.
func base(tag string) string {
	tag = strings.TrimSpace(tag)
	if i := strings.IndexAny(tag, "-_"); i >= 0 {
		tag = tag[:i]
	}
	if len(tag) != 2 {
		return tag
	}
	for _, old := range [...]struct{ from, to string }{{"iw", "he"}, {"in", "id"}, {"ji", "yi"}, {"nb", "no"}, {"nn", "no"}} {
		if strings.EqualFold(tag, old.from) {
			return old.to
		}
	}
	return tag
}

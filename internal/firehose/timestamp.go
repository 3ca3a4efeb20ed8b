package firehose

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

// timestamp is a compiled pattern of Java's DateTimeFormatter in the locale
// en_US, as prefixes use it. Fractions of a second are zero: the service
// evaluates whole seconds.
// https://docs.oracle.com/javase/8/docs/api/java/time/format/DateTimeFormatter.html
type timestamp []func(dst []byte, t time.Time) []byte

func (f timestamp) append(dst []byte, t time.Time) []byte {
	for _, field := range f {
		dst = field(dst, t)
	}
	return dst
}

// field makes the field of a letter repeated n times, or nil where Java refuses
// that number.
type field func(n int) func(dst []byte, t time.Time) []byte

var fields = map[byte]field{
	'G': text(3, func(time.Time) string { return "AD" }, func(time.Time) string { return "Anno Domini" }, func(time.Time) string { return "A" }),
	'u': year(time.Time.Year),
	'y': year(time.Time.Year),
	'Y': year(func(t time.Time) int { y, _ := week(t); return y }),
	'D': number(3, time.Time.YearDay),
	'M': month,
	'L': month,
	'd': number(2, time.Time.Day),
	'Q': quarter,
	'q': quarter,
	'w': number(2, func(t time.Time) int { _, w := week(t); return w }),
	'E': text(3, func(t time.Time) string { return t.Format("Mon") }, func(t time.Time) string { return t.Format("Monday") }, func(t time.Time) string { return t.Format("Mon")[:1] }),
	'a': text(1, func(t time.Time) string { return t.Format("PM") }, nil, nil),
	'H': number(2, time.Time.Hour),
	'k': number(2, func(t time.Time) int { return (t.Hour()+23)%24 + 1 }),
	'K': number(2, func(t time.Time) int { return t.Hour() % 12 }),
	'h': number(2, func(t time.Time) int { return (t.Hour()+11)%12 + 1 }),
	'm': number(2, time.Time.Minute),
	's': number(2, time.Time.Second),
	'S': fraction,
	'X': offset([5]string{"Z07", "Z0700", "Z07:00", "Z0700", "Z07:00"}),
	'x': offset([5]string{"-07", "-0700", "-07:00", "-0700", "-07:00"}),
	'Z': offset([5]string{"-0700", "-0700", "-0700", "", "Z07:00"}),
	'z': text(3, func(t time.Time) string { return t.Format("MST") }, nil, nil),
}

// compileTimestamp compiles what stands after "timestamp:".
func compileTimestamp(pattern string) (timestamp, error) {
	var f timestamp
	if pattern == "" {
		return nil, fmt.Errorf("the pattern is empty")
	}
	literal := func(s string) {
		f = append(f, func(dst []byte, _ time.Time) []byte { return append(dst, s...) })
	}
	open := 0 // optional sections; when formatting, every field of them is there
	for i := 0; i < len(pattern); {
		c := pattern[i]
		switch {
		case c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z':
			n := 1
			for i+n < len(pattern) && pattern[i+n] == c {
				n++
			}
			newField, known := fields[c]
			if !known {
				return nil, fmt.Errorf("pattern letter %q is not supported; put text in single quotes", c)
			}
			field := newField(n)
			if field == nil {
				return nil, fmt.Errorf("%d pattern letters %q: that many are not allowed", n, c)
			}
			f = append(f, field)
			i += n
		case c == '\'':
			text, n := quoted(pattern[i:])
			if n == 0 {
				return nil, fmt.Errorf("a single quote is not closed")
			}
			literal(text)
			i += n
		case c == '{' || c == '}' || c == '#':
			return nil, fmt.Errorf("%q is reserved; put it in single quotes", c)
		case c == '[':
			open++
			i++
		case c == ']':
			if open--; open < 0 {
				return nil, fmt.Errorf("%q without %q", ']', '[')
			}
			i++
		default:
			literal(pattern[i : i+1])
			i++
		}
	}
	return f, nil
}

// quoted reads a quoted text at the start of s, of n bytes with its quotes. Two
// single quotes are one, inside and outside of quotes.
func quoted(s string) (text string, n int) {
	if strings.HasPrefix(s, "''") {
		return "'", 2
	}
	var b strings.Builder
	for i := 1; i < len(s); i++ {
		if s[i] != '\'' {
			b.WriteByte(s[i])
			continue
		}
		if i+1 == len(s) || s[i+1] != '\'' {
			return b.String(), i + 1
		}
		b.WriteByte('\'')
		i++
	}
	return "", 0
}

func padded(dst []byte, v, width int) []byte {
	s := strconv.Itoa(v)
	for range width - len(s) {
		dst = append(dst, '0')
	}
	return append(dst, s...)
}

// number is a field of at most most letters, padded to their number.
func number(most int, value func(time.Time) int) field {
	return func(n int) func([]byte, time.Time) []byte {
		if n > most {
			return nil
		}
		return func(dst []byte, t time.Time) []byte { return padded(dst, value(t), n) }
	}
}

// year has two digits for two letters.
func year(value func(time.Time) int) field {
	return func(n int) func([]byte, time.Time) []byte {
		if n == 2 {
			return func(dst []byte, t time.Time) []byte { return padded(dst, value(t)%100, 2) }
		}
		return func(dst []byte, t time.Time) []byte { return padded(dst, value(t), n) }
	}
}

// text is a short form for up to short letters, a full one for four, a narrow
// one for five; nil forms are refused.
func text(short int, abbreviated, full, narrow func(time.Time) string) field {
	return func(n int) func([]byte, time.Time) []byte {
		value := abbreviated
		switch {
		case n <= short:
		case n == 4 && full != nil:
			value = full
		case n == 5 && narrow != nil:
			value = narrow
		default:
			return nil
		}
		return func(dst []byte, t time.Time) []byte { return append(dst, value(t)...) }
	}
}

func month(n int) func([]byte, time.Time) []byte {
	if n <= 2 {
		return number(2, func(t time.Time) int { return int(t.Month()) })(n)
	}
	return text(3, func(t time.Time) string { return t.Format("Jan") }, func(t time.Time) string { return t.Format("January") },
		func(t time.Time) string { return t.Format("Jan")[:1] })(n)
}

func quarter(n int) func([]byte, time.Time) []byte {
	value := func(t time.Time) int { return (int(t.Month()) + 2) / 3 }
	if n <= 2 {
		return number(2, value)(n)
	}
	names := [...]string{"1st quarter", "2nd quarter", "3rd quarter", "4th quarter"}
	return text(3, func(t time.Time) string { return "Q" + strconv.Itoa(value(t)) }, func(t time.Time) string { return names[value(t)-1] },
		func(t time.Time) string { return strconv.Itoa(value(t)) })(n)
}

func fraction(n int) func([]byte, time.Time) []byte {
	if n > 9 {
		return nil
	}
	return func(dst []byte, _ time.Time) []byte { return append(dst, "000000000"[:n]...) }
}

// offset is an offset from UTC; an empty layout is refused.
func offset(layouts [5]string) field {
	return func(n int) func([]byte, time.Time) []byte {
		if n > len(layouts) || layouts[n-1] == "" {
			return nil
		}
		return func(dst []byte, t time.Time) []byte {
			layout := layouts[n-1]
			if _, seconds := t.Zone(); n == 1 && seconds%3600 != 0 {
				layout = layouts[1] // minutes are left out only when zero
			}
			return t.AppendFormat(dst, layout)
		}
	}
}

// week is the week-based year and its week as the USA counts: weeks begin on
// Sunday, and the one with January 1 is the first.
func week(t time.Time) (year, number int) {
	year = t.Year()
	newYear := time.Date(year, time.January, 1, 0, 0, 0, 0, time.UTC)
	number = (t.YearDay()-1+int(newYear.Weekday()))/7 + 1
	next := newYear.AddDate(1, 0, 0)
	daysLeft := next.AddDate(0, 0, -1).YearDay() - t.YearDay() + 1
	if daysLeft <= int(next.Weekday()) {
		return year + 1, 1
	}
	return year, number
}

package pickle

import (
	"encoding/binary"
	"math"
	"strconv"
	"strings"
)

// machine is a pickle machine that can build data only: the few calls a Tokenizer
// needs are known by name and done here, and everything else is refused.
//
// Its memory is bounded by the length of the input: an opcode pushes or stores at
// most one value, lengths are compared with what is left before anything is done,
// slots of the memo with what has been read, and containers are counted.
type machine struct {
	in         string
	at         int // position of the next byte
	stack      []any
	memo       []any
	containers int
}

// load runs a pickle and returns what it builds.
func load(b []byte) any {
	m := &machine{in: string(b)}
	// No container of a real pickle takes less than four bytes, but for a few.
	m.containers = 100 + len(b)/4
	for {
		op := m.byte()
		if op == opStop {
			return m.pop()
		}
		do := opcodes[op]
		if do == nil {
			m.reject(op)
		}
		do(m)
	}
}

const opStop = '.'

// opcodes holds what each opcode does, by the names of Python's pickletools.
// Opcodes that no Tokenizer needs are missing.
var opcodes = [256]func(*machine){
	0x80: (*machine).proto,
	0x95: (*machine).frame,

	'(': func(m *machine) { m.push(mark{}) },  // MARK
	'0': func(m *machine) { m.popAny() },      // POP
	'1': func(m *machine) { m.toMark() },      // POP_MARK
	'2': func(m *machine) { m.push(m.top()) }, // DUP

	'N':  func(m *machine) { m.push(nil) },   // NONE
	0x88: func(m *machine) { m.push(true) },  // NEWTRUE
	0x89: func(m *machine) { m.push(false) }, // NEWFALSE

	'I':  (*machine).intLine,                                              // INT
	'L':  (*machine).longLine,                                             // LONG
	'K':  func(m *machine) { m.push(int64(m.byte())) },                    // BININT1
	'M':  func(m *machine) { m.push(int64(m.uint(2))) },                   // BININT2
	'J':  func(m *machine) { m.push(int64(int32(m.uint(4)))) },            // BININT
	0x8a: (*machine).long1,                                                // LONG1
	'F':  (*machine).floatLine,                                            // FLOAT
	'G':  (*machine).binFloat,                                             // BINFLOAT
	'S':  func(m *machine) { m.push(unquote(m.line())) },                  // STRING
	'U':  func(m *machine) { m.push(m.take(uint64(m.byte()))) },           // SHORT_BINSTRING
	'T':  func(m *machine) { m.push(m.take(m.uint(4))) },                  // BINSTRING
	'V':  func(m *machine) { m.push(rawUnicode(m.line())) },               // UNICODE
	'X':  func(m *machine) { m.push(m.take(m.uint(4))) },                  // BINUNICODE
	0x8c: func(m *machine) { m.push(m.take(uint64(m.byte()))) },           // SHORT_BINUNICODE
	0x8d: func(m *machine) { m.push(m.take(m.uint(8))) },                  // BINUNICODE8
	'C':  func(m *machine) { m.push(rawBytes(m.take(uint64(m.byte())))) }, // SHORT_BINBYTES
	'B':  func(m *machine) { m.push(rawBytes(m.take(m.uint(4)))) },        // BINBYTES
	0x8e: func(m *machine) { m.push(rawBytes(m.take(m.uint(8)))) },        // BINBYTES8

	'}':  func(m *machine) { m.push(m.newDict(nil)) },                // EMPTY_DICT
	'd':  func(m *machine) { m.push(m.newDict(m.toMark())) },         // DICT
	']':  func(m *machine) { m.count(); m.push(&list{}) },            // EMPTY_LIST
	'l':  func(m *machine) { m.count(); m.push(&list{m.toMark()}) },  // LIST
	')':  func(m *machine) { m.count(); m.push(&tuple{}) },           // EMPTY_TUPLE
	't':  func(m *machine) { m.count(); m.push(&tuple{m.toMark()}) }, // TUPLE
	0x85: func(m *machine) { m.count(); m.push(&tuple{m.popN(1)}) },  // TUPLE1
	0x86: func(m *machine) { m.count(); m.push(&tuple{m.popN(2)}) },  // TUPLE2
	0x87: func(m *machine) { m.count(); m.push(&tuple{m.popN(3)}) },  // TUPLE3
	's':  func(m *machine) { m.setItems(m.popN(2)) },                 // SETITEM
	'u':  func(m *machine) { m.setItems(m.toMark()) },                // SETITEMS
	'a':  func(m *machine) { m.appendItems(m.popN(1)) },              // APPEND
	'e':  func(m *machine) { m.appendItems(m.toMark()) },             // APPENDS

	'c':  func(m *machine) { m.find(m.line(), m.line()) }, // GLOBAL
	0x93: (*machine).stackGlobal,                          // STACK_GLOBAL
	'R':  (*machine).reduce,                               // REDUCE
	0x81: (*machine).newObject,                            // NEWOBJ
	'b':  (*machine).build,                                // BUILD

	'p':  func(m *machine) { m.put(m.slotLine()) },        // PUT
	'q':  func(m *machine) { m.put(uint64(m.byte())) },    // BINPUT
	'r':  func(m *machine) { m.put(m.uint(4)) },           // LONG_BINPUT
	0x94: func(m *machine) { m.put(uint64(len(m.memo))) }, // MEMOIZE
	'g':  func(m *machine) { m.get(m.slotLine()) },        // GET
	'h':  func(m *machine) { m.get(uint64(m.byte())) },    // BINGET
	'j':  func(m *machine) { m.get(m.uint(4)) },           // LONG_BINGET
}

// reject explains why an opcode is not run.
func (m *machine) reject(op byte) {
	names := map[byte]string{
		'P': "a persistent id", 'Q': "a persistent id",
		0x82: "an extension code", 0x83: "an extension code", 0x84: "an extension code",
		'i': "an instance of an old-style class (INST)", 'o': "an instance of an old-style class (OBJ)",
		0x8b: "an integer of more than 255 bytes (LONG4)", 0x8f: "a set", 0x90: "a set", 0x91: "a frozenset",
		0x92: "a call with keywords (NEWOBJ_EX)", 0x96: "a bytearray", 0x97: "an out-of-band buffer", 0x98: "an out-of-band buffer",
	}
	if name, ok := names[op]; ok {
		refuse("%s is not part of a Tokenizer", name)
	}
	if m.at == 1 {
		damaged("this is not a pickle: it begins with %q", m.in[:1])
	}
	damaged("unknown opcode %#02x at byte %d", op, m.at-1)
}

// ---- input ----

func (m *machine) take(n uint64) string {
	if n > uint64(len(m.in)-m.at) {
		damaged("%d bytes are announced at byte %d, %d are left", n, m.at, len(m.in)-m.at)
	}
	s := m.in[m.at:][:n]
	m.at += int(n)
	return s
}

func (m *machine) byte() byte {
	if m.at == len(m.in) {
		damaged("the pickle ends early, at byte %d", m.at)
	}
	m.at++
	return m.in[m.at-1]
}

// uint reads a little-endian integer of n bytes.
func (m *machine) uint(n int) uint64 {
	var b [8]byte
	copy(b[:], m.take(uint64(n)))
	return binary.LittleEndian.Uint64(b[:])
}

func (m *machine) line() string {
	n := strings.IndexByte(m.in[m.at:], '\n')
	if n < 0 {
		damaged("the line at byte %d has no end", m.at)
	}
	s := m.take(uint64(n))
	m.at++
	return s
}

func (m *machine) proto() {
	if v := m.byte(); v > 5 {
		refuse("pickle protocol %d is not known (0 to 5 are)", v)
	}
}

func (m *machine) frame() {
	if n := m.uint(8); n > uint64(len(m.in)-m.at) {
		damaged("a frame of %d bytes at byte %d, %d are left", n, m.at, len(m.in)-m.at)
	}
}

// ---- stack ----

func (m *machine) push(v any) { m.stack = append(m.stack, v) }

func (m *machine) popAny() any {
	if len(m.stack) == 0 {
		damaged("nothing is on the stack at byte %d", m.at)
	}
	v := m.top()
	m.stack = m.stack[:len(m.stack)-1]
	return v
}

// pop removes the value on top, which must be no mark.
func (m *machine) pop() any { return m.popN(1)[0] }

// popN removes n values and returns them in the order they were pushed.
func (m *machine) popN(n int) []any {
	if len(m.stack) < n {
		damaged("%d values are wanted from a stack of %d at byte %d", n, len(m.stack), m.at)
	}
	from := len(m.stack) - n
	items := append([]any(nil), m.stack[from:]...)
	for _, v := range items {
		if _, ok := v.(mark); ok {
			damaged("a mark is used as a value at byte %d", m.at)
		}
	}
	m.stack = m.stack[:from]
	return items
}

func (m *machine) top() any {
	if len(m.stack) == 0 {
		damaged("nothing is on the stack at byte %d", m.at)
	}
	return m.stack[len(m.stack)-1]
}

// toMark removes everything down to the last mark and returns it without the mark.
func (m *machine) toMark() []any {
	for i := len(m.stack) - 1; i >= 0; i-- {
		if _, ok := m.stack[i].(mark); ok {
			items := append([]any(nil), m.stack[i+1:]...)
			m.stack = m.stack[:i]
			return items
		}
	}
	damaged("no mark is on the stack at byte %d", m.at)
	return nil
}

// ---- numbers ----

func (m *machine) intLine() {
	switch s := m.line(); s {
	case "00":
		m.push(false)
	case "01":
		m.push(true)
	default:
		m.push(m.parseInt(s))
	}
}

func (m *machine) longLine() { m.push(m.parseInt(strings.TrimSuffix(m.line(), "L"))) }

func (m *machine) parseInt(s string) int64 {
	n, err := strconv.ParseInt(s, 10, 64)
	if err != nil {
		damaged("the integer before byte %d is malformed or beyond 64 bits", m.at)
	}
	return n
}

// long1 reads a two's complement integer with its size in front.
func (m *machine) long1() {
	n := m.byte()
	if n > 8 {
		refuse("an integer of %d bytes is not part of a Tokenizer", n)
	}
	var v int64
	if n > 0 {
		unused := 64 - 8*uint(n)
		v = int64(m.uint(int(n))<<unused) >> unused
	}
	m.push(v)
}

func (m *machine) floatLine() {
	v, err := strconv.ParseFloat(m.line(), 64)
	if err != nil {
		damaged("the number before byte %d is malformed", m.at)
	}
	m.push(v)
}

func (m *machine) binFloat() {
	m.push(math.Float64frombits(binary.BigEndian.Uint64([]byte(m.take(8)))))
}

// ---- containers ----

func (m *machine) count() {
	if m.containers == 0 {
		refuse("%d bytes hold more lists and dictionaries than a Tokenizer has", len(m.in))
	}
	m.containers--
}

// newDict makes a dict of keys and values in turns.
func (m *machine) newDict(items []any) *dict {
	m.count()
	d := &dict{}
	m.fill(d, items)
	return d
}

func (m *machine) fill(d *dict, items []any) {
	if len(items)%2 != 0 {
		damaged("a key without a value at byte %d", m.at)
	}
	for i := 0; i < len(items); i += 2 {
		d.set(items[i], items[i+1])
	}
}

func (m *machine) setItems(items []any) {
	d, ok := m.top().(*dict)
	if !ok {
		damaged("items are set on a %s at byte %d", typeName(m.top()), m.at)
	}
	m.fill(d, items)
}

func (m *machine) appendItems(items []any) {
	l, ok := m.top().(*list)
	if !ok {
		damaged("items are appended to a %s at byte %d", typeName(m.top()), m.at)
	}
	l.items = append(l.items, items...)
}

// ---- memo ----

func (m *machine) slotLine() uint64 {
	n, err := strconv.ParseUint(m.line(), 10, 32)
	if err != nil {
		damaged("the memo slot before byte %d is malformed", m.at)
	}
	return n
}

// put stores the value on top. Picklers number the slots as they go, so a slot
// beyond the bytes read so far is a lie.
func (m *machine) put(slot uint64) {
	if slot > uint64(m.at) {
		damaged("memo slot %d is used at byte %d", slot, m.at)
	}
	v := m.top()
	for uint64(len(m.memo)) <= slot {
		m.memo = append(m.memo, mark{})
	}
	m.memo[slot] = v
}

func (m *machine) get(slot uint64) {
	if slot < uint64(len(m.memo)) {
		if _, empty := m.memo[slot].(mark); !empty {
			m.push(m.memo[slot])
			return
		}
	}
	damaged("memo slot %d is read before it is written, at byte %d", slot, m.at)
}

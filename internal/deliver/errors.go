package deliver

// permanent, notAccepted and poisoned are what a Putter may know of a request
// that failed as a whole.
type (
	permanent   struct{ error }
	notAccepted struct{ error }
	poisoned    struct{ error }
)

func (p permanent) Unwrap() error   { return p.error }
func (n notAccepted) Unwrap() error { return n.error }
func (p poisoned) Unwrap() error    { return p.error }

// Permanent marks err as one that trying again cannot mend: the run ends.
func Permanent(err error) error { return permanent{err} }

// NotAccepted marks err as an answer after which no record was accepted, such
// as a request to slow down: sending the records again doubles none.
func NotAccepted(err error) error { return notAccepted{err} }

// Poisoned marks err as the refusal of a request because of what stands in one
// of its records. The request is sent again in halves until the record is found;
// that one is a dead letter.
func Poisoned(err error) error { return poisoned{err} }
